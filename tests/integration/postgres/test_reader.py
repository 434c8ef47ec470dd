"""Sessions for whole answers: shared by many, replaced when lost, never left in an unknown state."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from postgres.errors import DatabaseError, StatementTimeout
from postgres.pool import DatabaseSettings
from postgres.queries import Kind, Query
from postgres.reader import Reader, ReaderBusy


def query(sql: str, name: str = "tried") -> Query:
    return Query(name, Kind.ONE, "a purpose", "no parameters", sql)


@pytest.fixture
async def reader(embedded_database: str) -> AsyncIterator[Reader]:
    settings = DatabaseSettings(embedded_database, read_only=True, statement_timeout_s=5)
    async with Reader(settings, connections=2, wait_s=0.3) as opened:
        yield opened


async def test_more_readers_than_connections_are_all_answered(reader: Reader) -> None:
    rows = await asyncio.gather(*(reader.one(query("SELECT $1::integer AS n"), n) for n in range(50)))
    assert [row["n"] for row in rows if row is not None] == list(range(50))
    assert reader.busy == 0


async def test_queries_of_two_services_may_have_one_name(reader: Reader) -> None:
    assert dict(await reader.one(query("SELECT 1 AS one")) or {}) == {"one": 1}
    assert dict(await reader.one(query("SELECT $1::integer AS two"), 2) or {}) == {"two": 2}


async def test_reader_that_waits_too_long_is_told_that_all_are_busy(reader: Reader) -> None:
    slow = [asyncio.create_task(reader.one(query("SELECT pg_sleep(1.5)"))) for _ in range(2)]
    await asyncio.sleep(0.05)
    with pytest.raises(ReaderBusy, match="all 2 database connections"):
        await reader.one(query("SELECT 1"))
    await asyncio.gather(*slow)
    assert await reader.one(query("SELECT 1 AS one", "after")) is not None


async def test_connection_lost_while_idle_is_replaced_without_a_word(
    reader: Reader, embedded_database: str
) -> None:
    assert await reader.one(query("SELECT 1 AS one")) is not None
    other = await asyncpg.connect(embedded_database)
    await other.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await other.close()
    assert await reader.one(query("SELECT 1 AS one")) is not None
    assert reader.busy == 0


async def test_caller_who_gives_up_leaves_no_broken_connection(reader: Reader) -> None:
    for _ in range(5):
        task = asyncio.create_task(reader.one(query("SELECT pg_sleep(5)")))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert reader.busy == 0
    rows = await asyncio.gather(*(reader.one(query("SELECT 1 AS one", "after")) for _ in range(4)))
    assert all(row is not None for row in rows)


async def test_statement_goes_on_after_a_column_was_added(reader: Reader, embedded_database: str) -> None:
    owner = await asyncpg.connect(embedded_database)
    try:
        await owner.execute("CREATE TABLE tried (a integer); INSERT INTO tried VALUES (1)")
        every = query("SELECT * FROM public.tried")
        assert dict(await reader.one(every) or {}) == {"a": 1}
        await owner.execute("ALTER TABLE tried ADD COLUMN b integer DEFAULT 2")
        assert dict(await reader.one(every) or {}) == {"a": 1, "b": 2}
    finally:
        await owner.close()


async def test_session_neither_writes_nor_runs_for_ever(embedded_database: str) -> None:
    settings = DatabaseSettings(embedded_database, read_only=True, statement_timeout_s=0.1)
    async with Reader(settings, connections=1, wait_s=1) as reader:
        with pytest.raises(DatabaseError, match="read-only"):
            await reader.one(query("INSERT INTO chain.facts VALUES ('x', 'y') RETURNING 1", "writing"))
        with pytest.raises(StatementTimeout):
            await reader.one(query("SELECT pg_sleep(3)", "sleeping"))
        assert await reader.one(query("SELECT 1 AS one", "after")) is not None
