"""action=tokentx, tokennfttx, token1155tx: transfers by an address, of a token, or both."""

from evm.primitives import keccak256
from explorer_api.answer import Answer
from explorer_api.etherscan.answering import Asked, queries
from explorer_api.etherscan.envelope import NO_TRANSACTIONS, Refused
from explorer_api.reading import Row

_TRANSFERS = [
    keccak256(signature)
    for signature in (
        b"Transfer(address,address,uint256)",
        b"TransferSingle(address,address,address,uint256,uint256)",
        b"TransferBatch(address,address,address,uint256[],uint256[])",
    )
]
# What Etherscan leaves out of transfers of each standard.
_LEFT_OUT = {
    20: ["tokenID", "tokenValue"],
    721: ["value", "tokenValue"],
    1155: ["value", "tokenDecimal"],
}


async def tokentx(asked: Asked) -> Answer:
    return await _transfers(asked, 20)


async def tokennfttx(asked: Asked) -> Answer:
    return await _transfers(asked, 721)


async def token1155tx(asked: Asked) -> Answer:
    return await _transfers(asked, 1155)


async def _transfers(asked: Asked, standard: int) -> Answer:
    parameters = asked.parameters
    address = parameters.optional_address("address")
    token = parameters.optional_address("contractaddress")
    blocks, window, descending = parameters.blocks(), parameters.window(), parameters.descending()
    if address is None and token is None:
        raise Refused("Error! Missing address or contractaddress")
    if address is None:

        async def read(low: int, high: int) -> Row:
            page = (token, low, high, descending, window.rows, window.skipped)
            return await asked.read(
                queries.select_token_transfers, *page, _TRANSFERS, standard, _LEFT_OUT[standard]
            )

        row = await asked.page(window, lambda: asked.widened(window, blocks, read, descending=descending))
        return asked.answer(row, empty=NO_TRANSACTIONS)
    page = (address, *blocks, descending, window.rows, window.skipped, token, standard)
    row = await asked.page(
        window,
        lambda: asked.hinted(
            lambda: asked.value(queries.select_account_token_transfer_blocks, *page),
            lambda hint: asked.read(queries.select_account_token_transfers, *page, _LEFT_OUT[standard], hint),
        ),
    )
    return asked.answer(row, empty=NO_TRANSACTIONS)
