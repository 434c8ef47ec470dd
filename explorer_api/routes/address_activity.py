"""/api/v1/addresses/{address}/…: its transactions, its logs, and its transfers within transactions."""

from typing import Annotated, Any, Literal

from litestar import get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from explorer_api.answer import AnswerResponse
from explorer_api.answers.addresses import AddressTransaction
from explorer_api.answers.envelope import Listed
from explorer_api.answers.internal_transfers import InternalTransfer
from explorer_api.answers.logs import Log
from explorer_api.pages import LIMIT_DEFAULT, PageRequest
from explorer_api.parameters import AddressInPath, CursorText, Limit, address_of
from explorer_api.reading import Explorer, queries
from explorer_api.routes.transaction_contents import path_key, require_derived
from explorer_api.scans import CHUNKED_BLOCKS_MAX, ROWS_MAX, Span, is_chunked
from service.http.problems import NotSupported

_ROLES = {None: 0, "from": 1, "to": 2, "creator": 4, "created": 8}
_FIRST_BLOCKS = 50_000


def handlers(explorer: Explorer) -> list[Any]:
    @get(
        "/{address:str}/transactions",
        summary="Transactions that an address took part in, newest first",
        description="With a filter a page looks at so many transactions and no more: it may be short, even "
        "empty, and go on.",
        operation_id="listAddressTransactions",
        responses={200: ResponseSpec(Listed[AddressTransaction], description="A page of transactions")},
    )
    async def list_address_transactions(
        address: AddressInPath,
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = None,
        role: Annotated[
            Literal["from", "to", "creator", "created"] | None,
            Parameter(description="Only those it sent, received, created a contract by, or was created by."),
        ] = None,
    ) -> AnswerResponse:
        address_ = address_of("address", address)
        listing = f"address_transactions:{address_.hex()}:{role}"
        request = PageRequest.of(listing, limit, cursor, (int, int))
        limit_, backward, _, *keys = request.arguments()
        wanted = (address_, _ROLES[role], ROWS_MAX)

        async def hint() -> list[int] | None:
            if not is_chunked(explorer):
                return None
            async with explorer.reader.connection() as connection:
                blocks: list[int] = await queries.select_address_transaction_blocks.value(
                    connection, limit_, backward, *keys, *wanted
                )
            return blocks

        row = await explorer.hinted(
            hint,
            lambda blocks: explorer.read(
                queries.select_address_transactions, *request.arguments(), *wanted, blocks
            ),
            lambda row: bool(row["holds"]),
        )
        require_derived(row, None, "transactions of addresses")
        return explorer.page_of(row, request)

    @get(
        "/{address:str}/logs",
        summary="Logs that a contract emitted, newest first, with their events",
        description="A page looks at so many blocks and no more: it may be short, even empty, and go on.",
        operation_id="listAddressLogs",
        responses={200: ResponseSpec(Listed[Log], description="A page of logs")},
    )
    async def list_address_logs(
        address: AddressInPath, limit: Limit = LIMIT_DEFAULT, cursor: CursorText = None
    ) -> AnswerResponse:
        address_ = address_of("address", address)
        request = PageRequest.of(f"address_logs:{address_.hex()}", limit, cursor, (int, int))
        # One index serves plain tables whatever the range.
        blocks, most = (_FIRST_BLOCKS, CHUNKED_BLOCKS_MAX) if is_chunked(explorer) else (2**62, 2**62)
        row = await Span.of(explorer, None, None).read(
            request,
            lambda low, high, ends: explorer.read(
                queries.select_address_logs, *request.arguments(), low, high, ends, address_
            ),
            blocks=blocks,
            blocks_max=most,
        )
        return explorer.page_of(row, request)

    @get(
        "/{address:str}/internal-transfers",
        summary="Transfers within transactions that an address sent or received, newest first",
        description="Of traced blocks only. There is no index by address: a page looks through so many "
        "blocks and no more, and `meta.complete` names those of them for which it misses nothing.",
        operation_id="listAddressInternalTransfers",
        responses={200: ResponseSpec(Listed[InternalTransfer], description="A page of internal transfers")},
    )
    async def list_address_internal_transfers(
        address: AddressInPath, limit: Limit = LIMIT_DEFAULT, cursor: CursorText = None
    ) -> AnswerResponse:
        address_ = address_of("address", address)
        listing = f"address_internal_transfers:{address_.hex()}"
        request = PageRequest.of(listing, limit, cursor, (int, int, str))
        limit_, backward, sequence, block, index, path = request.arguments()
        arguments = (limit_, backward, sequence, block, index, path_key(path))
        async with explorer.reader.connection() as connection:
            traced = await queries.select_traced_bounds.one(connection)
        assert traced is not None
        if traced["lowest"] is None:
            raise NotSupported(
                "no block is traced here, so transfers within transactions are not known; "
                "set fetched.traces of the indexer"
            )
        most = explorer.settings.queries.range_blocks_max
        row = await Span.of(explorer, traced["lowest"], traced["highest"]).read(
            request,
            lambda low, high, ends: explorer.read(
                queries.select_address_internal_transfers, *arguments, low, high, ends, address_
            ),
            blocks=min(most, 1_000),
            blocks_max=most,
        )
        return explorer.page_of(row, request)

    return [list_address_transactions, list_address_logs, list_address_internal_transfers]
