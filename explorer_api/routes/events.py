"""/api/v1/events: logs by contract, topics and blocks."""

from contextlib import nullcontext
from typing import Annotated, TypeAlias

from litestar import Request, Router, get
from litestar.datastructures import State
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from explorer_api.answer import AnswerResponse
from explorer_api.answers.envelope import Listed
from explorer_api.answers.logs import Log
from explorer_api.pages import LIMIT_DEFAULT, PageRequest
from explorer_api.parameters import BLOCK_NUMBER_MAX, CursorText, Limit, address_of, hash_of
from explorer_api.problems import NotIndexed, RangeTooWide
from explorer_api.reading import Explorer, Row, queries
from explorer_api.scans import CHUNKED_BLOCKS_MAX, ROWS_MAX, Span, is_chunked
from service.http.problems import BadParameter

BLOCKS_AT_FIRST = 10_000

FromBlock: TypeAlias = Annotated[
    int | None, Parameter(ge=0, le=BLOCK_NUMBER_MAX, description="Lowest block, included.")
]
ToBlock: TypeAlias = Annotated[
    int | None, Parameter(ge=0, le=BLOCK_NUMBER_MAX, description="Highest block, included.")
]
Topic: TypeAlias = Annotated[
    str | None, Parameter(description="What this topic must be: 0x and 64 hexadecimal digits.")
]


def routes(explorer: Explorer) -> Router:
    @get(
        "/",
        summary="Logs by contract, topics and blocks, newest first",
        description="A page looks at a bounded number of logs: with topics it may hold fewer rows than its "
        "limit, even none, and still have `page.next`.",
        operation_id="listEvents",
        responses={200: ResponseSpec(Listed[Log], description="A page of logs")},
    )
    async def list_events(
        request: Request[object, object, State],
        address: Annotated[
            str | None,
            Parameter(description="The contract. Without one the range of blocks is bounded."),
        ] = None,
        topic0: Topic = None,
        topic1: Topic = None,
        topic2: Topic = None,
        topic3: Topic = None,
        from_block: FromBlock = None,
        to_block: ToBlock = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = None,
    ) -> AnswerResponse:
        contract = None if address is None else address_of("address", address)
        given = {"topic0": topic0, "topic1": topic1, "topic2": topic2, "topic3": topic3}
        topics = [None if text is None else hash_of(name, text) for name, text in given.items()]
        check_order(from_block, to_block)
        filters = ":".join("" if each is None else each.hex() for each in (contract, *topics))
        page = PageRequest.of(f"events:{filters}:{from_block}:{to_block}", limit, cursor, (int, int))
        first, last = from_block, to_block
        if contract is None:
            first, last = bounded_range(
                from_block, to_block, explorer.tip.head, explorer.settings.queries.range_blocks_max
            )
        filtered = any(topics)
        looked = ROWS_MAX if filtered else limit + 1

        async def read(low: int, high: int, ends: bool) -> Row:
            arguments = (*page.arguments(), low, high, ends, looked, *topics)
            if contract is None:
                return await explorer.read(queries.select_events_of_range, *arguments)
            return await explorer.read(queries.select_events_of_contract, *arguments, contract)

        span = Span.of(explorer, first, last)
        with explorer.expensive(request) if filtered else nullcontext():
            row = await span.read(page, read, **reach(explorer))
        require_indexed(row, from_block)
        return explorer.page_of(row, page)

    return Router("/events", route_handlers=[list_events], tags=["events"])


def reach(explorer: Explorer) -> dict[str, int]:
    """How many blocks a page looks at, at first and at most: all, where no chunks are to be opened."""
    if is_chunked(explorer):
        return {"blocks": BLOCKS_AT_FIRST, "blocks_max": CHUNKED_BLOCKS_MAX}
    return {"blocks": 2**62, "blocks_max": 2**62}


def require_indexed(row: Row, from_block: int | None) -> None:
    """Raises `NotIndexed` where a range begins beyond the head."""
    head = row["head_number"]
    if from_block is not None and from_block > head:
        raise NotIndexed(f"block {from_block} is not indexed yet; the head is {head}", indexed_to=head)


def check_order(from_block: int | None, to_block: int | None) -> None:
    """Raises `BadParameter` where no block can lie between."""
    if from_block is not None and to_block is not None and from_block > to_block:
        raise BadParameter("to_block", to_block, f"a block not below from_block, {from_block}")


def bounded_range(from_block: int | None, to_block: int | None, head: int, most: int) -> tuple[int, int]:
    """The range of a search without a contract; open below, its last `most` blocks. Raises `RangeTooWide`."""
    last = head if to_block is None else min(to_block, max(head, 0))
    first = max(0, last - most + 1) if from_block is None else from_block
    asked = last - first + 1
    if asked > most:
        raise RangeTooWide(
            f"blocks {first} to {last} are {asked}; without address= at most {most} are searched at once: "
            f"begin with from_block={max(0, last - most + 1)}&to_block={last}, or name a contract",
            field="from_block",
            allowed=f"{max(0, last - most + 1)} or more, with to_block={last}",
        )
    return first, last
