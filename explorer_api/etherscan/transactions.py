"""action=txlist: what an address sent, received, created or was created by."""

from explorer_api.answer import Answer
from explorer_api.etherscan.answering import BYTES_MAX, Asked, queries
from explorer_api.etherscan.envelope import NO_TRANSACTIONS


async def txlist(asked: Asked) -> Answer:
    parameters = asked.parameters
    address, blocks, window = parameters.address(), parameters.blocks(), parameters.window()
    page = (address, *blocks, parameters.descending(), window.rows, window.skipped)
    row = await asked.page(
        window,
        lambda: asked.hinted(
            lambda: asked.value(queries.select_account_transaction_blocks, *page),
            lambda hint: asked.read(queries.select_account_transactions, *page, hint, BYTES_MAX),
        ),
    )
    absent = f"Error! The input of this page has more than {BYTES_MAX} bytes; ask for a smaller offset"
    return asked.answer(row, empty=NO_TRANSACTIONS, absent=absent)
