"""/api/v1/wallets: accounts without code, by chain data alone."""

from typing import Annotated, Any

from litestar import Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from explorer_api.answer import AnswerResponse
from explorer_api.answers.envelope import Listed, One
from explorer_api.answers.wallets import Wallet, WalletOrder
from explorer_api.keyset import address_key
from explorer_api.pages import LIMIT_DEFAULT, PageRequest
from explorer_api.parameters import AddressInPath, CursorText, Limit, address_of
from explorer_api.reading import Explorer, Row, queries
from explorer_api.routes.transaction_contents import require_derived
from explorer_api.scans import is_chunked
from service.http.problems import NotFound


def routes(explorer: Explorer) -> Router:
    @get(
        "/",
        summary="Wallets, by the block that saw them first",
        operation_id="listWallets",
        responses={200: ResponseSpec(Listed[Wallet], description="A page of wallets")},
    )
    async def list_wallets(
        order: Annotated[WalletOrder, Parameter(description="Which come first.")] = "newest",
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = None,
    ) -> AnswerResponse:
        request = PageRequest.of(f"wallets:{order}", limit, cursor, (int, str))
        oldest = order == "oldest"
        _, _, sequence, first_block, address = request.arguments()
        upwards, key = oldest != request.backward, (first_block, address_key(address))

        async def blocks() -> Any:
            if not is_chunked(explorer):
                return None
            async with explorer.reader.connection() as connection:
                return await queries.select_wallets_blocks.value(connection, limit, upwards, *key) or []

        async def read(named: Any) -> Row:
            return await explorer.read(queries.select_wallets, limit, upwards, sequence, *key, oldest, named)

        row = await explorer.hinted(blocks, read, _holds)
        require_derived(row, None, "addresses")
        return explorer.page_of(row, request)

    @get(
        "/{address:str}",
        summary="One wallet",
        operation_id="getWallet",
        responses={200: ResponseSpec(One[Wallet], description="The wallet")},
    )
    async def get_wallet(address: AddressInPath) -> AnswerResponse:
        asked = address_of("address", address)

        async def blocks() -> Any:
            if not is_chunked(explorer):
                return None
            async with explorer.reader.connection() as connection:
                return await queries.select_wallet_blocks.value(connection, asked) or []

        async def read(named: Any) -> Row:
            return await explorer.read(queries.select_wallet, asked, named)

        row = await explorer.hinted(blocks, read, _holds)
        require_derived(row, None, "addresses")
        if row["contract_block"] is not None:
            raise NotFound(f"this address is a contract; see /api/v1/contracts/0x{asked.hex()}")
        if row["data"] is None:
            raise NotFound("no block that is derived has this address")
        return explorer.answer(row)

    return Router("/wallets", route_handlers=[list_wallets, get_wallet], tags=["wallets"])


def _holds(row: Row) -> bool:
    return bool(row["hint_holds"])
