"""/api/v1/network: figures of the whole network, and how much of it is indexed."""

from typing import Annotated

from litestar import Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from explorer_api.answer import AnswerResponse, Lifetime
from explorer_api.answers.envelope import Listed, One
from explorer_api.answers.network import Chart, Figure, Finality, Indexing, NetworkStats, Reorg
from explorer_api.pages import LIMIT_DEFAULT, PageRequest
from explorer_api.parameters import CursorText, Limit
from explorer_api.problems import NotDerived
from explorer_api.reading import Explorer, Row, queries
from explorer_api.series import From, Interval, Span, To

_PACE_BLOCKS = 100
_RANGES_MAX = 1_000


def routes(explorer: Explorer) -> Router:
    @get(
        "/stats",
        summary="Pace and load of the network, now and in all",
        operation_id="getNetworkStats",
        responses={200: ResponseSpec(One[NetworkStats], description="The figures")},
    )
    async def get_stats() -> AnswerResponse:
        head = explorer.tip.head
        row = await explorer.read(queries.select_network_stats, head - _PACE_BLOCKS, head)
        return explorer.answer(row)

    @get(
        "/charts/{figure:str}",
        summary="One figure for each hour or day",
        operation_id="getNetworkChart",
        responses={200: ResponseSpec(One[Chart], description="One point for each hour or day")},
    )
    async def get_chart(
        figure: Annotated[Figure, Parameter(description="Which figure.")],
        interval: Interval = "hour",
        from_: From = None,
        to: To = None,
    ) -> AnswerResponse:
        span = Span.of(interval, from_, to)
        row = await explorer.read(queries.select_network_chart, figure, *span.arguments())
        _require_derived(row)
        lifetime = span.lifetime(row)
        ttl_s = explorer.settings.cache.charts_s if lifetime is Lifetime.FINAL else None
        return explorer.answer(row, lifetime=lifetime, ttl_s=ttl_s)

    @get(
        "/reorgs",
        summary="Reorgs, newest first",
        operation_id="listReorgs",
        responses={200: ResponseSpec(Listed[Reorg], description="A page of reorgs")},
    )
    async def list_reorgs(limit: Limit = LIMIT_DEFAULT, cursor: CursorText = None) -> AnswerResponse:
        request = PageRequest.of("reorgs", limit, cursor, (int,))
        return await explorer.page(queries.select_reorgs, request, block_key=None)

    @get(
        "/finality",
        summary="How far blocks are final",
        operation_id="getFinality",
        responses={200: ResponseSpec(One[Finality], description="The newest final block")},
    )
    async def get_finality() -> AnswerResponse:
        return explorer.answer(await explorer.read(queries.select_finality))

    @get(
        "/indexing",
        summary="What is indexed, missing, derived and verified",
        operation_id="getIndexing",
        responses={200: ResponseSpec(One[Indexing], description="Ranges of blocks")},
    )
    async def get_indexing() -> AnswerResponse:
        # Verification moves without an announcement: it is read anew each time.
        row = await explorer.read(queries.select_indexing, _RANGES_MAX)
        return explorer.answer(row, lifetime=Lifetime.LIVE, ttl_s=1.0)

    handlers = [get_stats, get_chart, list_reorgs, get_finality, get_indexing]
    return Router("/network", route_handlers=handlers, tags=["network"])


def _require_derived(row: Row) -> None:
    first, last = row["complete_from"], row["complete_to"]
    if first is None or last < first:
        raise NotDerived("no block is summed up yet; ask again later")
