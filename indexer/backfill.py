"""Fill a range of blocks with K worker processes, each storing one segment after another.

A worker talks over its own pipe: its death is an end of file, never a lock that nobody frees, and the
death of this process ends the workers likewise.
"""

import asyncio
import contextlib
import gc
import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any

import structlog
import uvloop

from evm.primitives import to_hex
from indexer.coverage import Covered, gaps, segments
from indexer.errors import WorkerFailed, WorkersLost, database_kind, exit_code, explain
from indexer.fetch import FetchLimits
from indexer.network import Network
from indexer.segment import SegmentLimits, SegmentWriter
from indexer.settings import IndexerSettings
from indexer.writer import Committed, queries
from node.client import NodeClient
from node.observer import HeadSource, NodeObserver, SilentObserver
from postgres.connections import Connection
from postgres.errors import DatabaseError, translated
from postgres.pool import open_pool
from service.logging import configure_logging

log = structlog.get_logger(__name__)

# A worker that dies this often without finishing a segment is not an accident.
_DEATHS_MAX = 10
_STOP_S = 6.0
_TERMINATE_S = 1.0
# How often a worker says what it holds and what its node client saw.
_SAY_EVERY_S = 0.25
_GC_AFTER = 50_000

Segment = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Filled:
    """What a backfill stored, the blocks it set aside, and whether it was stopped before its end."""

    blocks: int
    transactions: int
    poisoned: tuple[int, ...]
    stopped: bool


@dataclass(frozen=True, slots=True)
class _Commit:
    committed: Committed
    seconds: float


@dataclass(frozen=True, slots=True)
class _QueueBytes:
    held: int


@dataclass(frozen=True, slots=True)
class _Waits:
    """A worker met an error that waiting mends; the kind where it was the database's."""

    database_kind: str | None


@dataclass(frozen=True, slots=True)
class _Observed:
    """What a worker's node client told its observer: method names and arguments, in order."""

    calls: tuple[tuple[str, tuple[Any, ...]], ...]


@dataclass(frozen=True, slots=True)
class _Done:
    poisoned: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Failed:
    message: str
    code: int


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    pipe: Pipe
    segment: Segment | None = None
    queue_bytes: int = 0


async def plan(
    connection: Connection, first: int, last: int, segment_blocks: int, *, workers: int
) -> list[Segment]:
    """The segments of `first`…`last` that are not stored yet, at least two for each of several workers.

    Where one ends a worker waits for its last commit with nothing to read, so that few are better than many.
    """
    with translated():
        rows = await queries.select_coverage_between.many(connection, first, last)
    missing = gaps([Covered(**row) for row in rows], first, last)
    if workers > 1:
        blocks = sum(end - begin + 1 for begin, end in missing)
        segment_blocks = min(segment_blocks, max(1, blocks // (2 * workers)))
    return segments(missing, segment_blocks)


async def plan_quarantined(connection: Connection, segment_blocks: int) -> list[Segment]:
    """The segments of the blocks that were set aside; those stored meanwhile are struck off the list."""
    with translated():
        await queries.delete_quarantined_covered.exec(connection)
        ranges = await queries.select_quarantined_ranges.many(connection)
    return segments([(row["first"], row["last"]) for row in ranges], segment_blocks)


@dataclass(slots=True)
class Backfill:
    """One run over `work`. The callbacks and the observer are called in the thread of `run`.

    `on_heard` is called whenever a worker has said anything: a commit, a fetched batch, a failure.
    """

    settings: IndexerSettings
    network: Network
    work: Sequence[Segment]
    workers_max: int
    on_commit: Callable[[Committed, float], None]
    on_queue_bytes: Callable[[int], None] = lambda _bytes: None
    stopping: Callable[[], bool] = lambda: False
    on_heard: Callable[[], None] = lambda: None
    on_database_error: Callable[[str], None] = lambda _kind: None
    observer: NodeObserver = field(default_factory=SilentObserver)
    _waiting: deque[Segment] = field(init=False)
    _workers: list[_Worker] = field(init=False, default_factory=list)
    _deaths: int = 0
    _blocks: int = 0
    _transactions: int = 0
    _poisoned: list[int] = field(init=False, default_factory=list)

    def run(self) -> Filled:
        """Store every segment. Blocks; Raises `WorkerFailed`, or `WorkersLost` when workers keep dying.

        A worker killed in the middle loses only its open transaction: its segment is given out again.
        """
        self._waiting = deque(self.work)
        try:
            for _ in range(min(self.workers_max, len(self.work))):
                self._workers.append(_start_worker(self.settings, self.network))
            stopped = self._loop()
        finally:
            self._stop_workers()
        return Filled(self._blocks, self._transactions, tuple(sorted(self._poisoned)), stopped)

    def _loop(self) -> bool:
        while True:
            if self.stopping():
                return True
            for worker in self._workers:
                if worker.segment is None and self._waiting:
                    self._give(worker)
            busy = [worker for worker in self._workers if worker.segment is not None]
            if not busy:
                return False
            ready = wait([worker.pipe for worker in busy], timeout=0.2)
            for worker in busy:
                if worker.pipe in ready:
                    self._hear(worker)

    def _give(self, worker: _Worker) -> None:
        worker.segment = self._waiting.popleft()
        try:
            worker.pipe.send(worker.segment)
        except (BrokenPipeError, ConnectionResetError):
            self._bury(worker)

    def _hear(self, worker: _Worker) -> None:
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):  # OSError: it died in the middle of a message
            self._bury(worker)
            return
        self.on_heard()
        match message:
            case _Commit(committed, seconds):
                self._blocks += committed.last - committed.first + 1
                self._transactions += committed.transactions
                self.on_commit(committed, seconds)
            case _QueueBytes(held):
                worker.queue_bytes = held
                self.on_queue_bytes(sum(each.queue_bytes for each in self._workers))
            case _Waits(kind):
                if kind is not None:
                    self.on_database_error(kind)
            case _Observed(calls):
                for method, arguments in calls:
                    getattr(self.observer, method)(*arguments)
            case _Done(poisoned):
                worker.segment, self._deaths = None, 0
                self._poisoned.extend(poisoned)
            case _Failed(text, code):
                raise WorkerFailed(text, code)

    def _bury(self, worker: _Worker) -> None:
        """A worker is gone: its segment goes back to the front, another worker takes its place."""
        worker.process.join()
        self._deaths += 1
        log.warning("backfill worker died", exit_code=worker.process.exitcode, segment=worker.segment)
        if self._deaths >= _DEATHS_MAX:
            raise WorkersLost(self._deaths, worker.process.exitcode)
        if worker.segment is not None:
            self._waiting.appendleft(worker.segment)
        worker.pipe.close()
        self._workers[self._workers.index(worker)] = _start_worker(self.settings, self.network)

    def _stop_workers(self) -> None:
        for worker in self._workers:
            worker.pipe.close()  # an end of file: the worker ends after its transaction
        deadline = time.monotonic() + _STOP_S  # for all of them together
        for worker in self._workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.is_alive():
                worker.process.terminate()
                worker.process.join(_TERMINATE_S)
                worker.process.kill()  # a worker that was stopped by SIGSTOP hears nothing else
                worker.process.join()


class _PipeObserver:
    """Gathers what the node client tells, and sends it with the next message."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._calls: list[tuple[str, tuple[Any, ...]]] = []
        self._say_at = 0.0

    def flush(self, message: object) -> None:
        if self._calls:
            self._pipe.send(_Observed(tuple(self._calls)))
            self._calls.clear()
        self._pipe.send(message)

    def on_queue_bytes(self, held: int) -> None:
        now = time.monotonic()
        if now >= self._say_at:
            self._say_at = now + _SAY_EVERY_S
            self.flush(_QueueBytes(held))

    def on_request(self, endpoint: str, method: str, seconds: float, error_kind: str | None) -> None:
        self._calls.append(("on_request", (endpoint, method, seconds, error_kind)))

    def on_retry(self, method: str, error_kind: str, wait_s: float) -> None:
        # Told at once: a worker that waits for its node is not one that hangs.
        self._calls.append(("on_retry", (method, error_kind, wait_s)))
        self._pipe.send(_Observed(tuple(self._calls)))
        self._calls.clear()

    def on_inconsistent(self, kind: str) -> None:
        self._calls.append(("on_inconsistent", (kind,)))

    def on_head_source(self, source: HeadSource) -> None:
        self._calls.append(("on_head_source", (source,)))

    def on_set_aside(self, endpoint: str, reason: str) -> None:
        self._calls.append(("on_set_aside", (endpoint, reason)))

    def on_disagreement(self, number: int) -> None:
        self._calls.append(("on_disagreement", (number,)))


def _start_worker(settings: IndexerSettings, network: Network) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(
        target=_worker, args=(settings, network, theirs), name="pend-backfill", daemon=True
    )
    # Ctrl-C reaches the whole group: the parent decides, and closes the pipe. A child inherits what is
    # blocked here, and so is deaf from its first instruction on.
    resource_tracker.ensure_running()  # starting it would unblock the signal
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    theirs.close()
    return _Worker(process, ours)


def _worker(settings: IndexerSettings, network: Network, pipe: Pipe) -> None:
    configure_logging(settings.log.level, settings.log.format)
    # Blocks come and go without cycles. The collector would walk them again and again: a sixth of the time.
    gc.freeze()
    gc.set_threshold(_GC_AFTER, 20, 100)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        uvloop.run(_while_parent_lives(_serve(settings, network, pipe)))


async def _while_parent_lives(work: Coroutine[None, None, None]) -> None:
    """Await `work`; when the parent is gone, end it, though it may be waiting for a node that is away."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    task, loop, sentinel = asyncio.ensure_future(work), asyncio.get_running_loop(), parent.sentinel

    def orphaned() -> None:
        loop.remove_reader(sentinel)
        task.cancel()

    loop.add_reader(sentinel, orphaned)
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _serve(settings: IndexerSettings, network: Network, pipe: Pipe) -> None:
    """Store the segments that come down the pipe until it ends."""
    backfill = settings.backfill
    limits = SegmentLimits(
        fetch=FetchLimits(
            # Two questions for each batch.
            max(1, settings.node.connections_max // 2),
            settings.node.batch_blocks_max,
            backfill.queue_bytes_max,
        ),
        commit_rows=backfill.commit_rows,
        full=settings.full_checks,
        outage_max_s=settings.node.retry_deadline_s,
    )
    observer = _PipeObserver(pipe)
    try:
        async with (
            NodeClient(settings.node_settings(), observer) as node,
            # Opened on first use: a database that is away is waited for there.
            await open_pool(
                replace(settings.database_settings("pend-index backfill"), pool_size_min=0)
            ) as pool,
        ):
            await node.verify_network(network.chain_id, to_hex(network.genesis_hash))
            writer = SegmentWriter(
                node,
                pool,
                network,
                limits,
                on_commit=lambda committed, seconds: pipe.send(_Commit(committed, seconds)),
                on_queue_bytes=observer.on_queue_bytes,
                stopping=pipe.poll,
                on_wait=lambda error: observer.flush(
                    _Waits(database_kind(error) if isinstance(error, DatabaseError) else None)
                ),
            )
            while True:
                stored = await writer.store(await asyncio.to_thread(pipe.recv))
                observer.flush(_Done(tuple(stored.poisoned)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise
    except Exception as error:  # noqa: BLE001  told to the parent, which decides
        pipe.send(_Failed(explain(error), exit_code(error)))
