"""Databases for tests: in each home a server for the session, a migrated template, a clone per test.

A home that cannot be had is a failure under CI=true and a loud skip elsewhere.
"""

import hashlib
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import asyncpg
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

import migrations
from postgres.connections import OwnConnection
from postgres.migrations import migrate
from tests.database_homes import COMMUNITY, DSN_VARIABLES, EMBEDDED, STARTERS, TIMESCALE
from tests.shared_server import CACHE, ServerUnavailable, SharedServer, locked

CHUNK_BLOCKS = 1000
"""Small, so that short histories span several chunks."""

not_tested: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class DatabaseServer:
    """A server of one home, by its superuser's DSN."""

    home: str
    dsn: str

    @property
    def has_timescale(self) -> bool:
        return self.home != EMBEDDED

    def dsn_of(self, database: str, *, user: str | None = None, password: str | None = None) -> str:
        part = conninfo_to_dict(self.dsn)
        who = f"{user or part['user']}:{password or part.get('password', '')}"
        return f"postgresql://{who}@{part['host']}:{part.get('port', 5432)}/{database}"

    def create(self, *, template: str = "template0") -> str:
        """A new database; the DSN of its superuser."""
        name = f"pend_test_{uuid.uuid4().hex[:16]}"
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(
                SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template))
            )
        return self.dsn_of(name)

    def drop(self, dsn: str) -> None:
        name = str(conninfo_to_dict(dsn)["dbname"])
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))

    def template(self) -> str:
        """A migrated database nobody can connect to, made once per fingerprint of the schema."""
        name = f"pend_template_{schema_fingerprint()}"
        folder = CACHE / "tests"
        folder.mkdir(parents=True, exist_ok=True)
        with (
            locked(folder / f"{self.home}.template"),
            psycopg.connect(self.dsn, autocommit=True) as connection,
        ):
            row = connection.execute(
                "SELECT datallowconn FROM pg_database WHERE datname = %s", (name,)
            ).fetchone()
            if row is None or row[0]:
                self._make_template(connection, name)
        return name

    def _make_template(self, connection: psycopg.Connection, name: str) -> None:
        database = Identifier(name)
        connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(database))
        connection.execute(SQL("CREATE DATABASE {} TEMPLATE template0").format(database))
        migrate(self.dsn_of(name), chunk_blocks=CHUNK_BLOCKS)
        # TimescaleDB's scheduler connects to every database it may: end that before cloning.
        connection.execute(SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false").format(database))
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )


def schema_fingerprint() -> str:
    """Changes with any migration and with the code that applies them."""
    digest = hashlib.sha256(str(CHUNK_BLOCKS).encode())
    code = Path(migrate.__code__.co_filename).parent
    for path in sorted([*migrations.FOLDER.glob("*.sql"), *code.glob("*.py")]):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def homes() -> list[str]:
    """The homes of this run; Community only where a DSN for one is given."""
    return [EMBEDDED, TIMESCALE] + [COMMUNITY] * bool(os.environ.get(DSN_VARIABLES[COMMUNITY]))


@pytest.fixture(scope="session")
def database_servers() -> Iterator[dict[str, DatabaseServer]]:
    """Servers joined so far; filled by `server_in`."""
    joined: dict[str, DatabaseServer] = {}
    yield joined
    for server in _members.values():
        server.leave()
    _members.clear()


_members: dict[str, SharedServer] = {}


def server_in(home: str, joined: dict[str, DatabaseServer]) -> DatabaseServer:
    """The home's server, started for the first test that asks. Skips or fails where it cannot be had."""
    if home in joined:
        return joined[home]
    dsn = os.environ.get(DSN_VARIABLES[home])
    if not dsn:
        if home in not_tested:
            refuse_or_skip(home, not_tested[home])
        member = SharedServer(home)
        try:
            dsn = member.join()
        except ServerUnavailable as error:
            member.leave()
            refuse_or_skip(home, str(error))
        _members[home] = member
    joined[home] = DatabaseServer(home, dsn)
    return joined[home]


def refuse_or_skip(what: str, reason: str) -> NoReturn:
    """A missing server is a failure in CI; elsewhere a skip that the summary repeats aloud."""
    not_tested[what] = reason
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is needed in CI: {reason}", pytrace=False)
    pytest.skip(f"{what} NOT TESTED: {reason}")


@pytest.fixture(params=homes(), scope="session")
def home(request: pytest.FixtureRequest, database_servers: dict[str, DatabaseServer]) -> DatabaseServer:
    """Every home in turn."""
    return server_in(request.param, database_servers)


@pytest.fixture(scope="session")
def embedded_home(database_servers: dict[str, DatabaseServer]) -> DatabaseServer:
    return server_in(EMBEDDED, database_servers)


@pytest.fixture(
    params=[name for name in homes() if name != EMBEDDED],
    scope="session",
)
def timescale_home(
    request: pytest.FixtureRequest, database_servers: dict[str, DatabaseServer]
) -> DatabaseServer:
    return server_in(request.param, database_servers)


def fresh_database(server: DatabaseServer) -> Iterator[str]:
    dsn = server.create(template=server.template())
    yield dsn
    server.drop(dsn)


@pytest.fixture
def database(home: DatabaseServer) -> Iterator[str]:
    """The DSN of a migrated database of its own, in every home."""
    yield from fresh_database(home)


@pytest.fixture
def embedded_database(embedded_home: DatabaseServer) -> Iterator[str]:
    """The same on the plain home only, for what does not depend on the home."""
    yield from fresh_database(embedded_home)


@pytest.fixture
def timescale_database(timescale_home: DatabaseServer) -> Iterator[str]:
    yield from fresh_database(timescale_home)


@pytest.fixture
def empty_database(home: DatabaseServer) -> Iterator[str]:
    """The DSN of a database without any migration, in every home."""
    dsn = home.create()
    yield dsn
    home.drop(dsn)


@pytest.fixture
async def connection(database: str) -> AsyncIterator[OwnConnection]:
    """A superuser's connection to `database`."""
    opened: OwnConnection = await asyncpg.connect(database, server_settings={"search_path": "chain"})
    yield opened
    await opened.close()


def end_servers() -> None:
    """After the session: wait until servers without members are gone."""
    for name in STARTERS:
        SharedServer(name).wait_until_gone()
