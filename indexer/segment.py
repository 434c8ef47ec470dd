"""A backfill segment: a plain range, and what stores the blocks of it that are missing.

Runs alike in a process pool here or on any other machine that reaches the node and the database.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import structlog

from evm.consensus import has_immediate_finality
from indexer import errors
from indexer.coverage import Covered, gaps
from indexer.fetch import FetchLimits, Pace, Poison, fetch_in_order
from indexer.network import Network
from indexer.rows import BlockRows
from indexer.writer import Committed, queries, store
from node.client import NodeClient
from node.errors import NodeRetryable
from postgres import errors as database_errors
from postgres.errors import translated
from postgres.pool import Pool

log = structlog.get_logger(__name__)

_WAIT_MIN_S, _WAIT_MAX_S = 0.2, 10.0

OnCommit = Callable[[Committed, float], None]


@dataclass(frozen=True, slots=True)
class SegmentLimits:
    """How a segment is fetched and committed; `outage_max_s` bounds the wait for a node or database.

    A commit is due after `commit_rows` or `commit_bytes` of rows, whichever comes first: rows are held three
    times while they are stored, gathered, joined for COPY and in the driver's buffer.
    """

    fetch: FetchLimits
    commit_rows: int
    full: bool
    outage_max_s: float
    commit_bytes: int = 16 * 1024 * 1024


@dataclass(slots=True)
class Stored:
    """What became of a segment."""

    blocks: int = 0
    poisoned: list[int] = field(default_factory=list)


def _ignore(_queue_bytes: int) -> None:
    """The queue's size, where nobody asks."""


def _unheard(_error: Exception) -> None:
    """A wait, where nobody counts them."""


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class SegmentWriter:
    """Stores segments one after another. The callbacks are called inline and must return at once."""

    node: NodeClient
    pool: Pool
    network: Network
    limits: SegmentLimits
    on_commit: OnCommit
    on_queue_bytes: Callable[[int], None] = _ignore
    stopping: Callable[[], bool] = _never
    on_wait: Callable[[Exception], None] = _unheard
    pace: Pace = field(default_factory=Pace)

    async def store(self, segment: tuple[int, int]) -> Stored:
        """Store every block of `segment` that is not stored yet; what is stored already is skipped.

        A block that the node never gives consistently is quarantined and named in the answer. A node
        or database that is away is waited for, `outage_max_s` at most. Between two commits nothing is
        kept: the next start finds the rest. Returns early, between two commits, when `stopping()`.
        """
        stored, delay = Stored(), _WAIT_MIN_S
        blocks, outage_from = 0, 0.0
        while True:
            try:
                for first, last in await self._missing(segment, stored.poisoned):
                    await self._store_range(first, last, stored)
            except (NodeRetryable, database_errors.Retryable, errors.Retryable) as error:
                self.on_wait(error)
                now = asyncio.get_running_loop().time()
                if stored.blocks > blocks or not outage_from:
                    blocks, outage_from, delay = stored.blocks, now, _WAIT_MIN_S
                if now - outage_from > self.limits.outage_max_s or self.stopping():
                    raise
                log.warning("segment waits", segment=segment, reason=str(error), retry_in_s=delay)
                await asyncio.sleep(delay)
                delay = min(2 * delay, _WAIT_MAX_S)
            else:
                return stored

    async def _missing(self, segment: tuple[int, int], poisoned: list[int]) -> list[tuple[int, int]]:
        with translated():
            async with self.pool.acquire() as connection:
                rows = await queries.select_coverage_between.many(connection, *segment)
        covered = [Covered(**row) for row in rows]
        # Quarantined in this run: asking again at once would give the same answer.
        covered += [Covered(number, number, b"", b"") for number in poisoned]
        return gaps(covered, *segment)

    async def _store_range(self, first: int, last: int, stored: Stored) -> None:
        """Commit the range in linked batches, fetching on while the previous batch is being stored."""
        stream = fetch_in_order(
            self.node,
            first,
            last,
            self.limits.fetch,
            full=self.limits.full,
            on_queue_bytes=self.on_queue_bytes,
            pace=self.pace,
        )
        batch: list[BlockRows] = []
        batch_rows = batch_bytes = 0
        committing: asyncio.Task[None] | None = None
        try:
            async with aclosing(stream):
                async for fetched in stream:
                    for run, poison in _runs(batch, fetched):
                        # The blocks before a poison block are committed without it.
                        await self._commit(run, stored)
                        await self._quarantine(poison, stored)
                    for rows in fetched:
                        if isinstance(rows, BlockRows):
                            batch_rows, batch_bytes = batch_rows + rows.rows, batch_bytes + rows.memory_bytes
                    if batch_rows >= self.limits.commit_rows or batch_bytes >= self.limits.commit_bytes:
                        if committing is not None:
                            await committing
                        committing = asyncio.create_task(self._commit(batch, stored))
                        batch, batch_rows, batch_bytes = [], 0, 0
                    if self.stopping():
                        break
            if committing is not None:
                await committing
            await self._commit(batch, stored)
        finally:
            if committing is not None:
                # Let the transaction in progress end: cancelling it would only undo good work.
                await asyncio.gather(committing, return_exceptions=True)

    async def _commit(self, batch: Sequence[BlockRows], stored: Stored) -> None:
        if not batch:
            return
        finalized = batch[-1].number if has_immediate_finality(self.network.consensus) else -1
        started = asyncio.get_running_loop().time()
        with translated():
            async with self.pool.acquire() as connection:
                committed = await store(connection, batch, finalized=finalized)
        stored.blocks += len(batch)
        self.on_commit(committed, asyncio.get_running_loop().time() - started)

    async def _quarantine(self, poison: Poison, stored: Stored) -> None:
        log.error("block quarantined", number=poison.number, kind=poison.kind, reason=poison.reason)
        with translated():
            async with self.pool.acquire() as connection:
                await queries.upsert_quarantined_block.exec(
                    connection, poison.number, poison.hash, poison.kind, poison.reason[:2000]
                )
        stored.poisoned.append(poison.number)


def _runs(
    batch: list[BlockRows], fetched: Sequence[BlockRows | Poison]
) -> Iterator[tuple[list[BlockRows], Poison]]:
    """Append `fetched` to `batch`; at each poison block, yield what was gathered before it and start anew.

    Raises `SeamMismatch` when two neighbours are not parent and child: the node's chain has changed.
    """
    for item in fetched:
        if isinstance(item, Poison):
            run = batch.copy()
            batch.clear()
            yield run, item
            continue
        if batch and item.parent_hash != batch[-1].hash:
            raise errors.SeamMismatch(item.number, batch[-1].hash, item.parent_hash)
        batch.append(item)
