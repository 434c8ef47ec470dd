"""A write API as an operator starts it: a process, real PostgreSQL, real Redis. Tests bring their own users."""

from collections.abc import AsyncIterator, Callable, Iterator

import aiohttp
import psycopg
import pytest

from tests.database import DatabaseServer
from tests.integration.write_api.administrators import acting_as
from tests.integration.write_api.offices import Client, KeyFolder, Writing, admin, signed_in, write_process
from tests.integration.write_api.panels import two_panels


@pytest.fixture(scope="session")
def key_folder(tmp_path_factory: pytest.TempPathFactory) -> KeyFolder:
    return KeyFolder.made(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def write_dsn(embedded_home: DatabaseServer) -> Iterator[str]:
    """The database of the shared write API; rows of other tests are in it."""
    dsn = embedded_home.create(template=embedded_home.template())
    yield dsn
    embedded_home.drop(dsn)


@pytest.fixture(scope="session")
def writing(
    write_dsn: str, key_folder: KeyFolder, redis_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Writing]:
    """`pend-write serve` without limits, shared by every test of this process."""
    with write_process(
        write_dsn, key_folder, tmp_path_factory.mktemp("write"), redis__url=redis_server
    ) as started:
        yield started


@pytest.fixture(scope="session")
def panels(
    writing: Writing, redis_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Writing, Writing]]:
    """Two processes of `pend-write live` beside it, who hear of one another by way of Redis."""
    with two_panels(writing, tmp_path_factory.mktemp("panels"), redis__url=redis_server) as started:
        yield started


@pytest.fixture
async def http(writing: Writing) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(writing.url) as session:
        yield session


@pytest.fixture
def anyone(http: aiohttp.ClientSession) -> Client:
    """Nobody in particular."""
    return Client(http)


@pytest.fixture
async def user(http: aiohttp.ClientSession) -> Client:
    """A new wallet, signed in."""
    return await signed_in(http)


@pytest.fixture
async def stranger(http: aiohttp.ClientSession) -> Client:
    """Another one."""
    return await signed_in(http)


@pytest.fixture
def admins(http: aiohttp.ClientSession, writing: Writing) -> Callable[[str], Client]:
    """`admins("kyc_verifier")` is a new administrator of that role, signed in."""
    return lambda role: admin(http, writing.dsn, writing.keys, role)


@pytest.fixture
def sql(writing: Writing) -> Iterator[psycopg.Connection[psycopg.rows.DictRow]]:
    """A superuser's connection to the shared database, to say what is true."""
    with psycopg.connect(
        writing.dsn, autocommit=True, row_factory=psycopg.rows.dict_row, options="-c search_path=account"
    ) as connection:
        yield connection


@pytest.fixture
def as_writer(writing: Writing) -> Iterator[Callable[[Client], psycopg.Connection[psycopg.rows.DictRow]]]:
    """`as_writer(admin)` is pend_writer in a transaction of that administrator, without the API in between."""
    with acting_as(writing.dsn) as acting:
        yield acting
