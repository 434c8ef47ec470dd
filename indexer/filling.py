"""What coverage lacks below the followed range is stored while the head is followed (invariants 2 and 4)."""

import asyncio
from collections.abc import Callable, Container
from dataclasses import dataclass

import structlog

from indexer.backfill import Backfill, plan
from indexer.coverage import Covered, gaps
from indexer.errors import BackfillIncomplete, Retryable, WorkerFailed
from indexer.metrics import IndexerMetrics
from indexer.network import Network
from indexer.outages import BACKOFF_MIN_S
from indexer.settings import IndexerSettings
from indexer.stages import Stage
from indexer.writer import Committed, queries
from postgres import errors as database_errors
from postgres.connections import Connection
from postgres.errors import translated

log = structlog.get_logger(__name__)

_CHECK_COVERAGE_S = 5.0
_RETRY_QUARANTINED_S = 600.0
_NODE_AWAY, _DATABASE_AWAY = 3, 4  # exit codes of a worker that waiting mends


@dataclass(frozen=True, slots=True)
class Filling:
    """The filling of one daemon. `follows_from` says which block the follower begins at, once it does."""

    settings: IndexerSettings
    metrics: IndexerMetrics
    network: Network
    stage: Stage
    follows_from: Callable[[], int | None]
    stopping: Callable[[], bool]
    on_answer: Callable[[], None]
    on_commit: Callable[[], None]

    async def run(self, connection: Connection) -> None:
        """Store what is missing, until cancelled. Raises outages and what ends a backfill."""
        set_aside: dict[int, float] = {}  # poison blocks of this run, and when to ask for them again
        while True:
            self.stage.busy = True
            missing = await self._measure_coverage(connection)
            self.stage.progressed()
            now = asyncio.get_running_loop().time()
            set_aside = {number: until for number, until in set_aside.items() if until > now}
            if missing:
                poisoned = await self._fill_once(connection, missing[-1][1], set_aside)
                set_aside |= dict.fromkeys(poisoned, now + _RETRY_QUARANTINED_S)
            following = self.follows_from() is not None
            self.stage.busy = False
            await asyncio.sleep(_CHECK_COVERAGE_S if following else BACKOFF_MIN_S)

    async def _measure_coverage(self, connection: Connection) -> list[tuple[int, int]]:
        """The gaps below what is followed; all of them go to the metrics."""
        with translated():
            covered = [Covered(**row) for row in await queries.select_coverage.many(connection)]
            quarantined = await queries.count_quarantined_blocks.value(connection)
        self.on_answer()
        self.metrics.quarantined(quarantined)
        follows_from = self.follows_from()
        if follows_from is None or not covered:
            return []
        missing = gaps(covered, self.settings.backfill.from_block, covered[-1].last)
        self.metrics.coverage(gaps=len(missing), gap_blocks=sum(last - first + 1 for first, last in missing))
        return [gap for gap in missing if gap[1] < follows_from]

    async def _fill_once(self, connection: Connection, last: int, without: Container[int]) -> tuple[int, ...]:
        """One backfill up to `last` in worker processes; the blocks it had to set aside."""
        backfill = self.settings.backfill
        workers = backfill.workers_effective()
        work = [
            (first, end)
            for first, end in await plan(
                connection, backfill.from_block, last, backfill.segment_blocks, workers=workers
            )
            if not all(number in without for number in range(first, end + 1))
        ]
        if not work:
            return ()
        log.info("filling gaps", segments=len(work), first=work[0][0], last=work[-1][1])
        cancelled = False
        loop = asyncio.get_running_loop()

        def on_commit(committed: Committed, seconds: float) -> None:
            loop.call_soon_threadsafe(self._filled, committed, seconds)

        def on_heard() -> None:
            loop.call_soon_threadsafe(self.stage.progressed)

        run = Backfill(
            settings=self.settings,
            network=self.network,
            work=work,
            workers_max=workers,
            on_commit=on_commit,
            on_queue_bytes=self.metrics.queued,
            observer=self.metrics,
            stopping=lambda: cancelled or self.stopping(),
            on_heard=on_heard,
            on_database_error=self.metrics.database_failed,
        )
        thread = asyncio.create_task(asyncio.to_thread(run.run))
        try:
            filled = await asyncio.shield(thread)
        except asyncio.CancelledError:
            cancelled = True
            await asyncio.wait({thread})
            raise
        except WorkerFailed as error:
            if error.code not in {_NODE_AWAY, _DATABASE_AWAY}:
                raise
            if error.code == _NODE_AWAY:
                raise Retryable(str(error)) from error
            raise database_errors.Unavailable(str(error)) from error
        log.info("gaps filled", blocks=filled.blocks, transactions=filled.transactions)
        if filled.poisoned:
            log.error("blocks quarantined", reason=str(BackfillIncomplete(filled.poisoned)))
        return filled.poisoned

    def _filled(self, committed: Committed, seconds: float) -> None:
        self.metrics.committed(
            blocks=committed.last - committed.first + 1,
            transactions=committed.transactions,
            logs=committed.logs,
            seconds=seconds,
        )
        self.on_commit()
