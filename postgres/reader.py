"""Connections for statements that are each a whole answer: no transaction, no reset between two borrowers.

Half the cost of a pool that resets (PERF_API.md 4). It fits only sessions that hold no state: reading ones.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import asyncpg

from postgres.connections import OwnConnection, Statement
from postgres.errors import DatabaseError, Unavailable, translated
from postgres.pool import DatabaseSettings, connect
from postgres.queries import Kind, Query


class ReaderBusy(Unavailable):
    """Every connection was busy for as long as a caller may wait."""


@dataclass(slots=True)
class Reader:
    """Up to `connections` sessions; the one used last is used next, its statements prepared."""

    settings: DatabaseSettings
    connections: int
    wait_s: float
    _idle: "deque[OwnConnection]" = field(default_factory=deque)
    _waiting: "deque[asyncio.Future[None]]" = field(default_factory=deque)
    _prepared: "dict[OwnConnection, dict[str, Statement]]" = field(default_factory=dict)
    _open: int = 0
    _closed: bool = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @property
    def busy(self) -> int:
        """Connections in use now."""
        return self._open - len(self._idle)

    async def one(self, query: Query, *arguments: Any) -> asyncpg.Record | None:
        """The row of a `:one` query. Raises the errors of postgres.errors.

        A connection that was lost while idle is replaced once: reading again does no harm.
        """
        try:
            return await self._one(query, arguments)
        except Unavailable as error:
            if isinstance(error, ReaderBusy):
                raise
            return await self._one(query, arguments)

    async def _one(self, query: Query, arguments: tuple[Any, ...]) -> asyncpg.Record | None:
        connection = self._sound_one() or await self._acquire()
        try:
            prepared = self._prepared[connection]
            statement = prepared.get(query.sql)
            if statement is None:
                statement = prepared[query.sql] = await connection.prepare(query.expect(Kind.ONE).sql)
            try:
                row = await statement.fetchrow(*arguments)
            except asyncpg.InvalidCachedStatementError:  # the schema has changed since
                prepared.clear()
                statement = prepared[query.sql] = await connection.prepare(query.sql)
                row = await statement.fetchrow(*arguments)
        except BaseException as error:
            self._release_after(connection, error)
            with translated():
                raise
        self._release(connection)
        return row

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[OwnConnection]:
        """A session for more than one statement; whoever takes it leaves no state in it."""
        connection = self._sound_one() or await self._acquire()
        try:
            with translated():
                yield connection
        except BaseException as error:
            self._release_after(connection, error)
            raise
        self._release(connection)

    async def aclose(self) -> None:
        """Close what is idle now; what is in use is closed as it comes back."""
        self._closed = True
        while self._idle:
            self._drop(self._idle.pop())

    def _sound_one(self) -> OwnConnection | None:
        """An idle session that the server has not ended meanwhile, as far as is known here."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._drop(connection)
        return None

    async def _acquire(self) -> OwnConnection:
        try:
            async with asyncio.timeout(self.wait_s):
                while not self._idle:
                    if self._open < self.connections:
                        return await self._connect()
                    waiter = asyncio.get_running_loop().create_future()
                    self._waiting.append(waiter)
                    try:
                        await waiter
                    except BaseException:
                        if waiter.done() and not waiter.cancelled():
                            self._wake()  # it was this one's turn: the next one's now
                        raise
                return self._idle.pop()
        except TimeoutError as error:
            raise ReaderBusy(
                f"all {self.connections} database connections were busy for {self.wait_s:g} s"
            ) from error

    async def _connect(self) -> OwnConnection:
        self._open += 1
        try:
            connection = await connect(self.settings)
        except BaseException:
            self._open -= 1
            self._wake()
            raise
        self._prepared[connection] = {}
        return connection

    def _release(self, connection: OwnConnection) -> None:
        if self._closed or connection.is_closed():
            self._drop(connection)
        else:
            self._idle.append(connection)
            self._wake()

    def _release_after(self, connection: OwnConnection, error: BaseException) -> None:
        # A refusal of the server leaves the session sound; anything else leaves it in an unknown state.
        sound = isinstance(error, asyncpg.PostgresError) or (
            isinstance(error, DatabaseError) and error.sqlstate is not None
        )
        if sound and not connection.is_closed():
            self._release(connection)
        else:
            self._drop(connection)

    def _drop(self, connection: OwnConnection) -> None:
        self._open -= 1
        self._prepared.pop(connection, None)
        connection.terminate()
        self._wake()

    def _wake(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
