"""/api/v1/transactions: the list, one by hash with what it did, and what the node says is pending."""

from typing import Annotated, Literal

import msgspec
from litestar import Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from explorer_api.answer import AnswerResponse, Lifetime
from explorer_api.answers.envelope import Listed
from explorer_api.answers.transactions import PendingTransaction, TransactionAnswer, TransactionSummary
from explorer_api.pages import LIMIT_DEFAULT, Page, PageRequest
from explorer_api.parameters import CursorText, HashInPath, Limit, block_number_of, hash_of
from explorer_api.pending import PendingTransactions
from explorer_api.problems import NodeFailed
from explorer_api.reading import Explorer, Row, queries
from explorer_api.routes import transaction_contents
from explorer_api.scans import BLOCKS_MAX, Span, is_chunked
from service.http.problems import BadParameter, NotFound, NotSupported

WITHIN_MAX = 100
"""Logs, token transfers and internal transfers that are shown within a transaction."""

_STATUS = {"failed": 0, "succeeded": 1}
_LIVE_S = 1.0

FromBlock = Annotated[str | None, Parameter(description="Lowest block.")]
ToBlock = Annotated[str | None, Parameter(description="Highest block.")]


def routes(explorer: Explorer) -> Router:
    pending = PendingTransactions(explorer)

    @get(
        "/",
        summary="Transactions, newest first",
        description="With a filter a page looks at so many blocks and no more: it may be short, even empty, "
        "and go on.",
        operation_id="listTransactions",
        responses={200: ResponseSpec(Listed[TransactionSummary], description="A page of transactions")},
    )
    async def list_transactions(
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = None,
        from_block: FromBlock = None,
        to_block: ToBlock = None,
        status: Annotated[
            Literal["succeeded", "failed"] | None, Parameter(description="Only those that ended so.")
        ] = None,
        contract_creation: Annotated[
            bool | None, Parameter(description="Only those that create a contract, or only others.")
        ] = None,
    ) -> AnswerResponse:
        first, last = block_range(from_block, to_block)
        listing = f"transactions:{first}:{last}:{status}:{contract_creation}"
        request = PageRequest.of(listing, limit, cursor, (int, int))
        is_filtered = status is not None or contract_creation is not None
        is_rare = status == "failed" or contract_creation is True
        most = min(BLOCKS_MAX, explorer.settings.queries.range_blocks_max) if is_filtered else 2**62
        span = Span.of(explorer, first, last)

        async def hint() -> Row | None:
            if not is_rare or request.backward:
                return None
            async with explorer.reader.connection() as connection:
                return await queries.select_hour_with.one(
                    connection, span.start(request), status == "failed", contract_creation is True
                )

        async def read(low: int, high: int, ends: bool) -> Row:
            number = None if status is None else _STATUS[status]
            wanted = (low, high, ends, number, contract_creation)
            return await explorer.read(queries.select_transactions, *request.arguments(), *wanted)

        asked: Row | None = None

        async def read_below(hour: Row | None) -> Row:
            nonlocal asked
            asked = hour
            return await span.read(
                request,
                read,
                blocks=min(most, (last is None) * 1_000 + limit + 1),
                blocks_max=most,
                highest=None if hour is None else hour["highest"],
            )

        row = await explorer.hinted(
            hint, read_below, lambda row: asked is None or asked["sequence"] == row["sequence"]
        )
        return explorer.page_of(row, request)

    @get(
        "/pending",
        summary="Transactions that wait for a block, as the node tells",
        operation_id="listPendingTransactions",
        responses={200: ResponseSpec(Listed[PendingTransaction], description="Pending transactions")},
    )
    async def list_pending_transactions(limit: Limit = LIMIT_DEFAULT) -> AnswerResponse:
        answers = msgspec.json.encode(await pending.first(limit)).decode()
        row = await explorer.read(queries.select_pending_transactions, limit, answers)
        page = Page(limit=limit, next=None, previous=None)
        return explorer.answer(row, lifetime=Lifetime.LIVE, ttl_s=_LIVE_S, page=page)

    @get(
        "/{transaction_hash:str}",
        summary="One transaction by hash: receipt, call, events, transfers; or pending, if the node knows it",
        operation_id="getTransaction",
        responses={200: ResponseSpec(TransactionAnswer, description="The transaction")},
    )
    async def get_transaction(transaction_hash: HashInPath) -> AnswerResponse:
        hash_ = hash_of("transaction_hash", transaction_hash)

        async def hint() -> int | None:
            if not is_chunked(explorer):
                return None
            found = await transaction_contents.block_of(explorer, hash_)
            return -1 if found is None else found

        row = await explorer.hinted(
            hint,
            lambda block: explorer.read(queries.select_transaction, hash_, block, WITHIN_MAX),
            lambda row: bool(row["holds"]),
        )
        if row["data"] is not None:
            return explorer.answer(row, lifetime=explorer.lifetime_of(row, row["block_number"]))
        answer = msgspec.json.encode(await _pending(pending, hash_)).decode()
        row = await explorer.read(queries.select_pending_transaction, answer)
        return explorer.answer(row, lifetime=Lifetime.LIVE, ttl_s=_LIVE_S)

    handlers = [list_transactions, list_pending_transactions, get_transaction]
    return Router(
        "/transactions",
        route_handlers=[*handlers, *transaction_contents.handlers(explorer)],
        tags=["transactions"],
    )


def block_range(from_block: str | None, to_block: str | None) -> tuple[int | None, int | None]:
    """Both ends of a filter by block. Raises `BadParameter`."""
    first = None if from_block is None else block_number_of("from_block", from_block)
    last = None if to_block is None else block_number_of("to_block", to_block)
    if first is not None and last is not None and first > last:
        raise BadParameter("to_block", last, f"a block number not below from_block, {first}")
    return first, last


async def _pending(pending: PendingTransactions, hash_: bytes) -> PendingTransaction:
    """What the node knows of a transaction that is not indexed. Raises `NotFound`."""
    absent = "no transaction on the indexed chain has this hash"
    try:
        found = await pending.find(hash_)
    except NotSupported as error:
        raise NotFound(f"{absent}; whether it is pending is not known: no node is configured") from error
    except NodeFailed as error:
        raise NotFound(f"{absent}; whether it is pending is not known: {error.detail}") from error
    if found is None:
        raise NotFound(f"{absent}, and the node does not know it either")
    return found
