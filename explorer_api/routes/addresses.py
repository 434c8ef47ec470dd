"""/api/v1/addresses/{address}: what it is, how often it took part in what, and what it holds."""

from litestar import Router, get
from litestar.openapi.datastructures import ResponseSpec

from explorer_api.answer import AnswerResponse
from explorer_api.answers.addresses import Address, AddressCounters, HeldToken
from explorer_api.answers.envelope import Listed, One
from explorer_api.keyset import address_key, number_key
from explorer_api.pages import LIMIT_DEFAULT, PageRequest
from explorer_api.parameters import AddressInPath, CursorText, Limit, address_of
from explorer_api.reading import Explorer, queries
from explorer_api.routes import address_activity, address_transfers
from explorer_api.routes.transaction_contents import require_derived
from explorer_api.scans import is_chunked


def routes(explorer: Explorer) -> Router:
    @get(
        "/{address:str}",
        summary="An address: balance, code, creation, label, counters",
        description="A valid address that no block names is answered with zeros and `seen` false.",
        operation_id="getAddress",
        responses={200: ResponseSpec(One[Address], description="The address")},
    )
    async def get_address(address: AddressInPath) -> AnswerResponse:
        address_ = address_of("address", address)

        async def hint() -> int | None:
            if not is_chunked(explorer):
                return None
            async with explorer.reader.connection() as connection:
                created: int | None = await queries.select_creation_block.value(connection, address_)
            return -1 if created is None else created

        row = await explorer.hinted(
            hint,
            lambda created: explorer.read(queries.select_address, address_, created),
            lambda row: bool(row["holds"]),
        )
        require_derived(row, None, "addresses")
        return explorer.answer(row)

    @get(
        "/{address:str}/counters",
        summary="How often an address took part in what",
        operation_id="getAddressCounters",
        responses={200: ResponseSpec(One[AddressCounters], description="The counters")},
    )
    async def get_address_counters(address: AddressInPath) -> AnswerResponse:
        row = await explorer.read(queries.select_address_counters, address_of("address", address))
        require_derived(row, None, "addresses")
        return explorer.answer(row)

    @get(
        "/{address:str}/tokens",
        summary="What an address holds, by the transfers of each token",
        operation_id="listAddressTokens",
        responses={200: ResponseSpec(Listed[HeldToken], description="A page of holdings, by token")},
    )
    async def list_address_tokens(
        address: AddressInPath, limit: Limit = LIMIT_DEFAULT, cursor: CursorText = None
    ) -> AnswerResponse:
        address_ = address_of("address", address)
        request = PageRequest.of(f"address_tokens:{address_.hex()}", limit, cursor, (str, int, str))
        limit_, backward, sequence, token, standard, token_id = request.arguments()
        row = await explorer.read(
            queries.select_address_tokens,
            limit_,
            backward,
            sequence,
            address_key(token),
            standard,
            number_key(token_id),
            address_,
        )
        require_derived(row, None, "token balances")
        return explorer.page_of(row, request, block_key=None)

    handlers = [get_address, get_address_counters, list_address_tokens]
    return Router(
        "/addresses",
        route_handlers=[
            *handlers,
            *address_activity.handlers(explorer),
            *address_transfers.handlers(explorer),
        ],
        tags=["addresses"],
    )
