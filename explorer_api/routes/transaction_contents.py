"""/api/v1/transactions/{hash}/…: its logs, token transfers and internal transfers, in their order."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from litestar import get
from litestar.openapi.datastructures import ResponseSpec

from explorer_api.answer import AnswerResponse
from explorer_api.answers.envelope import Listed
from explorer_api.answers.internal_transfers import InternalTransfer
from explorer_api.answers.logs import Log
from explorer_api.answers.token_transfers import TokenTransfer
from explorer_api.cursors import Key
from explorer_api.pages import LIMIT_DEFAULT, PageRequest
from explorer_api.parameters import CursorText, HashInPath, Limit, hash_of
from explorer_api.problems import NotDerived
from explorer_api.reading import Explorer, Row, queries
from service.http.problems import CursorMalformed, NotFound

_PATH = re.compile(r"\{([0-9]{1,9}(,[0-9]{1,9})*)?\}\Z")


def handlers(explorer: Explorer) -> list[Any]:
    @get(
        "/{transaction_hash:str}/logs",
        summary="Logs of one transaction, with their events",
        operation_id="listTransactionLogs",
        responses={200: ResponseSpec(Listed[Log], description="A page of logs")},
    )
    async def list_transaction_logs(
        transaction_hash: HashInPath, limit: Limit = LIMIT_DEFAULT, cursor: CursorText = None
    ) -> AnswerResponse:
        hash_ = hash_of("transaction_hash", transaction_hash)
        request = PageRequest.of(f"transaction_logs:{hash_.hex()}", limit, cursor, (int, int))
        row = await within(
            explorer,
            hash_,
            lambda block: explorer.read(queries.select_block_logs, *request.arguments(), block, None, hash_),
        )
        return explorer.page_of(row, request)

    @get(
        "/{transaction_hash:str}/token-transfers",
        summary="Token transfers of one transaction",
        operation_id="listTransactionTokenTransfers",
        responses={200: ResponseSpec(Listed[TokenTransfer], description="A page of token transfers")},
    )
    async def list_transaction_token_transfers(
        transaction_hash: HashInPath, limit: Limit = LIMIT_DEFAULT, cursor: CursorText = None
    ) -> AnswerResponse:
        hash_ = hash_of("transaction_hash", transaction_hash)
        listing = f"transaction_token_transfers:{hash_.hex()}"
        request = PageRequest.of(listing, limit, cursor, (int, int, int))
        row = await within(
            explorer,
            hash_,
            lambda block: explorer.read(
                queries.select_transaction_token_transfers, *request.arguments(), block, hash_
            ),
        )
        require_derived(row, row["number"], "token transfers")
        return explorer.page_of(row, request)

    @get(
        "/{transaction_hash:str}/internal-transfers",
        summary="Transfers within one transaction, where its block is traced",
        operation_id="listTransactionInternalTransfers",
        responses={200: ResponseSpec(Listed[InternalTransfer], description="A page of internal transfers")},
    )
    async def list_transaction_internal_transfers(
        transaction_hash: HashInPath, limit: Limit = LIMIT_DEFAULT, cursor: CursorText = None
    ) -> AnswerResponse:
        hash_ = hash_of("transaction_hash", transaction_hash)
        listing = f"transaction_internal_transfers:{hash_.hex()}"
        request = PageRequest.of(listing, limit, cursor, (int, str))
        limit_, backward, sequence, block_key, trace = request.arguments()
        arguments = (limit_, backward, sequence, block_key, path_key(trace))
        row = await within(
            explorer,
            hash_,
            lambda block: explorer.read(
                queries.select_transaction_internal_transfers, *arguments, block, hash_
            ),
        )
        if row["trace_state"] != "traced":
            raise NotDerived(
                f"block {row['number']} is not traced ({row['trace_state'] or 'not asked for'}), so "
                "transfers within its transactions are not known; where fetched.traces is on, the newest "
                "fetched.traced_blocks blocks are traced"
            )
        return explorer.page_of(row, request)

    return [list_transaction_logs, list_transaction_token_transfers, list_transaction_internal_transfers]


async def block_of(explorer: Explorer, hash_: bytes) -> int | None:
    """The block that holds a transaction, as far as is known now."""
    async with explorer.reader.connection() as connection:
        block: int | None = await queries.select_transaction_location.value(connection, hash_)
    return block


async def within(explorer: Explorer, hash_: bytes, read: Callable[[int], Awaitable[Row]]) -> Row:
    """What `read` finds of a transaction in its block, its row's `number`. Raises `NotFound`."""
    absent = NotFound("no transaction on the indexed chain has this hash")

    async def hint() -> int:
        block = await block_of(explorer, hash_)
        if block is None:
            raise absent
        return block

    row = await explorer.hinted(hint, read, lambda row: row["number"] is not None)
    if row["number"] is None:
        raise absent
    return row


def require_derived(row: Row, block: int | None, what: str) -> None:
    """Refuse where nothing of the kind is derived, or not for this block. Raises `NotDerived`."""
    first, last = row["complete_from"], row["complete_to"]
    if first is None or last < first:
        raise NotDerived(f"{what} are not derived yet")
    if block is not None and not first <= block <= last:
        raise NotDerived(
            f"{what} are derived for blocks {first} to {last}, and not for block {block}",
            indexed_from=first,
            indexed_to=last,
        )


def path_key(key: Key | None) -> list[int] | None:
    """The path of a call as cursors carry it. Raises `CursorMalformed`."""
    if key is None:
        return None
    if not isinstance(key, str) or _PATH.match(key) is None:
        raise CursorMalformed("cursor is no cursor of this list; take it from page.next or page.previous")
    return [int(part) for part in key[1:-1].split(",") if part]
