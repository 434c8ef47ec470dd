"""module=transaction: whether one succeeded, and one by its hash."""

from explorer_api.answer import Answer, Lifetime
from explorer_api.etherscan.answering import Actions, Asked, queries
from explorer_api.reading import Row
from postgres.queries import Query

_NOT_FOUND = "Error! Transaction not found"


async def getstatus(asked: Asked) -> Answer:
    row, lifetime = await _found(asked, queries.select_transaction_status)
    return asked.answer(row, absent=_NOT_FOUND, lifetime=lifetime)


async def gettxreceiptstatus(asked: Asked) -> Answer:
    """Empty before Byzantium, whose receipts say it first."""
    row, lifetime = await _found(asked, queries.select_transaction_status)
    status = "" if row["status"] is None else str(row["status"])
    result = None if row["data"] is None else b'{"status":"%s"}' % status.encode()
    return asked.answer(row, absent=_NOT_FOUND, lifetime=lifetime, result=result)


async def gettxinfo(asked: Asked) -> Answer:
    row, _ = await _found(asked, queries.select_transaction)
    return asked.answer(row, absent=_NOT_FOUND)


async def _found(asked: Asked, query: Query) -> tuple[Row, Lifetime]:
    hash_ = asked.parameters.hash()
    block = await asked.value(queries.select_transaction_block, hash_)
    row = await asked.read(query, hash_, block)
    return row, asked.explorer.lifetime_of(row, block)


ACTIONS: Actions = {
    "getstatus": getstatus,
    "gettxreceiptstatus": gettxreceiptstatus,
    "gettxinfo": gettxinfo,
}
