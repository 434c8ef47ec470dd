"""The right to write at the head: one connection, the follower lock, and an epoch that fences older ones.

The lock dies with its connection; the epoch, checked inside every transaction, covers the time between
(invariant 8).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from indexer.errors import SecondWriter
from indexer.settings import IndexerSettings
from indexer.writer import queries
from postgres.connections import Connection
from postgres.errors import translated
from postgres.pool import connect

_LOCK_RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class WriterSession:
    connection: Connection
    epoch: int


@asynccontextmanager
async def writer_session(settings: IndexerSettings, *, lock_wait_s: float) -> AsyncIterator[WriterSession]:
    """Hold the follower lock of this database with an epoch of its own. The network must be recorded.

    After a broken connection the server may hold the old lock for a while: `lock_wait_s` says how long
    to wait for it; 0 for a first start. Raises `SecondWriter`.
    """
    connection = await connect(settings.database_settings("pend-index run"))
    try:
        await _take_lock(connection, lock_wait_s)
        with translated():
            epoch = await queries.raise_writer_epoch.value(connection)
        yield WriterSession(connection, epoch)
    finally:
        connection.terminate()


async def _take_lock(connection: Connection, wait_s: float) -> None:
    deadline = asyncio.get_running_loop().time() + wait_s
    while True:
        with translated():
            if await queries.try_follower_lock.value(connection):
                return
        if asyncio.get_running_loop().time() >= deadline:
            with translated():
                holder = await queries.select_follower_lock_holder.value(connection)
            raise SecondWriter(holder or "another session")
        await asyncio.sleep(_LOCK_RETRY_S)
