"""An indexed chain and an explorer on it, as an operator starts them: processes, real PostgreSQL, real Redis."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import aiohttp
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.database import DatabaseServer
from tests.integration.explorer_api.explorers import (
    Explored,
    Serving,
    devnet_process,
    explorer_process,
    index_everything,
)

HISTORY_BLOCKS = 120


@pytest.fixture(scope="session")
def explored(embedded_home: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explored]:
    """A devnet that makes no more blocks, and a database that holds all of it, with what it means.

    Shared by every test of this process: none changes it. `explored.clone()` is for those that must.
    """
    with ExitStack() as stack:
        node_url = stack.enter_context(devnet_process(HISTORY_BLOCKS, tmp_path_factory.mktemp("devnet")))
        dsn = embedded_home.create(template=embedded_home.template())
        stack.callback(embedded_home.drop, dsn)
        index_everything(dsn, node_url, HISTORY_BLOCKS)
        copy = embedded_home.create(template=dsn.rpartition("/")[2])
        stack.callback(embedded_home.drop, copy)
        template = copy.rpartition("/")[2]
        with psycopg.connect(embedded_home.dsn, autocommit=True) as connection:
            connection.execute(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(Identifier(template)))
        yield Explored(embedded_home, dsn, node_url, HISTORY_BLOCKS, template)


@pytest.fixture(scope="session")
def serving(
    explored: Explored, redis_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serving]:
    """`pend-explorer serve` on the shared database, without limits."""
    with explorer_process(
        explored.dsn, tmp_path_factory.mktemp("explorer"), node_url=explored.node_url, redis_url=redis_server
    ) as started:
        yield started


@pytest.fixture
async def api(serving: Serving) -> AsyncIterator[aiohttp.ClientSession]:
    """A client on the shared explorer: paths begin with /."""
    async with aiohttp.ClientSession(serving.url) as session:
        yield session


@pytest.fixture
def sql(explored: Explored) -> Iterator[psycopg.Connection[psycopg.rows.DictRow]]:
    """A superuser's connection to the shared database, to say what is true."""
    with psycopg.connect(
        explored.dsn, autocommit=True, row_factory=psycopg.rows.dict_row, options="-c search_path=chain"
    ) as connection:
        yield connection


CHUNK_BLOCKS = 20


@pytest.fixture(scope="session")
def chunked(explored: Explored, timescale_home: DatabaseServer) -> Iterator[str]:
    """The same chain where facts are hypertables of small chunks."""
    dsn = timescale_home.create(template=timescale_home.template())
    with psycopg.connect(explored.dsn) as there, psycopg.connect(dsn, autocommit=True) as here:
        here.execute("SELECT chain.resize_chunks(%s)", (CHUNK_BLOCKS,))
        here.execute("SET session_replication_role = replica")
        tables = there.execute(
            "SELECT c.oid::regclass::text, array_to_string(chain.stored_columns(c.oid), ', ') FROM pg_class c"
            " WHERE relnamespace = 'chain'::regnamespace AND relkind = 'r' AND relname <> 'facts'"
        ).fetchall()
        for table, columns in tables:
            here.execute(f"DELETE FROM {table}".encode())
            with (
                there.cursor().copy(f"COPY (SELECT {columns} FROM {table}) TO STDOUT".encode()) as rows,
                here.cursor().copy(f"COPY {table} ({columns}) FROM STDIN".encode()) as copy,
            ):
                for row in rows:
                    copy.write(row)
        here.execute("ANALYZE")
    yield dsn
    timescale_home.drop(dsn)
