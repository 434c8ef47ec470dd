"""/api/v1/blocks: the list, and one block by number, hash or tag."""

import re

from litestar import Router, get
from litestar.openapi.datastructures import ResponseSpec

from explorer_api.answer import AnswerResponse
from explorer_api.answers.blocks import Block, BlockSummary
from explorer_api.answers.envelope import Listed, One
from explorer_api.pages import LIMIT_DEFAULT, PageRequest
from explorer_api.parameters import BlockInPath, CursorText, Limit, block_number_of, hash_of
from explorer_api.problems import NotIndexed
from explorer_api.reading import Explorer, Row, queries
from explorer_api.windows import widening
from service.http.problems import BadParameter, NotFound

TAGS = ("latest", "finalized")
_HEX = re.compile(r"0x[0-9a-fA-F]*\Z")


def routes(explorer: Explorer) -> Router:
    @get(
        "/",
        summary="Blocks, newest first",
        operation_id="listBlocks",
        responses={200: ResponseSpec(Listed[BlockSummary], description="A page of blocks")},
    )
    async def list_blocks(limit: Limit = LIMIT_DEFAULT, cursor: CursorText = None) -> AnswerResponse:
        request = PageRequest.of("blocks", limit, cursor, (int,))
        key = None if request.cursor is None else int(request.cursor.keys[0])

        async def read(low: int, high: int) -> Row:
            return await explorer.read(queries.select_blocks, *request.arguments(), low, high)

        head = explorer.tip.head
        row = await widening(
            read,
            start=(key if request.backward else min(head, key)) if key is not None else head + 1_000,
            end=2**62 if request.backward else 0,
            blocks=(key is None) * 1_000 + limit + 1,
            backward=request.backward,
            enough=lambda row: bool(row["more"]),
        )
        return explorer.page_of(row, request)

    @get(
        "/{block:str}",
        summary="One block by number, hash, `latest` or `finalized`",
        operation_id="getBlock",
        responses={200: ResponseSpec(One[Block], description="The block")},
    )
    async def get_block(block: BlockInPath) -> AnswerResponse:
        if block in TAGS:
            row = await _tagged(explorer, block)
            return explorer.answer(row)
        hash_ = hash_of("block", block) if _HEX.match(block) else None
        number = _number(block) if hash_ is None else await _number_of(explorer, hash_)
        row = await explorer.read(queries.select_block, number, hash_)
        if row["number"] is None:
            raise absent(row, number, hash_)
        return explorer.answer(row, lifetime=explorer.lifetime_of(row, number, by_hash=hash_ is not None))

    return Router("/blocks", route_handlers=[list_blocks, get_block], tags=["blocks"])


async def _tagged(explorer: Explorer, tag: str) -> Row:
    """The block that a tag names in the snapshot of the answer. Raises `NotIndexed`."""
    column = "finalized_number" if tag == "finalized" else "head_number"

    async def hint() -> int | None:
        row = await explorer.reader.one(queries.select_tip)
        number: int | None = None if row is None else row[column]
        return number

    row = await explorer.hinted(
        hint,
        lambda number: explorer.read(queries.select_block, number, None),
        lambda row: row["number"] == row[column],
    )
    if row["number"] is None:
        raise NotIndexed(
            f"no block is {tag} yet", indexed_from=row["indexed_from"], indexed_to=row["head_number"]
        )
    return row


async def _number_of(explorer: Explorer, hash_: bytes) -> int:
    """Where a block of this hash is stored. Raises `NotFound`."""
    async with explorer.reader.connection() as connection:
        number: int | None = await queries.select_block_location.value(connection, hash_)
    if number is None:
        raise NotFound("no block on the indexed chain has this hash; it may be too new, or was replaced")
    return number


def absent(row: Row, number: int | None, hash_: bytes | None) -> NotFound | NotIndexed:
    """Why a block is not there: replaced, or not indexed."""
    if hash_ is not None:
        return NotFound("no block on the indexed chain has this hash; it may be too new, or was replaced")
    return NotIndexed(
        f"block {number} is not indexed; indexed are blocks {row['indexed_from']} to {row['head_number']}",
        indexed_from=row["indexed_from"],
        indexed_to=row["head_number"],
    )


def _number(text: str) -> int:
    try:
        return block_number_of("block", text)
    except BadParameter as error:
        raise BadParameter(
            "block", text, "a block number, 0x and 64 hexadecimal digits, latest or finalized"
        ) from error
