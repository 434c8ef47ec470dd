"""Where the daemon of a history runs: a task of this process, or a process that kill -9 really ends."""

import asyncio
import multiprocessing
import os
import signal
from contextlib import AsyncExitStack, suppress
from typing import Protocol

from indexer.daemon import Daemon
from indexer.metrics import IndexerMetrics
from indexer.settings import IndexerSettings
from tests.processes import Running, children_of, pend_index

_SECOND_WRITER = 7


class Host(Protocol):
    """Runs one daemon at a time; `require_well` fails when it has ended by itself."""

    @property
    def turn_s(self) -> float:
        """How long everything else is let go on before the next look."""
        ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def kill(self) -> None: ...

    async def require_well(self) -> None: ...

    def workers(self) -> list[int]:
        """Process ids of its backfill workers."""
        ...


class TaskHost:
    """Quick, and every interleaving of it with the node and the database is one of this event loop."""

    turn_s = 0.0

    def __init__(self, settings: IndexerSettings) -> None:
        self._settings = settings
        self._stop = asyncio.Event()
        self._daemon: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._stop = asyncio.Event()
        daemon = Daemon(self._settings, IndexerMetrics(), self._stop)
        self._daemon = asyncio.create_task(daemon.run())

    async def stop(self) -> None:
        self._stop.set()
        daemon, self._daemon = self._daemon, None
        if daemon is not None:
            await daemon

    async def kill(self) -> None:
        """Its connections are to be ended by the caller first, so that nothing more is committed."""
        daemon, self._daemon = self._daemon, None
        if daemon is None:
            return
        daemon.cancel()
        # Whatever it ends with, nobody is there to hear it; a refusal would come again after the start.
        await asyncio.gather(daemon, return_exceptions=True)

    async def require_well(self) -> None:
        if self._daemon is not None and self._daemon.done():
            self._daemon.result()

    def workers(self) -> list[int]:
        return [
            child.pid
            for child in multiprocessing.active_children()
            if child.name == "pend-backfill" and child.pid is not None
        ]


class ProcessHost:
    """`pend-index run` as an operator has it. Workers that a kill leaves behind may meet the next daemon."""

    turn_s = 0.001

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._running: Running | None = None
        self._open: list[AsyncExitStack] = []

    async def start(self) -> None:
        while len(self._open) > 1:  # the last one's workers may still be there
            await self._open.pop(0).aclose()
        stack = AsyncExitStack()
        self._running = await stack.enter_async_context(pend_index("run", env=self._environment))
        self._open.append(stack)

    async def stop(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.send(signal.SIGTERM)
            finished = await running.finished()
            # Asked before it could listen, or refused for its predecessor's sake.
            early = (
                finished.code in (-signal.SIGTERM, _SECOND_WRITER) and "network agreed" not in running.said
            )
            assert finished.code == 0 or early, finished.output

    async def kill(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.send(signal.SIGKILL)
            await running.process.wait()

    async def require_well(self) -> None:
        running = self._running
        if running is None or running.process.returncode is None:
            return
        # The server may not have noticed yet that the one before was killed; a service is started again.
        if running.process.returncode == _SECOND_WRITER:
            await self.start()
            return
        raise AssertionError(f"the daemon ended with {running.process.returncode}:\n{running.said[-4000:]}")

    def workers(self) -> list[int]:
        return [] if self._running is None else children_of(self._running.pid)

    async def close(self) -> None:
        while self._open:
            await self._open.pop().aclose()


def kill_9(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
