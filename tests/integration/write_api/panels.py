"""Panels under test: `pend-write live`, clients of python-socketio, and applications to open in them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_bytes
from typing import Any
from uuid import UUID, uuid4

import psycopg
import socketio

from tests.integration.write_api.offices import Client, KeyFolder, Writing, write_process

_WITHIN_S = 10.0


@contextmanager
def panel_process(
    dsn: str, keys: KeyFolder, folder: Path, *options: str, **settings: object
) -> Iterator[Writing]:
    """`pend-write live` until it answers."""
    with write_process(dsn, keys, folder, "live", *options, announces="panel", **settings) as started:
        yield started


@contextmanager
def two_panels(writing: Writing, folder: Path, **settings: object) -> Iterator[tuple[Writing, Writing]]:
    """Started at once, on the database of a write API; origin https://panel.example is theirs."""
    options = ("--check-every", "0.5", "--token-grace", "1")
    given = {"write__cors_origins": "https://panel.example", **settings}
    with ThreadPoolExecutor(2) as threads, ExitStack() as stack:
        starting = [
            threads.submit(
                stack.enter_context, panel_process(writing.dsn, writing.keys, folder, *options, **given)
            )
            for _ in range(2)
        ]
        first, second = (each.result() for each in starting)
        yield first, second


@dataclass(slots=True)
class Seat:
    """A client, and all that it heard."""

    socket: Any
    heard: list[tuple[str, Any]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    is_over: bool = False

    async def ask(self, event: str, **data: Any) -> dict[str, Any]:
        """The acknowledgement."""
        answered: dict[str, Any] = await self.socket.call(event, data, timeout=_WITHIN_S)
        return answered

    async def done(self, event: str, **data: Any) -> dict[str, Any]:
        answered = await self.ask(event, **data)
        assert answered["ok"], answered
        return answered

    async def refused(self, event: str, status: int, **data: Any) -> dict[str, Any]:
        """The problem."""
        answered = await self.ask(event, **data)
        assert not answered["ok"], answered
        problem: dict[str, Any] = answered["problem"]
        assert problem["status"] == status, problem
        return problem

    async def hears(self, event: str, is_it: Callable[[Any], bool] = lambda _: True) -> Any:
        """What came with such an event, by now or soon."""
        async with asyncio.timeout(_WITHIN_S):
            while True:
                self.changed.clear()
                for name, data in self.heard:
                    if name == event and is_it(data):
                        return data
                await self.changed.wait()

    async def ends(self) -> None:
        async with asyncio.timeout(_WITHIN_S):
            while not self.is_over:
                self.changed.clear()
                await self.changed.wait()

    def names(self) -> list[str]:
        return [name for name, _ in self.heard]

    def note(self, event: str, data: Any) -> None:
        self.heard.append((event, data))
        self.changed.set()

    def over(self) -> None:
        self.is_over = True
        self.changed.set()


@asynccontextmanager
async def seat(url: str, token: str | None, *, comes_back: bool = False) -> AsyncIterator[Seat]:
    """Connected until the block ends. Raises `socketio.exceptions.ConnectionError`."""
    socket = socketio.AsyncClient(reconnection=comes_back, reconnection_delay=0.1, reconnection_delay_max=0.2)
    sitting = Seat(socket)

    async def disconnected(_reason: str) -> None:
        sitting.over()

    async def heard(event: str, data: Any = None) -> None:
        sitting.note(event, data)

    socket.on("disconnect", disconnected)
    socket.on("*", heard)
    try:
        await socket.connect(
            url, auth=None if token is None else {"token": token}, transports=["websocket"], wait_timeout=10
        )
        yield sitting
    finally:
        await socket.disconnect()
        await socket.shutdown()


async def refusal(url: str, auth: Any, **options: Any) -> Any:
    """What a connection is refused with."""
    socket = socketio.AsyncClient(reconnection=False)
    told: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def connect_error(data: Any) -> None:
        if not told.done():
            told.set_result(data)

    socket.on("connect_error", connect_error)
    try:
        await socket.connect(url, auth=auth, transports=["websocket"], wait_timeout=10, **options)
    except socketio.exceptions.ConnectionError:
        return await asyncio.wait_for(told, _WITHIN_S)
    finally:
        await socket.disconnect()
        await socket.shutdown()
    raise AssertionError("it was not refused")


def application_of(dsn: str, user: UUID) -> UUID:
    """A KYC application as the applicant would have made it: by the superuser, past the guards."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        row = connection.execute(
            "INSERT INTO account.kyc_applications (user_id, details) VALUES (%s, '\\x00') RETURNING id",
            (user,),
        ).fetchone()
    assert row is not None
    id_: UUID = row[0]
    return id_


def applicant(dsn: str, keys: KeyFolder) -> tuple[UUID, str]:
    """A new user with a session, without a wallet's signature; his token."""
    session = uuid4()
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(
            "SELECT user_id FROM account.open_user_session(%s, %s, %s, 'test', '1 day')",
            (session, token_bytes(20), token_bytes(32)),
        ).fetchone()
    assert row is not None
    return row[0], keys.tokens().issue(row[0], "user", session, 1, datetime.now(UTC))


async def with_key(user: Client) -> None:
    """A user has a data key once there is something to seal."""
    before = await user.ask("GET", "/users/me")
    changed = await user.ask("PATCH", "/users/me", {"full_name": "Somebody"}, If_Match=before.version)
    assert changed.status == 200, changed.body
