"""Balances in wei of the addresses that blocks touch, with the block each was read at.

Only the node knows them, and a Bonsai node for 512 blocks only: what is read is always the balance now, of
addresses touched last first. A contract that is paid by another contract, and says so in no log, is touched
where traces are on.
"""

from indexer.fetched.announcing import announce_fetched
from indexer.fetched.fetching import Fetching
from indexer.fetched.looking import look
from indexer.fetched.pinned import fetch_balances, queries, require_pin, select_pin
from postgres.errors import translated

ADDRESSES_PER_STEP = 100
_NAME = "native_balances"


async def fetch_native_balances(fetching: Fetching) -> bool:
    """Read the next balances; False when every address is as it was read."""
    looked = await look(fetching.connection, _NAME, queries.queue_touched_addresses, upwards=True)
    if await _read_next(fetching):
        return True
    return looked or await look(fetching.connection, _NAME, queries.queue_touched_addresses, upwards=False)


async def _read_next(fetching: Fetching) -> bool:
    connection = fetching.connection
    with translated():
        pin = await select_pin(connection)
        if pin is None:
            return False
        rows = await queries.select_unread_balances.many(connection, pin.number, ADDRESSES_PER_STEP)
    addresses = [row["address"] for row in rows]
    if not addresses:
        return False
    await fetching.pace.wait(len(addresses))
    balances = await fetch_balances(fetching.node, pin, addresses)
    with translated():
        async with connection.transaction():
            await require_pin(connection, pin)
            news = await queries.upsert_native_balances.many(
                connection, addresses, [str(balance) for balance in balances], pin.number, pin.hash
            )
            await queries.delete_unread_balances.exec(connection, addresses, pin.number)
            if news:
                await announce_fetched(connection, pin, "native_balances", [row["address"] for row in news])
    if news:
        fetching.on_announced()
    return True
