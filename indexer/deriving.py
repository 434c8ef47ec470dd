"""Deriving what is behind the head, range by range, each in a transaction of its own.

The follower does the rest: it derives each block in the transaction that stores it, as soon as everything
below is derived.
"""

import asyncio
from collections.abc import Callable

import structlog

from indexer.derive import deriver
from indexer.derive.derivation import queries
from indexer.metrics import IndexerMetrics
from indexer.settings import IndexerSettings
from indexer.stages import Stage
from indexer.writer import derive_next
from postgres import errors as database_errors
from postgres.connections import Connection
from postgres.errors import translated
from postgres.pool import connect

log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 0.5


async def begin(connection: Connection, settings: IndexerSettings) -> None:
    """Make `backfill.from_block` the first one to be derived, where nothing has been derived yet.

    Says so in the log where something has been, from a higher block on: every figure is complete from there.
    """
    first_block = settings.backfill.from_block
    with translated():
        await queries.use_work_mem.value(connection, settings.derive.work_mem_mib)
        await deriver.register(connection, first_block)
        higher = [each for each in await deriver.positions(connection) if each.first_block > first_block]
    if higher:
        log.warning(
            "derived from a higher block; `pend-index rebuild --all` derives from the first one",
            derived_from=higher[0].first_block,
            first_block=first_block,
        )


async def keep_deriving(
    connection: Connection,
    rows_per_commit: int,
    *,
    stage: Stage,
    metrics: IndexerMetrics,
    on_answer: Callable[[], None] = lambda: None,
) -> None:
    """Derive for ever whatever is stored and not derived; `on_answer`: the database did as asked."""
    while True:
        # A look without a lock: the follower finds them free, and derives by itself.
        with translated():
            waiting = await queries.select_next_to_derive.one(connection)
            positions = await deriver.positions(connection)
        metrics.derived_to(min((each.derived_to for each in positions), default=None))
        stage.progressed()
        stage.busy = waiting is not None
        if waiting is not None:
            await derive_next(connection, rows_per_commit)
        on_answer()
        if waiting is None:
            await asyncio.sleep(_LOOK_EVERY_S)


async def derive_stored(
    settings: IndexerSettings, *, filled: Callable[[], bool], stopping: Callable[[], bool]
) -> int:
    """Derive what is stored until it is `filled()` and nothing is left, or until `stopping()`.

    Answers up to which block that is. Below `backfill.from_block` nothing is derived, nor above a block that
    is missing. A database that is away is waited for, `node.retry_deadline_s` at most.
    """
    now = asyncio.get_running_loop().time
    progress_at = now()
    while True:
        try:
            connection = await connect(settings.database_settings("pend-index derive"))
            try:
                await begin(connection, settings)
                while not stopping():
                    was_filled = filled()
                    derived = await derive_next(connection, settings.derive.rows_per_commit)
                    progress_at = now()
                    if derived is None and was_filled:
                        break
                    if derived is None:
                        await asyncio.sleep(_LOOK_EVERY_S)
                with translated():
                    return min(each.derived_to for each in await deriver.positions(connection))
            finally:
                connection.terminate()
        except database_errors.Retryable as error:
            if stopping() or now() - progress_at > settings.node.retry_deadline_s:
                raise
            log.warning("deriving waits", reason=str(error), retry_in_s=_LOOK_EVERY_S)
            await asyncio.sleep(_LOOK_EVERY_S)
