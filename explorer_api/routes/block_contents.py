"""/api/v1/blocks/…: what is in a block, in its order, and which block stood at a time."""

import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Literal

from litestar import Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from explorer_api.answer import AnswerResponse
from explorer_api.answers.blocks import BlockSummary
from explorer_api.answers.envelope import Listed, One
from explorer_api.answers.logs import Log
from explorer_api.answers.transactions import TransactionSummary
from explorer_api.block_times import block_at, moment_of
from explorer_api.pages import LIMIT_DEFAULT, PageRequest
from explorer_api.parameters import BlockInPath, CursorText, Limit, MomentInPath, block_number_of, hash_of
from explorer_api.reading import Explorer, Row, queries
from explorer_api.routes.blocks import TAGS, absent
from service.http.problems import BadParameter, NotFound

_HEX = re.compile(r"0x[0-9a-fA-F]*\Z")
_NAMES = "a block number, 0x and 64 hexadecimal digits, latest or finalized"


def routes(explorer: Explorer) -> Router:
    @get(
        "/{block:str}/transactions",
        summary="Transactions of one block, in their order",
        operation_id="listBlockTransactions",
        responses={200: ResponseSpec(Listed[TransactionSummary], description="A page of transactions")},
    )
    async def list_block_transactions(
        block: BlockInPath, limit: Limit = LIMIT_DEFAULT, cursor: CursorText = None
    ) -> AnswerResponse:
        request = PageRequest.of(f"block_transactions:{block.lower()}", limit, cursor, (int, int))
        row = await _within(
            explorer,
            block,
            request,
            lambda number, hash_: explorer.read(
                queries.select_block_transactions, *request.arguments(), number, hash_
            ),
        )
        return explorer.page_of(row, request)

    @get(
        "/{block:str}/logs",
        summary="Logs of one block with their events, in their order",
        operation_id="listBlockLogs",
        responses={200: ResponseSpec(Listed[Log], description="A page of logs")},
    )
    async def list_block_logs(
        block: BlockInPath, limit: Limit = LIMIT_DEFAULT, cursor: CursorText = None
    ) -> AnswerResponse:
        request = PageRequest.of(f"block_logs:{block.lower()}", limit, cursor, (int, int))
        row = await _within(
            explorer,
            block,
            request,
            lambda number, hash_: explorer.read(
                queries.select_block_logs, *request.arguments(), number, hash_, None
            ),
        )
        return explorer.page_of(row, request)

    @get(
        "/by-time/{timestamp:str}",
        summary="The last block up to a time, or the first from it on",
        operation_id="getBlockByTime",
        responses={200: ResponseSpec(One[BlockSummary], description="The block")},
    )
    async def get_block_by_time(
        timestamp: MomentInPath,
        closest: Annotated[
            Literal["before", "after"],
            Parameter(description="before: the last block up to the time; after: the first from it on."),
        ] = "before",
    ) -> AnswerResponse:
        moment: datetime = moment_of("timestamp", timestamp)
        row = await block_at(explorer, moment, before=closest == "before")
        # The next block may be as close; before one is there, nobody knows.
        settled = row["next_to"] if closest == "before" else row["number"]
        return explorer.answer(row, lifetime=explorer.lifetime_of(row, settled))

    return Router(
        "/blocks",
        route_handlers=[list_block_transactions, list_block_logs, get_block_by_time],
        tags=["blocks"],
    )


async def _within(
    explorer: Explorer,
    block: str,
    request: PageRequest,
    read: Callable[[int, bytes | None], Awaitable[Row]],
) -> Row:
    """What `read` finds in the block of this name. Raises `NotFound`, `NotIndexed`."""
    if block in TAGS:
        return await _within_tagged(explorer, block, request, read)
    number, hash_ = await _named(explorer, block)
    row = await read(number, hash_)
    if row["number"] is None:
        raise absent(row, number, hash_)
    return row


async def _within_tagged(
    explorer: Explorer,
    tag: str,
    request: PageRequest,
    read: Callable[[int, bytes | None], Awaitable[Row]],
) -> Row:
    column = "head_number" if tag == "latest" else "finalized_number"
    if request.cursor is not None:  # a list that was begun stays with its block
        number = int(request.cursor.keys[0])
        row = await read(number, None)
    else:

        async def hint() -> int:
            async with explorer.reader.connection() as connection:
                tip = await queries.select_tip.one(connection)
            if tip is None or tip[column] is None:
                raise NotFound(f"no block is {tag} yet")
            found: int = tip[column]
            return found

        row = await explorer.hinted(
            hint, lambda number: read(number, None), lambda row: bool(row["number"] == row[column])
        )
        number = row[column]
    if row["number"] is None:
        raise absent(row, number, None)
    return row


async def _named(explorer: Explorer, block: str) -> tuple[int, bytes | None]:
    """The number of a block that is named by number or hash. Raises `BadParameter`, `NotFound`."""
    if not _HEX.match(block):
        try:
            return block_number_of("block", block), None
        except BadParameter as error:
            raise BadParameter("block", block, _NAMES) from error
    hash_ = hash_of("block", block)
    async with explorer.reader.connection() as connection:
        number: int | None = await queries.select_block_location.value(connection, hash_)
    if number is None:
        raise NotFound("no block on the indexed chain has this hash; it may be too new, or was replaced")
    return number, hash_
