"""/api/v1/tokens/{address}/items: what ERC-721 and ERC-1155 tokens consist of, and transfers of both."""

from decimal import Decimal

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from explorer_api.answer import AnswerResponse
from explorer_api.answers.envelope import Listed, One
from explorer_api.answers.token_transfers import TokenTransfer
from explorer_api.answers.tokens import ItemOwner, TokenItem
from explorer_api.keyset import address_key, number_key
from explorer_api.pages import LIMIT_DEFAULT, PageRequest
from explorer_api.parameters import AddressInPath, CursorText, Limit, TokenIdInPath, address_of
from explorer_api.reading import Explorer, Row, queries
from explorer_api.routes.events import reach
from explorer_api.routes.transaction_contents import require_derived
from explorer_api.scans import ROWS_MAX, Span
from service.http.problems import BadParameter, NotFound

OWNERS_OF_A_LISTED_ITEM = 5
OWNERS_OF_AN_ITEM = 100


def item_handlers(explorer: Explorer) -> list[HTTPRouteHandler]:
    @get(
        "/{address:str}/items",
        summary="Items of an ERC-721 or ERC-1155 token that somebody holds, by id",
        operation_id="listTokenItems",
        responses={200: ResponseSpec(Listed[TokenItem], description="A page of items")},
    )
    async def list_items(
        address: AddressInPath, limit: Limit = LIMIT_DEFAULT, cursor: CursorText = None
    ) -> AnswerResponse:
        token = address_of("address", address)
        request = PageRequest.of(f"items:{token.hex()}", limit, cursor, (str,))
        *page, token_id = request.arguments()
        row = await explorer.read(
            queries.select_token_items, *page, number_key(token_id), token, OWNERS_OF_A_LISTED_ITEM
        )
        require_derived(row, None, "token balances")
        if not row["has_items"]:
            raise no_items()
        return explorer.page_of(row, request, block_key=None)

    @get(
        "/{address:str}/items/{token_id:str}",
        summary="One item and who holds it",
        operation_id="getTokenItem",
        responses={200: ResponseSpec(One[TokenItem], description="The item")},
    )
    async def get_item(address: AddressInPath, token_id: TokenIdInPath) -> AnswerResponse:
        token, item = address_of("address", address), token_id_of("token_id", token_id)
        row = await explorer.read(queries.select_token_item, token, item, OWNERS_OF_AN_ITEM)
        require_derived(row, None, "token balances")
        if row["data"] is None:
            raise NotFound(
                "nobody holds this item: it was never minted or is burned; its transfers are at "
                f"/api/v1/tokens/0x{token.hex()}/items/{item}/transfers"
            )
        return explorer.answer(row)

    @get(
        "/{address:str}/items/{token_id:str}/owners",
        summary="Who holds an item, by address",
        operation_id="listTokenItemOwners",
        responses={200: ResponseSpec(Listed[ItemOwner], description="A page of owners")},
    )
    async def list_owners(
        address: AddressInPath,
        token_id: TokenIdInPath,
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = None,
    ) -> AnswerResponse:
        token, item = address_of("address", address), token_id_of("token_id", token_id)
        request = PageRequest.of(f"owners:{token.hex()}:{item}", limit, cursor, (str,))
        *page, holder = request.arguments()
        row = await explorer.read(queries.select_token_item_owners, *page, address_key(holder), token, item)
        require_derived(row, None, "token balances")
        if not row["has_items"]:
            raise no_items()
        return explorer.page_of(row, request, block_key=None)

    @get(
        "/{address:str}/items/{token_id:str}/transfers",
        summary="Transfers of an item, newest first",
        operation_id="listTokenItemTransfers",
        responses={200: ResponseSpec(Listed[TokenTransfer], description="A page of transfers")},
    )
    async def list_item_transfers(
        address: AddressInPath,
        token_id: TokenIdInPath,
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = None,
    ) -> AnswerResponse:
        item = token_id_of("token_id", token_id)
        return await transfers_of(explorer, address_of("address", address), item, limit, cursor)

    return [list_items, get_item, list_owners, list_item_transfers]


async def transfers_of(
    explorer: Explorer, token: bytes, item: Decimal | None, limit: int, cursor: str | None
) -> AnswerResponse:
    """A page of the transfers of a token or of one of its items. Raises `NotFound`."""
    request = PageRequest.of(f"transfers:{token.hex()}:{item}", limit, cursor, (int, int, int))
    *keys, batch_index = request.arguments()
    word = None if item is None else int(item).to_bytes(32, "big")

    async def read(low: int, high: int, ends: bool) -> Row:
        async def look(most: int) -> Row:
            arguments = (*keys, low, high, ends, most, batch_index, item, token, word)
            return await explorer.read(queries.select_transfers_of_token, *arguments)

        # Most logs of a token are transfers.
        row = await look(ROWS_MAX if item is not None else 4 * limit)
        return await look(ROWS_MAX) if row["is_cut"] and item is None else row

    span = Span.of(explorer, None, None)
    row = await span.read(request, read, **reach(explorer))
    require_derived(row, None, "token transfers")
    if not row["is_token"]:
        raise no_token()
    return explorer.page_of(row, request)


def token_id_of(field: str, text: str) -> Decimal:
    """An id from 0 to 2^256 - 1, in decimal. Raises `BadParameter`."""
    if not (text.isascii() and text.isdigit()) or len(text) > 78 or int(text) >= 2**256:
        raise BadParameter(field, text, "a number from 0 to 2^256 - 1, in decimal")
    return Decimal(int(text))


def no_token() -> NotFound:
    return NotFound("no token is known at this address: in the derived blocks it has moved none")


def no_items() -> NotFound:
    return NotFound("no ERC-721 or ERC-1155 token is known at this address")
