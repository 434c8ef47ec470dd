"""/api/v1/pools: Pend's pools, by the events of their contracts."""

from collections.abc import Callable
from typing import Any

from litestar import Request, Router, get
from litestar.openapi.datastructures import ResponseSpec

from explorer_api.answer import AnswerResponse, Lifetime
from explorer_api.answers.envelope import Listed, One
from explorer_api.answers.pools import Pool, PoolFlow, PoolPosition, PoolSeries
from explorer_api.keyset import address_key, number_key
from explorer_api.pages import LIMIT_DEFAULT, PageRequest
from explorer_api.parameters import AddressInPath, CursorText, Limit, address_of
from explorer_api.reading import Explorer, Row, queries
from explorer_api.series import From, Interval, Span, To
from explorer_api.windows import widening
from postgres.queries import Query
from service.http.problems import NotFound

_FLOW_BLOCKS = 10_000
_UNHEARD = 1_000
"""Blocks that may be stored above the highest that was heard of."""
_ANY_HIGH = 2**62


def routes(explorer: Explorer) -> Router:
    @get(
        "/",
        summary="Pools, newest first",
        operation_id="listPools",
        responses={200: ResponseSpec(Listed[Pool], description="A page of pools")},
    )
    async def list_pools(
        request: Request[Any, Any, Any], limit: Limit = LIMIT_DEFAULT, cursor: CursorText = None
    ) -> AnswerResponse:
        page = PageRequest.of("pools", limit, cursor, (int, str))
        *before, pool = page.arguments()
        with explorer.expensive(request):
            row = await explorer.read(queries.select_pools, *before, address_key(pool))
        return explorer.page_of(row, page, ttl_s=_kept_s(explorer))

    @get(
        "/{address:str}",
        summary="One pool",
        operation_id="getPool",
        responses={200: ResponseSpec(One[Pool], description="The pool")},
    )
    async def get_pool(address: AddressInPath) -> AnswerResponse:
        row = await _within(explorer, queries.select_pool, lambda pool: [pool], address)
        if row["data"] is None:
            raise _no_pool()
        return explorer.answer(row, ttl_s=_kept_s(explorer))

    @get(
        "/{address:str}/investors",
        summary="What wallets have in one pool, the largest balance first",
        operation_id="listPoolInvestors",
        responses={200: ResponseSpec(Listed[PoolPosition], description="A page of positions")},
    )
    async def list_investors(
        address: AddressInPath, limit: Limit = LIMIT_DEFAULT, cursor: CursorText = None
    ) -> AnswerResponse:
        page = PageRequest.of(f"pool_investors:{address.lower()}", limit, cursor, (str, str))
        *before, balance, wallet = page.arguments()
        keys = [number_key(balance), address_key(wallet)]
        row = await _within(
            explorer, queries.select_pool_investors, lambda pool: [*before, *keys, pool], address
        )
        if not row["is_pool"]:
            raise _no_pool()
        return explorer.page_of(row, page, block_key=None, ttl_s=_kept_s(explorer))

    @get(
        "/{address:str}/flows",
        summary="Investments into one pool and withdrawals from it, newest first",
        operation_id="listPoolFlows",
        responses={200: ResponseSpec(Listed[PoolFlow], description="A page of flows")},
    )
    async def list_flows(
        address: AddressInPath, limit: Limit = LIMIT_DEFAULT, cursor: CursorText = None
    ) -> AnswerResponse:
        pool = address_of("address", address)
        page = PageRequest.of(f"pool_flows:{pool.hex()}", limit, cursor, (int, int))
        lowest = await _begin(explorer, pool)
        newest = max(lowest, explorer.tip.head + _UNHEARD)
        key = None if page.cursor is None else int(page.cursor.keys[0])

        async def read(low: int, high: int) -> Row:
            return await explorer.read(queries.select_pool_flows, *page.arguments(), pool, low, high)

        row = await widening(
            read,
            start=newest if key is None else (key if page.backward else min(newest, key)),
            end=_ANY_HIGH if page.backward else lowest,
            blocks=_FLOW_BLOCKS,
            backward=page.backward,
            enough=lambda row: bool(row["more"]),
        )
        return explorer.page_of(row, page, ttl_s=_kept_s(explorer))

    @get(
        "/{address:str}/series",
        summary="One pool for each hour or day",
        operation_id="getPoolSeries",
        responses={200: ResponseSpec(One[PoolSeries], description="One point for each hour or day")},
    )
    async def get_series(
        address: AddressInPath, interval: Interval = "day", from_: From = None, to: To = None
    ) -> AnswerResponse:
        span = Span.of(interval, from_, to)
        row = await _within(
            explorer, queries.select_pool_series, lambda pool: [*span.arguments(), pool], address
        )
        if not row["is_pool"]:
            raise _no_pool()
        lifetime = span.lifetime(row)
        final = lifetime is Lifetime.FINAL
        return explorer.answer(
            row, lifetime=lifetime, ttl_s=explorer.settings.cache.charts_s if final else _kept_s(explorer)
        )

    handlers = [list_pools, get_pool, list_investors, list_flows, get_series]
    return Router("/pools", route_handlers=handlers, tags=["pools"])


def _kept_s(explorer: Explorer) -> float:
    return explorer.settings.cache.pools_s


async def _within(
    explorer: Explorer, query: Query, arguments: Callable[[bytes], list[Any]], address: str
) -> Row:
    """The row of a query whose last parameter is the lowest block in which the pool has events."""
    pool = address_of("address", address)
    return await explorer.hinted(
        lambda: _begin(explorer, pool),
        lambda low: explorer.read(query, *arguments(pool), low),
        lambda row: bool(row["hint_holds"]),
    )


async def _begin(explorer: Explorer, pool: bytes) -> int:
    """Nothing lies above _ANY_HIGH: nobody has seen this address."""
    async with explorer.reader.connection() as connection:
        low: int | None = await queries.select_pool_begin.value(connection, pool)
    return _ANY_HIGH if low is None else low


def _no_pool() -> NotFound:
    return NotFound("nobody has invested into this address in the blocks that are decoded")
