"""On TimescaleDB the stream's statements open the chunks of their blocks and no other, and say the same."""

import re
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import psycopg
import pytest

from explorer_api.stream.facts import queries
from postgres.connections import OwnConnection
from postgres.pool import DatabaseSettings, connect
from postgres.queries import Query
from tests.integration.explorer_api.explorers import Explored

_CHUNK = re.compile(r"_hyper_(\d+)_\d+_chunk\b")
_TABLES = ("blocks", "transactions", "logs", "decoded_calls")
_EVERYTHING = ("chain_state", "coverage", *_TABLES)


@pytest.fixture
async def chunked(timescale_database: str, explored: Explored) -> AsyncIterator[OwnConnection]:
    """The facts of the devnet in chunks of 20 blocks."""
    with (
        psycopg.connect(timescale_database, autocommit=True) as to,
        psycopg.connect(explored.dsn, autocommit=True) as source,
    ):
        to.execute("SELECT chain.resize_chunks(20)")
        for table in _EVERYTHING:
            with (
                source.cursor().copy(f"COPY chain.{table} TO STDOUT (FORMAT binary)".encode()) as out,
                to.cursor().copy(f"COPY chain.{table} FROM STDIN (FORMAT binary)".encode()) as into,
            ):
                for piece in out:
                    into.write(piece)
    connection = await connect(DatabaseSettings(timescale_database, read_only=True))
    yield connection
    await connection.close()


def rows_of(explored: Explored) -> tuple[Any, ...]:
    """Two rows of the outbox, and everybody in them."""
    with psycopg.connect(explored.dsn) as connection:
        everyone = connection.execute(
            "SELECT array_agg(DISTINCT from_address) FROM chain.transactions WHERE block_number IN (45, 50)"
        ).fetchone()
        tokens = connection.execute("SELECT array_agg(DISTINCT token) FROM chain.tokens").fetchone()
    assert everyone is not None
    assert tokens is not None
    words = [bytes(12) + address for address in everyone[0]]
    return ([1, 2], [45, 50], [45, 50], 45, 50, True, True, everyone[0], words, tokens[0], 500)


async def chunks_of(connection: OwnConnection, query: Query, arguments: tuple[Any, ...]) -> "Counter[str]":
    """How many chunks of each hypertable the plan of a statement reads."""
    plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {query.sql}", *arguments)
    return Counter(table for table, _ in {(found[1], found[0]) for found in _CHUNK.finditer(plan)})


async def test_rows_are_read_from_the_chunks_of_their_blocks(
    chunked: OwnConnection, explored: Explored
) -> None:
    arguments = rows_of(explored)
    assert set((await chunks_of(chunked, queries.select_stream_rows, arguments)).values()) == {1}
    assert max((await chunks_of(chunked, queries.select_stream_stats, (101, 118))).values()) == 1
    plain = await asyncpg.connect(explored.dsn)
    try:
        here = await queries.select_stream_rows.many(chunked, *arguments)
        there = await queries.select_stream_rows.many(plain, *arguments)
        assert [dict(row) for row in here] == [dict(row) for row in there]
        assert all(row["blocks"] != "[]" and row["transactions"] != "[]" for row in here)
        assert any(row["transfers"] != "[]" for row in here)
        stats = [await queries.select_stream_stats.one(one, 101, 118) for one in (chunked, plain)]
        assert stats[0] is not None
        assert stats[0] == stats[1]
    finally:
        await plain.close()
