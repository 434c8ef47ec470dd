"""/api/v1/addresses/{address}/…: its token transfers, and what it held of a token after each."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from litestar import get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from explorer_api.answer import AnswerResponse
from explorer_api.answers.addresses import BalanceChange
from explorer_api.answers.envelope import Listed
from explorer_api.answers.token_transfers import AddressTokenTransfer
from explorer_api.keyset import number_key
from explorer_api.pages import LIMIT_DEFAULT, PageRequest
from explorer_api.parameters import AddressInPath, CursorText, Limit, address_of
from explorer_api.problems import NotDerived
from explorer_api.reading import Explorer, Row, queries
from explorer_api.routes.transaction_contents import require_derived
from explorer_api.scans import ROWS_MAX, is_chunked
from service.http.problems import NotSupported

_DIRECTIONS = {None: 0, "out": 1, "in": 2}

TokenText = Annotated[str | None, Parameter(description="Address of one token.")]


def handlers(explorer: Explorer) -> list[Any]:
    @get(
        "/{address:str}/token-transfers",
        summary="Token transfers of an address, newest first",
        description="With a filter a page looks at so many transfers and no more: it may be short, even "
        "empty, and go on.",
        operation_id="listAddressTokenTransfers",
        responses={200: ResponseSpec(Listed[AddressTokenTransfer], description="A page of token transfers")},
    )
    async def list_address_token_transfers(
        address: AddressInPath,
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = None,
        token: TokenText = None,
        direction: Annotated[
            Literal["in", "out"] | None,
            Parameter(
                description="in: only what it received; out: only what it sent. What it sent itself is both."
            ),
        ] = None,
    ) -> AnswerResponse:
        address_ = address_of("address", address)
        token_ = None if token is None else address_of("token", token)
        role = _DIRECTIONS[direction]
        listing = f"address_token_transfers:{address_.hex()}:{token_.hex() if token_ else ''}:{role}"
        request = PageRequest.of(listing, limit, cursor, (int, int, int))
        wanted = (address_, role, token_, ROWS_MAX)
        row = await _hinted(
            explorer,
            request,
            wanted,
            lambda blocks: explorer.read(
                queries.select_address_token_transfers, *request.arguments(), *wanted, blocks
            ),
        )
        require_derived(row, None, "token transfers of addresses")
        return explorer.page_of(row, request)

    @get(
        "/{address:str}/balance-history",
        summary="What an address held of one token after each of its transfers, newest first",
        description="Exact sums of the token's transfers; of a token with items, of all its items together.",
        operation_id="listAddressBalanceHistory",
        responses={200: ResponseSpec(Listed[BalanceChange], description="A page of balances")},
    )
    async def list_address_balance_history(
        address: AddressInPath,
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = None,
        token: TokenText = None,
    ) -> AnswerResponse:
        address_ = address_of("address", address)
        if token is None:
            raise NotSupported(
                "past balances of the native coin are not stored, and blocks alone do not give them: value "
                "also moves within transactions; the balance last read is in /addresses/{address}, and "
                "token=0x… gives the history of a token"
            )
        token_ = address_of("token", token)
        listing = f"address_balance_history:{address_.hex()}:{token_.hex()}"
        request = PageRequest.of(listing, limit, cursor, (int, int, int, str, str))
        limit_, backward, sequence, *keys, after, change = request.arguments()
        wanted = (address_, 0, token_, ROWS_MAX)
        row = await _hinted(
            explorer,
            request,
            wanted,
            lambda blocks: explorer.read(
                queries.select_token_balance_history,
                *(limit_, backward, sequence, *keys, number_key(after), number_key(change)),
                *wanted,
                blocks,
            ),
        )
        require_derived(row, None, "token transfers of addresses")
        if not row["agrees"]:
            raise NotDerived(
                "balances and transfers of addresses are not derived to the same block now; ask again"
            )
        return explorer.page_of(row, request)

    return [list_address_token_transfers, list_address_balance_history]


async def _hinted(
    explorer: Explorer,
    request: PageRequest,
    wanted: tuple[Any, ...],
    read: Callable[[list[int] | None], Awaitable[Row]],
) -> Row:
    limit, backward, _, *keys = request.arguments()

    async def hint() -> list[int] | None:
        if not is_chunked(explorer):
            return None
        async with explorer.reader.connection() as connection:
            blocks: list[int] = await queries.select_address_token_transfer_blocks.value(
                connection, limit, backward, *keys[:3], *wanted
            )
        return blocks

    return await explorer.hinted(hint, read, lambda row: bool(row["holds"]))
