"""action=txlistinternal: value moved within transactions, of blocks that are traced."""

from explorer_api.answer import Answer
from explorer_api.etherscan.answering import Asked, queries
from explorer_api.etherscan.envelope import NO_TRANSACTIONS, Refused
from explorer_api.etherscan.parameters import ROWS_MAX, Parameters

_NOT_TRACED = "Error! Transactions are not traced here, so what moved within them is not known"


async def txlistinternal(asked: Asked) -> Answer:
    """Of a transaction, of an address or of a range of blocks."""
    if asked.parameters.text("txhash") is not None:
        return await _of_transaction(asked)
    parameters = asked.parameters
    address, window = parameters.optional_address("address"), parameters.window()
    if address is None and not _is_ranged(parameters):
        raise Refused("Error! Missing address, txhash, or startblock and endblock")
    blocks = parameters.blocks()
    page = (address, *blocks, parameters.descending(), window.rows, window.skipped)

    async def hint() -> list[int]:
        async with asked.explorer.reader.connection() as connection:
            found = await queries.select_traced_blocks.one(connection, *blocks, ROWS_MAX)
        assert found is not None  # it has no condition
        if not found["traced"]:
            raise Refused(_NOT_TRACED)
        numbers: list[int] = found["blocks"]
        if len(numbers) > ROWS_MAX:
            raise Refused(
                f"Error! More than {ROWS_MAX} blocks of this range hold internal transfers; "
                "ask for fewer blocks"
            )
        return numbers

    row = await asked.page(
        window,
        lambda: asked.hinted(hint, lambda found: asked.read(queries.select_internal_transfers, *page, found)),
    )
    return asked.answer(row, empty=NO_TRANSACTIONS)


async def _of_transaction(asked: Asked) -> Answer:
    hash_ = asked.parameters.hash()
    block = await asked.value(queries.select_transaction_block, hash_)
    row = await asked.read(queries.select_internal_transfers_of_transaction, hash_, block)
    if row["data"] is not None and row["state"] != "traced":
        raise Refused(_NOT_TRACED)
    return asked.answer(
        row,
        empty=NO_TRANSACTIONS,
        absent="Error! Transaction not found",
        lifetime=asked.explorer.lifetime_of(row, block),
    )


def _is_ranged(parameters: Parameters) -> bool:
    return parameters.text("startblock") is not None and parameters.text("endblock") is not None
