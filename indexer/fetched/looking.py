"""Looking through stored blocks for what is to be read: each block once, new ones first."""

from indexer.fetched.looked import Blocks, newer, older
from indexer.fetched.pinned import queries
from postgres.connections import Connection
from postgres.errors import translated
from postgres.queries import Query

# A transaction of some 10,000 rows; a reorg waits that long at most.
_BLOCKS_PER_LOOK = 100


async def look(
    connection: Connection,
    fetched: str,
    queue: Query,
    *arguments: object,
    upwards: bool,
    newest: int | None = None,
) -> bool:
    """Run `queue` for the next blocks, above or below those looked through; False: there are none.

    `newest` is how many of the highest stored blocks are of interest; None is all of them. Atomic with the
    progress, and with a reorg, which cuts that.
    """
    with translated():
        async with connection.transaction():
            looked = await queries.lock_fetch_progress.one(connection, fetched)
            covered = await queries.select_highest_coverage.one(connection)
            assert looked is not None, "the migration puts the row there"
            if covered is None:
                return False
            step = newer if upwards else older
            wanted = Blocks(**covered)
            if newest is not None:
                wanted = Blocks(max(wanted.first, wanted.last - newest + 1), wanted.last)
            next_ = step(Blocks(**looked), wanted, _BLOCKS_PER_LOOK)
            if next_ is None:
                return False
            part, whole = next_
            await queue.exec(connection, part.first, part.last, *arguments)
            await queries.update_fetch_progress.exec(connection, fetched, whole.first, whole.last)
    return True
