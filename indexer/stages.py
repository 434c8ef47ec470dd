"""A stage is one task of the daemon under watch: without progress although it has work, it is begun again.

A failure that was said is progress, and so is the wait it announces: during an outage nothing is ended.
What the watch is for is the wait that nothing ends: a node that never answers, a lock nobody lets go of.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from indexer.metrics import IndexerMetrics
from postgres.connections import OwnConnection

T = TypeVar("T")

log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 1.0
_PATIENCE_MAX = 8  # a stage that needs long to begin is not ended for ever before it has
_ASK_AGAIN_S = 10.0  # longer than ending the workers of a backfill takes
_END_S = 5.0  # a transaction may end, a query be cancelled; then its connection is taken away


@dataclass(slots=True)
class Stage:
    """What the watch knows of one task. `limit_s` is the time without progress that ends it; 0 is for ever.

    The task sets `busy` while it has work and calls `progressed` when something came of it.
    """

    name: str
    limit_s: float
    busy: bool = True
    _progress_at: float = field(init=False, default=0.0)
    _patience: int = field(init=False, default=1)
    _connections: list[OwnConnection] = field(init=False, default_factory=list)

    def progressed(self, *, rests_s: float = 0.0) -> None:
        """`rests_s`: it has said how long it waits before it tries again, and its time begins after that."""
        self._progress_at = max(self._progress_at, asyncio.get_running_loop().time() + rests_s)
        self._patience = 1

    def begins(self, *, again: bool) -> None:
        """It has work and all its time; twice as much as the last time when that brought nothing."""
        self._progress_at = asyncio.get_running_loop().time()
        self._patience = min(2 * self._patience, _PATIENCE_MAX) if again else 1
        self.busy = True

    def holds(self, connection: OwnConnection) -> OwnConnection:
        """`connection` is broken off when ending the task does not end what it waits for."""
        self._connections = [held for held in self._connections if not held.is_closed()]
        self._connections.append(connection)
        return connection

    def is_stalled(self) -> bool:
        """Whether it had work for longer than its limit and nothing came of it."""
        if not self.busy:
            self.progressed()
        since_s = asyncio.get_running_loop().time() - self._progress_at
        return 0 < self.limit_s * self._patience < since_s

    def break_off(self) -> None:
        for connection in self._connections:
            connection.terminate()


async def supervise(stage: Stage, step: Callable[[], Awaitable[T]], metrics: IndexerMetrics) -> T:
    """Await `step`; when it stalls, end it, count that, and begin it again. Errors are the caller's."""
    stage.begins(again=False)
    while True:
        task = asyncio.ensure_future(step())
        try:
            while not (task.done() or stage.is_stalled()):
                look_s = min(_LOOK_EVERY_S, stage.limit_s / 4) if stage.limit_s else None
                await asyncio.wait({task}, timeout=look_s)
            if task.done():
                return task.result()
            metrics.restarted(stage.name)
            log.error("stage makes no progress; it is started again", stage=stage.name, after_s=stage.limit_s)
        finally:
            await _end(stage, task)
        stage.begins(again=True)


async def _end(stage: Stage, task: "asyncio.Future[T]") -> None:
    """Cancel `task` and wait for its end, though it wait for a server that no longer answers."""
    if not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_END_S)
    while not task.done():  # a library may swallow a cancellation: ask until it is heard
        stage.break_off()
        await asyncio.wait({task}, timeout=_ASK_AGAIN_S)
        task.cancel()
    if not task.cancelled():
        task.exception()  # looked at: its stage begins again, or the error was handed on already
