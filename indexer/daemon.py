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
from indexer.errors import (
    BackfillIncomplete,
    FinalityViolated,
    ReorgTooDeep,
    Retryable,
    WorkerFailed,
    database_kind,
)
from indexer.follow import Follower, FollowLimits, select_window
from indexer.metrics import IndexerMetrics
from indexer.network import Network, agree_on_network
from indexer.node_watch import NodeWatch
from indexer.rows import UnstorableValue
from indexer.session import Backend, writer_session
from indexer.settings import IndexerSettings
from indexer.stages import Stage, supervise
from indexer.watermark import keep_checking
from indexer.writer import Committed, queries
from node.agreement import Heights, watch_agreement
from node.client import NodeClient
from node.errors import BlockMissing, EndpointsDisagree, NodeInconsistent, NodeRetryable
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
_MISSING_MAX = 3
_NODE_AWAY, _DATABASE_AWAY = 3, 4  # exit codes of a worker that waiting mends
_STAGES = ("start", "heads", "follow", "fill", "verify")
_DATABASE_OUTAGES = (
    database_errors.Unavailable,
    database_errors.DiskFull,
    database_errors.OutOfResources,
    database_errors.StatementTimeout,
)


@dataclass(slots=True)
class Daemon:
    """Everything of one `run`. `stop` may be set at any time, from a signal handler too."""

    settings: IndexerSettings
    metrics: IndexerMetrics
    stop: asyncio.Event
    _head: HeadSeen | None = None
    _heights: Heights | None = None
    _head_changed: asyncio.Event = field(default_factory=asyncio.Event)
    _committed: asyncio.Event = field(default_factory=asyncio.Event)
    _follows_from: int | None = None
    _lock_wait_s: float = 0.0
    _backend: Backend | None = None
    _poison: int | None = None
    _refused: int = 0
    _converging: bool = False
    _database_away: set[str] = field(default_factory=set)
    _stages: dict[str, Stage] = field(init=False)
    _watch: NodeWatch = field(init=False)

    def __post_init__(self) -> None:
        self._stages = {name: Stage(name, self._limit_s(name)) for name in _STAGES}
        self._watch = NodeWatch(self.metrics, on_outage=self._outage_was_said)

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
        network = await self._stage("start", lambda: self._agree(node))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stage("heads", lambda: self._watch_heads(node)))
            tasks.create_task(self._stage("follow", lambda: self._follow(node, network)))
            tasks.create_task(self._stage("fill", lambda: self._fill(network)))
            tasks.create_task(self._verify_in_background())
            tasks.create_task(self._watch_agreement(node))
            tasks.create_task(announce(self.settings, self.metrics, self._committed))

    async def _stage(self, name: str, step: Callable[[], Awaitable[T]]) -> T:
        """Repeat `step` through outages; begin it anew when it makes no progress though it has work."""
        return await supervise(self._stages[name], lambda: self._waiting_out(name, step), self.metrics)

    def _limit_s(self, stage: str) -> float:
        limit_s = self.settings.follow.watchdog_s
        if stage != "heads" or not limit_s:
            return limit_s
        # It may rest this long between two looks at the node.
        return limit_s + max(self.settings.node.poll_interval_s, self.settings.node.silence_timeout_s)

    def _outage_was_said(self, wait_s: float) -> None:
        for name in ("start", "heads", "follow"):
            self._stages[name].progressed(rests_s=wait_s)

    async def _agree(self, node: NodeClient) -> Network:
        """The network that node and database agree on."""
        connection = self._stages["start"].holds(
            await connect(self.settings.database_settings("pend-index run"))
        )
        try:
            await require_current(connection)
            self._database_answers("start")
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
            # Its own looks: what others ask of the node says nothing about a watch that hangs.
            on_look=self._stages["heads"].progressed,
        ):
            self._head = head
            self.metrics.node_up(up=True)
            self.metrics.head_seen(head.number, head.timestamp)
            self._stages["follow"].busy = True
            self._head_changed.set()

    async def _watch_agreement(self, node: NodeClient) -> None:
        try:
            await watch_agreement(node, lambda: self._heights)
        except EndpointsDisagree as error:
            self.metrics.alarmed(error.kind)
            log.critical("alarm", kind=error.kind, reason=str(error))
            raise

    async def _follow(self, node: NodeClient, network: Network) -> None:
        stage = self._stages["follow"]
        async with writer_session(
            self.settings,
            lock_wait_s=self._lock_wait_s,
            predecessor=self._backend,
            on_wait=stage.progressed,
        ) as session:
            self._lock_wait_s, self._backend = _LOCK_WAIT_S, session.backend
            stage.holds(session.connection)
            self._database_answers("follow")
            depth = self.settings.follow.max_reorg_depth
            follower = Follower(
                node=node,
                connection=session.connection,
                network=network,
                epoch=session.epoch,
                window=await select_window(session.connection, depth),
                limits=FollowLimits(
                    batch_blocks=self.settings.node.batch_blocks_max,
                    jump_blocks=max(1024, 4 * depth),
                    from_block=self.settings.backfill.from_block,
                    full=self.settings.full_checks,
                ),
                metrics=self.metrics,
                on_progress=stage.progressed,
            )
            self._head_changed.set()
            await self._follow_heads(follower)

    async def _follow_heads(self, follower: Follower) -> None:
        """Converge on each head; a head met while busy replaces the ones before it."""
        delay, stage = _BACKOFF_MIN_S, self._stages["follow"]
        while True:
            stage.busy = self._head_changed.is_set()
            await self._head_changed.wait()
            self._head_changed.clear()
            if (head := self._head) is None:
                continue
            stage.busy = True
            try:
                # A transaction in progress ends before a stop does.
                self._converging = True
                await _unhurried(follower.converge(head))
                delay = _BACKOFF_MIN_S
                self._head_was_stored(follower)
            except (FinalityViolated, ReorgTooDeep) as error:
                kind = "finality_violated" if isinstance(error, FinalityViolated) else "reorg_too_deep"
                self.metrics.alarmed(kind)
                log.critical("alarm", kind=kind, reason=str(error))
                raise
            except (Retryable, database_errors.UniqueConflict, database_errors.Conflict) as error:
                log.info("reading the stored chain again", reason=str(error))
                await follower.reload()
                self._head_changed.set()
                await asyncio.sleep(delay)
                delay = min(2 * delay, _BACKOFF_MAX_S)
            except (NodeRetryable, UnstorableValue) as error:
                log.warning("head not stored", number=head.number, reason=str(error), retry_in_s=delay)
                await self._set_head_aside(follower, head, error)
                stage.progressed(rests_s=delay)
                self._head_changed.set()
                await asyncio.sleep(delay)
                delay = min(2 * delay, _BACKOFF_MAX_S)
            finally:
                self._converging = False
            if follower.window.links:
                self._follows_from = follower.window.unbroken_from
            self._committed.set()

    async def _set_head_aside(
        self, follower: Follower, head: HeadSeen, error: NodeRetryable | UnstorableValue
    ) -> None:
        """Say in log, metrics and status which block at the head cannot be stored; it is tried on and on."""
        match error:
            case NodeInconsistent(inconsistency=kind):
                number = error.number
            case BlockMissing():
                kind, number = "missing", error.block if isinstance(error.block, int) else None
            case UnstorableValue():
                kind, number = "unstorable_value", None
            case _:
                return
        self._refused += 1
        tip = follower.window.tip
        several = tip is not None and head.number > tip.number + 1 and not follower.singly
        # A block that is missing once is an endpoint that lags behind the one that announced it.
        if several or (kind == "missing" and self._refused < _MISSING_MAX):
            follower.singly = True
            return
        if number is None:
            number = head.number if tip is None else min(tip.number + 1, head.number)
        with translated():
            await queries.upsert_quarantined_block.exec(
                follower.connection, number, None, kind, str(error)[:2000]
            )
        self._poison = number
        self.metrics.head_poisoned(number)
        log.error("block at the head quarantined", number=number, kind=kind, reason=str(error))

    def _head_was_stored(self, follower: Follower) -> None:
        follower.singly, self._refused = False, 0
        tip = follower.window.tip
        if self._poison is not None and tip is not None and tip.number >= self._poison:
            log.info("block at the head stored after all", number=self._poison)
            self._poison = None
        self.metrics.head_poisoned(self._poison)
        if tip is not None:
            self._heights = Heights(tip.number, follower.window.finalized)

    async def _fill(self, network: Network) -> None:
        """Store what coverage lacks below the followed range, again and again."""
        stage = self._stages["fill"]
        connection = stage.holds(await connect(self.settings.database_settings("pend-index run")))
        set_aside: dict[int, float] = {}  # poison blocks of this run, and when to ask for them again
        try:
            while True:
                stage.busy = True
                missing = await self._measure_coverage(connection)
                stage.progressed()
                now = asyncio.get_running_loop().time()
                set_aside = {number: until for number, until in set_aside.items() if until > now}
                if missing:
                    poisoned = await self._fill_once(connection, network, missing[-1][1], set_aside)
                    set_aside |= dict.fromkeys(poisoned, now + _RETRY_QUARANTINED_S)
                following = self._follows_from is not None
                stage.busy = False
                await asyncio.sleep(_CHECK_COVERAGE_S if following else _BACKOFF_MIN_S)
        finally:
            connection.terminate()

    async def _measure_coverage(self, connection: Connection) -> list[tuple[int, int]]:
        with translated():
            covered = [Covered(**row) for row in await queries.select_coverage.many(connection)]
            quarantined = await queries.count_quarantined_blocks.value(connection)
        self._database_answers("fill")
        self.metrics.quarantined(quarantined)
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
        loop, stage = asyncio.get_running_loop(), self._stages["fill"]

        def on_commit(committed: Committed, seconds: float) -> None:
            loop.call_soon_threadsafe(self._filled, committed, seconds)

        def on_heard() -> None:
            loop.call_soon_threadsafe(stage.progressed)

        run = Backfill(
            settings=self.settings,
            network=network,
            work=work,
            workers_max=workers,
            on_commit=on_commit,
            on_queue_bytes=self.metrics.queued,
            observer=self.metrics,
            stopping=lambda: cancelled or self.stop.is_set(),
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
        self._committed.set()

    async def _verify_in_background(self) -> None:
        """Keep the watermark; whatever ends that, indexing goes on and an alarm says so."""
        if self.settings.verify.background_blocks_per_s:
            try:
                await self._stage("verify", self._verify)
            except Exception as error:
                self.metrics.alarmed("verification_failed")
                log.exception("nothing is verified any more until the next start", reason=str(error))

    async def _verify(self) -> None:
        stage = self._stages["verify"]
        connection = stage.holds(await connect(self.settings.database_settings("pend-index verify")))
        try:
            await keep_checking(
                connection,
                self.settings.verify.background_blocks_per_s,
                stage=stage,
                metrics=self.metrics,
                gives_way=lambda: self._converging,
                on_checked=lambda: self._database_answers("verify"),
            )
        finally:
            connection.terminate()

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
                self._stages[doing].progressed(rests_s=delay)
                if isinstance(error, NodeRetryable):
                    self.metrics.node_up(up=False)
                elif isinstance(error, database_errors.Retryable):
                    self._database_fails(doing, error)
                log.warning("waiting", task=doing, reason=str(error), retry_in_s=delay)
                await asyncio.sleep(delay)
                delay = min(2 * delay, _BACKOFF_MAX_S)

    def _database_answers(self, stage: str) -> None:
        self._database_away.discard(stage)
        self.metrics.database_up(up=not self._database_away)

    def _database_fails(self, stage: str, error: database_errors.Retryable) -> None:
        """One stage that the database refuses is enough: a standby still answers those that only read."""
        self.metrics.database_failed(database_kind(error))
        if isinstance(error, _DATABASE_OUTAGES):
            self._database_away.add(stage)
        self.metrics.database_up(up=not self._database_away)


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
