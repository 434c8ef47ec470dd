"""The outbox keeps its newest rows: the oldest go, a few thousand at a time (invariant 10).

The sequences that are left are min(sequence) to the newest without a hole; a reader that needs an older one
is told to resync (service.outbox).
"""

import asyncio

import structlog

from indexer.relay import Relay
from indexer.settings import IndexerSettings
from indexer.writer import queries
from postgres.connections import Connection
from postgres.errors import DatabaseError, translated
from postgres.pool import connect
from service.outbox import select_bounds

log = structlog.get_logger(__name__)

_EVERY_S = 60.0
_BATCH_ROWS = 5_000
_UNTOLD_TIMES = 4
"""Redis away for ever must not fill the disk: so many times what is kept may wait for it."""


async def keep_pruned(settings: IndexerSettings, relay: Relay | None) -> None:
    """Prune every minute, until cancelled; a failure is said and the next minute tries again.

    `relay` is this process's own, None where no Redis is configured.
    """
    while True:
        await asyncio.sleep(_EVERY_S)
        try:
            connection = await connect(settings.database_settings("pend-index prune"))
            try:
                await prune(connection, settings.relay.keep_outbox_rows, relay)
            finally:
                connection.terminate()
        except DatabaseError as error:
            log.warning("the outbox was not pruned", reason=str(error), retry_in_s=_EVERY_S)


async def prune(
    connection: Connection, keep_rows: int, relay: Relay | None, *, batch_rows: int = _BATCH_ROWS
) -> int:
    """Remove what need not be kept; how many rows went. Each batch is a transaction of its own."""
    removed = 0
    with translated():
        while (outbox := await select_bounds(connection)) is not None:
            relayed_to = None if relay is None else relay.relayed_to
            highest = prunable_to(outbox.newest, keep_rows, relays=relay is not None, relayed_to=relayed_to)
            if highest < outbox.oldest:
                break
            removed += await queries.delete_outbox_up_to.value(connection, highest, batch_rows)
    if removed:
        log.info("outbox pruned", rows=removed, keep_rows=keep_rows)
    return removed


def prunable_to(newest: int, keep_rows: int, *, relays: bool, relayed_to: int | None) -> int:
    """The highest sequence that may go: nothing Redis still has to be told, unless it is far too much."""
    surplus = newest - keep_rows
    if not relays:
        return surplus
    return max(min(surplus, relayed_to or 0), newest - _UNTOLD_TIMES * keep_rows)
