"""The right to write at the head: one connection, the follower lock, and an epoch that fences older ones.

The lock dies with its connection; the epoch, checked inside every transaction, covers the time between
(invariant 8).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from indexer.errors import SecondWriter
from indexer.settings import IndexerSettings
from indexer.writer import queries
from postgres.connections import Connection, OwnConnection
from postgres.errors import translated
from postgres.pool import connect

_LOCK_RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class WriterSession:
    connection: OwnConnection
    epoch: int
    backend: "Backend"


@dataclass(frozen=True, slots=True)
class Backend:
    """One server process, never mistaken for a later one that has got the same number."""

    pid: int
    started_at: datetime


@asynccontextmanager
async def writer_session(
    settings: IndexerSettings,
    *,
    lock_wait_s: float,
    predecessor: Backend | None = None,
    on_wait: Callable[[], None] = lambda: None,
) -> AsyncIterator[WriterSession]:
    """Hold the follower lock of this database with an epoch of its own. The network must be recorded.

    After a broken connection the server may hold the old lock for a while: `lock_wait_s` says how long
    to wait for it; 0 for a first start. `predecessor`, the backend of this process's own last session, is
    ended where it still lives. Raises `SecondWriter`.
    """
    connection = await connect(settings.database_settings("pend-index run"))
    try:
        if predecessor is not None:
            await _end(connection, predecessor)
        await _take_lock(connection, lock_wait_s, on_wait)
        with translated():
            epoch = await queries.raise_writer_epoch.value(connection)
            async with connection.transaction():
                await queries.act_as_login.exec(connection)
                backend = await queries.select_own_backend.one(connection)
        assert backend is not None
        yield WriterSession(connection, epoch, Backend(**backend))
    finally:
        connection.terminate()


async def _end(connection: Connection, backend: Backend) -> None:
    """One that waits for a lock does not notice that its client is gone, and keeps the follower lock."""
    with translated():
        async with connection.transaction():
            await queries.act_as_login.exec(connection)
            await queries.end_backend.value(connection, backend.pid, backend.started_at)


async def _take_lock(connection: Connection, wait_s: float, on_wait: Callable[[], None]) -> None:
    deadline = asyncio.get_running_loop().time() + wait_s
    while True:
        with translated():
            if await queries.try_follower_lock.value(connection):
                return
        if asyncio.get_running_loop().time() >= deadline:
            with translated():
                holder = await queries.select_follower_lock_holder.value(connection)
            raise SecondWriter(holder or "another session")
        on_wait()
        await asyncio.sleep(_LOCK_RETRY_S)
