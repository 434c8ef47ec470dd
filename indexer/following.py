"""The daemon at the head: one session that may write, and a follower that converges on each head it is told.

What is told meanwhile replaces what was told before. A block that cannot be stored is said aloud and tried
on and on; nothing above it is stored.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

import structlog

from indexer.errors import FinalityViolated, ReorgTooDeep, Retryable
from indexer.follow import Follower, FollowLimits, select_window
from indexer.metrics import IndexerMetrics
from indexer.network import Network
from indexer.outages import BACKOFF_MAX_S, BACKOFF_MIN_S
from indexer.rows import UnstorableValue
from indexer.session import Backend, WriterSession, writer_session
from indexer.settings import IndexerSettings
from indexer.stages import Stage
from indexer.writer import queries
from node.agreement import Heights
from node.client import NodeClient
from node.errors import BlockMissing, NodeInconsistent, NodeRetryable
from node.heads import HeadSeen
from postgres import errors as database_errors
from postgres.errors import translated

log = structlog.get_logger(__name__)

_FINISH_S = 4.0  # of the 10 s that a stop may take
_LOCK_WAIT_S = 60.0  # a server may take as long to notice that a client is gone
_MISSING_MAX = 3


@dataclass(slots=True)
class Following:
    """What one daemon knows of the head; `run` may end and be called again, and goes on from it."""

    settings: IndexerSettings
    metrics: IndexerMetrics
    stage: Stage
    on_answer: Callable[[], None]
    on_commit: Callable[[], None]
    heights: Heights | None = None
    follows_from: int | None = None
    converging: bool = False
    _head: HeadSeen | None = None
    _head_changed: asyncio.Event = field(default_factory=asyncio.Event)
    _lock_wait_s: float = 0.0
    _backend: Backend | None = None
    _poison: int | None = None
    _refused: int = 0

    def told(self, head: HeadSeen) -> None:
        """This is the head now; one that was told and is not stored yet no longer matters."""
        self._head = head
        self.stage.busy = True
        self._head_changed.set()

    async def run(self, node: NodeClient, network: Network) -> None:
        """Follow until cancelled. Raises outages and what an operator has to mend."""
        async with writer_session(
            self.settings,
            lock_wait_s=self._lock_wait_s,
            predecessor=self._backend,
            on_wait=self.stage.progressed,
        ) as session:
            self._lock_wait_s, self._backend = _LOCK_WAIT_S, session.backend
            self.stage.holds(session.connection)
            self.on_answer()
            follower = await self._follower(session, node, network)
            self._head_changed.set()
            await self._follow_heads(follower)

    async def _follower(self, session: WriterSession, node: NodeClient, network: Network) -> Follower:
        depth = self.settings.follow.max_reorg_depth
        return Follower(
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
                derives=self.settings.derive.enabled,
            ),
            metrics=self.metrics,
            on_progress=self.stage.progressed,
        )

    async def _follow_heads(self, follower: Follower) -> None:
        """Converge on each head; a head met while busy replaces the ones before it."""
        delay, stage = BACKOFF_MIN_S, self.stage
        while True:
            stage.busy = self._head_changed.is_set()
            await self._head_changed.wait()
            self._head_changed.clear()
            if (head := self._head) is None:
                continue
            stage.busy = True
            try:
                # A transaction in progress ends before a stop does.
                self.converging = True
                await _unhurried(follower.converge(head))
                delay = BACKOFF_MIN_S
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
                delay = min(2 * delay, BACKOFF_MAX_S)
            except (NodeRetryable, UnstorableValue) as error:
                log.warning("head not stored", number=head.number, reason=str(error), retry_in_s=delay)
                await self._set_head_aside(follower, head, error)
                stage.progressed(rests_s=delay)
                self._head_changed.set()
                await asyncio.sleep(delay)
                delay = min(2 * delay, BACKOFF_MAX_S)
            finally:
                self.converging = False
            if follower.window.links:
                self.follows_from = follower.window.unbroken_from
            self.on_commit()

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
            self.heights = Heights(tip.number, follower.window.finalized)


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
