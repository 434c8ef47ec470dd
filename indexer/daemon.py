"""`pend-index run`: the head, the past behind it and what Prometheus sees, in one task group.

An outage of the node, the database or Redis is waited out and said; what waiting does not mend ends the
process with its cause. A stop lets the transaction in progress end, 10 s at most.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Container, Coroutine
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from indexer.announce import announce
from indexer.backfill import Backfill, plan
from indexer.coverage import Covered, gaps
from indexer.errors import BackfillIncomplete, FinalityViolated, ReorgTooDeep, Retryable, WorkerFailed
from indexer.follow import Follower, FollowLimits, select_window
from indexer.metrics import IndexerMetrics
from indexer.network import Network, agree_on_network
from indexer.node_watch import NodeWatch
from indexer.rows import UnstorableValue
from indexer.session import writer_session
from indexer.settings import IndexerSettings
from indexer.writer import Committed, queries
from node.client import NodeClient
from node.errors import NodeRetryable
from node.heads import HeadSeen, heads
from postgres import errors as database_errors
from postgres.connections import Connection
from postgres.errors import translated
from postgres.migrations import require_current
from postgres.pool import connect

T = TypeVar("T")

log = structlog.get_logger(__name__)

_BACKOFF_MIN_S, _BACKOFF_MAX_S, _BACKOFF_RESET_S = 0.2, 5.0, 30.0
_FINISH_S = 4.0  # of the 10 s that a stop may take
_LOCK_WAIT_S = 60.0  # a server may take as long to notice that a client is gone
_CHECK_COVERAGE_S = 5.0
_RETRY_QUARANTINED_S = 600.0
_NODE_AWAY, _DATABASE_AWAY = 3, 4  # exit codes of a worker that waiting mends


@dataclass(slots=True)
class Daemon:
    """Everything of one `run`. `stop` may be set at any time, from a signal handler too."""

    settings: IndexerSettings
    metrics: IndexerMetrics
    stop: asyncio.Event
    _head: HeadSeen | None = None
    _head_changed: asyncio.Event = field(default_factory=asyncio.Event)
    _committed: asyncio.Event = field(default_factory=asyncio.Event)
    _follows_from: int | None = None
    _lock_wait_s: float = 0.0
    _watch: NodeWatch = field(init=False)

    def __post_init__(self) -> None:
        self._watch = NodeWatch(self.metrics)

    async def run(self) -> None:
        """Index until `stop` is set. Raises what an operator has to mend."""
        async with NodeClient(self.settings.node_settings(), self._watch) as node:
            main = asyncio.create_task(self._main(node))
            stopped = asyncio.create_task(self.stop.wait())
            try:
                await asyncio.wait({main, stopped}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                stopped.cancel()
                if not main.done():
                    log.info("stopping")
                    main.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await main

    async def _main(self, node: NodeClient) -> None:
        network = await self._waiting_out("start", lambda: self._agree(node))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch_heads(node))
            tasks.create_task(self._waiting_out("follow", lambda: self._follow(node, network)))
            tasks.create_task(self._waiting_out("fill", lambda: self._fill(network)))
            tasks.create_task(announce(self.settings, self.metrics, self._committed))

    async def _agree(self, node: NodeClient) -> Network:
        """The network that node and database agree on."""
        connection = await connect(self.settings.database_settings("pend-index run"))
        try:
            await require_current(connection)
            self.metrics.database_up(up=True)
            network = await agree_on_network(connection, node)
        finally:
            connection.terminate()
        self.metrics.node_up(up=True)
        log.info(
            "network agreed",
            chain_id=network.chain_id,
            genesis=network.genesis_hash,
            consensus=network.consensus.value,
        )
        return network

    async def _watch_heads(self, node: NodeClient) -> None:
        async for head in heads(
            node,
            ws_url=self.settings.node_settings().ws_url,
            poll_interval_s=self.settings.node.poll_interval_s,
            observer=self._watch,
        ):
            self._head = head
            self.metrics.node_up(up=True)
            self.metrics.head_seen(head.number, head.timestamp)
            self._head_changed.set()

    async def _follow(self, node: NodeClient, network: Network) -> None:
        async with writer_session(self.settings, lock_wait_s=self._lock_wait_s) as session:
            self._lock_wait_s = _LOCK_WAIT_S
            self.metrics.database_up(up=True)
            depth = self.settings.follow.max_reorg_depth
            follower = Follower(
                node=node,
                connection=session.connection,
                consensus=network.consensus,
                epoch=session.epoch,
                window=await select_window(session.connection, depth),
                limits=FollowLimits(
                    batch_blocks=self.settings.node.batch_blocks_max,
                    jump_blocks=max(1024, 4 * depth),
                    from_block=self.settings.backfill.from_block,
                    full=self.settings.full_checks,
                ),
                metrics=self.metrics,
            )
            self._head_changed.set()
            await self._follow_heads(follower)

    async def _follow_heads(self, follower: Follower) -> None:
        """Converge on each head; a head met while busy replaces the ones before it."""
        delay = _BACKOFF_MIN_S
        while True:
            await self._head_changed.wait()
            self._head_changed.clear()
            if (head := self._head) is None:
                continue
            try:
                # A transaction in progress ends before a stop does.
                await _unhurried(follower.converge(head))
                delay = _BACKOFF_MIN_S
            except (FinalityViolated, ReorgTooDeep) as error:
                kind = "finality_violated" if isinstance(error, FinalityViolated) else "reorg_too_deep"
                self.metrics.alarmed(kind)
                log.critical("alarm", kind=kind, reason=str(error))
                raise
            except (Retryable, database_errors.UniqueConflict) as error:
                log.info("reading the stored chain again", reason=str(error))
                await follower.reload()
                self._head_changed.set()
                await asyncio.sleep(delay)
                delay = min(2 * delay, _BACKOFF_MAX_S)
            except (NodeRetryable, UnstorableValue) as error:
                log.warning("head not stored", number=head.number, reason=str(error), retry_in_s=delay)
                self._head_changed.set()
                await asyncio.sleep(delay)
                delay = min(2 * delay, _BACKOFF_MAX_S)
            links = follower.window.links
            if links:
                self._follows_from = links[0].number
            self._committed.set()

    async def _fill(self, network: Network) -> None:
        """Store what coverage lacks below the followed range, again and again."""
        connection = await connect(self.settings.database_settings("pend-index run"))
        set_aside: dict[int, float] = {}  # poison blocks of this run, and when to ask for them again
        try:
            while True:
                missing = await self._measure_coverage(connection)
                now = asyncio.get_running_loop().time()
                set_aside = {number: until for number, until in set_aside.items() if until > now}
                if missing:
                    poisoned = await self._fill_once(connection, network, missing[-1][1], set_aside)
                    set_aside |= dict.fromkeys(poisoned, now + _RETRY_QUARANTINED_S)
                following = self._follows_from is not None
                await asyncio.sleep(_CHECK_COVERAGE_S if following else _BACKOFF_MIN_S)
        finally:
            connection.terminate()

    async def _measure_coverage(self, connection: Connection) -> list[tuple[int, int]]:
        with translated():
            covered = [Covered(**row) for row in await queries.select_coverage.many(connection)]
            quarantined = await queries.select_quarantined_blocks.many(connection)
        self.metrics.database_up(up=True)
        self.metrics.quarantined(len(quarantined))
        if self._follows_from is None or not covered:
            return []
        missing = gaps(covered, self.settings.backfill.from_block, covered[-1].last)
        self.metrics.coverage(gaps=len(missing), gap_blocks=sum(last - first + 1 for first, last in missing))
        return [gap for gap in missing if gap[1] < self._follows_from]

    async def _fill_once(
        self, connection: Connection, network: Network, last: int, without: Container[int]
    ) -> tuple[int, ...]:
        """One backfill up to `last` in worker processes; the blocks it had to set aside."""
        backfill = self.settings.backfill
        work = [
            (first, end)
            for first, end in await plan(connection, backfill.from_block, last, backfill.segment_blocks)
            if not all(number in without for number in range(first, end + 1))
        ]
        if not work:
            return ()
        log.info("filling gaps", segments=len(work), first=work[0][0], last=work[-1][1])
        cancelled = False
        loop = asyncio.get_running_loop()

        def on_commit(committed: Committed, seconds: float) -> None:
            loop.call_soon_threadsafe(self._filled, committed, seconds)

        run = Backfill(
            settings=self.settings,
            network=network,
            work=work,
            workers_max=backfill.workers_effective(),
            on_commit=on_commit,
            on_queue_bytes=self.metrics.queued,
            observer=self.metrics,
            stopping=lambda: cancelled or self.stop.is_set(),
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
        self._committed.set()

    async def _waiting_out(self, doing: str, step: Callable[[], Awaitable[T]]) -> T:
        """Repeat `step` while it ends in an outage, waiting longer each time and saying why."""
        delay = _BACKOFF_MIN_S
        while True:
            started = asyncio.get_running_loop().time()
            try:
                return await step()
            except (NodeRetryable, database_errors.Retryable, Retryable) as error:
                if asyncio.get_running_loop().time() - started > _BACKOFF_RESET_S:
                    delay = _BACKOFF_MIN_S
                if isinstance(error, NodeRetryable):
                    self.metrics.node_up(up=False)
                elif isinstance(error, database_errors.Retryable):
                    self.metrics.database_up(up=False)
                log.warning("waiting", task=doing, reason=str(error), retry_in_s=delay)
                await asyncio.sleep(delay)
                delay = min(2 * delay, _BACKOFF_MAX_S)


async def _unhurried(work: Coroutine[None, None, None]) -> None:
    """Await `work`; when cancelled, give it `_FINISH_S` to end its transaction first."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=_FINISH_S)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
