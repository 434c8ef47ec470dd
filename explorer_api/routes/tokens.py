"""/api/v1/tokens: tokens, their holders and transfers."""

from typing import Annotated, Any, Literal, TypeAlias

from litestar import Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from explorer_api.answer import AnswerResponse
from explorer_api.answers.envelope import Listed, One
from explorer_api.answers.token_transfers import TokenTransfer
from explorer_api.answers.tokens import Holder, Token, TokenOrder, TokenSummary
from explorer_api.keyset import address_key, number_key
from explorer_api.pages import LIMIT_DEFAULT, PageRequest
from explorer_api.parameters import AddressInPath, CursorText, Limit, address_of
from explorer_api.reading import Explorer, queries
from explorer_api.routes.token_items import item_handlers, no_token, token_id_of, transfers_of
from explorer_api.routes.transaction_contents import require_derived
from service.http.problems import BadParameter

StandardNumber: TypeAlias = Annotated[
    Literal["20", "721", "1155"] | None, Parameter(description="The EIP of the standard.")
]
TokenId: TypeAlias = Annotated[str | None, Parameter(description="Only of this item: its id in decimal.")]


def routes(explorer: Explorer) -> Router:
    @get(
        "/",
        summary="Tokens, those with most holders or transfers first, or the newest",
        operation_id="listTokens",
        responses={200: ResponseSpec(Listed[TokenSummary], description="A page of tokens")},
    )
    async def list_tokens(
        order: Annotated[TokenOrder, Parameter(description="What counts.")] = "holders",
        standard: StandardNumber = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = None,
    ) -> AnswerResponse:
        request = PageRequest.of(f"tokens:{order}:{standard}", limit, cursor, (int, str, int))
        *page, figure, token, of_standard = request.arguments()
        row = await explorer.read(
            queries.select_tokens, *page, figure, address_key(token), of_standard, order, _number(standard)
        )
        require_derived(row, None, "token balances")
        return explorer.page_of(row, request, block_key=0 if order == "newest" else None)

    @get(
        "/{address:str}",
        summary="One token",
        operation_id="getToken",
        responses={200: ResponseSpec(One[Token], description="The token")},
    )
    async def get_token(address: AddressInPath) -> AnswerResponse:
        row = await explorer.read(queries.select_token, address_of("address", address))
        require_derived(row, None, "token balances")
        if row["data"] is None:
            raise no_token()
        return explorer.answer(row)

    @get(
        "/{address:str}/holders",
        summary="Who holds a token: of ERC-20 the largest first, of items by address",
        operation_id="listTokenHolders",
        responses={200: ResponseSpec(Listed[Holder], description="A page of holders")},
    )
    async def list_holders(
        address: AddressInPath,
        standard: StandardNumber = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = None,
    ) -> AnswerResponse:
        token = address_of("address", address)
        known = await _standards(explorer, token)
        chosen = known[0] if standard is None else _number(standard)
        if chosen not in known:
            raise BadParameter("standard", standard, f"one that this token follows: {_listed(known)}")
        request = PageRequest.of(f"holders:{token.hex()}:{chosen}", limit, cursor, (str, str))
        *page, first, second = request.arguments()
        if chosen == 20:
            keys = (number_key(first), address_key(second))
            row = await explorer.read(queries.select_token_holders, *page, *keys, token)
        else:
            items = (address_key(first), number_key(second))
            row = await explorer.read(queries.select_token_item_holders, *page, *items, token, chosen)
        require_derived(row, None, "token balances")
        return explorer.page_of(row, request, block_key=None)

    @get(
        "/{address:str}/transfers",
        summary="Transfers of a token, newest first",
        description="A page looks at a bounded number of logs: with token_id it may hold fewer rows than its "
        "limit, even none, and still have `page.next`.",
        operation_id="listTokenTransfers",
        responses={200: ResponseSpec(Listed[TokenTransfer], description="A page of transfers")},
    )
    async def list_transfers(
        address: AddressInPath,
        token_id: TokenId = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = None,
    ) -> AnswerResponse:
        item = None if token_id is None else token_id_of("token_id", token_id)
        return await transfers_of(explorer, address_of("address", address), item, limit, cursor)

    handlers = [list_tokens, get_token, list_holders, list_transfers, *item_handlers(explorer)]
    return Router("/tokens", route_handlers=handlers, tags=["tokens"])


async def _standards(explorer: Explorer, token: bytes) -> list[int]:
    """Raises `NotFound` for what has moved no token."""
    async with explorer.reader.connection() as connection:
        known: Any = await queries.select_token_standards.value(connection, token)
    if not known:
        raise no_token()
    return list(known)


def _number(standard: str | None) -> int | None:
    return None if standard is None else int(standard)


def _listed(standards: list[int]) -> str:
    return ", ".join(map(str, standards))
