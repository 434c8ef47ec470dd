"""Connections arrive with their deadlines, their role and their plan mode, and keep them in the pool."""

import socket

import asyncpg
import pytest

from postgres import errors
from postgres.connections import Connection
from postgres.pool import DatabaseSettings, connect, open_pool

SETTINGS = """
    SELECT current_setting('statement_timeout') AS statement_timeout, current_setting('lock_timeout') AS lock_timeout,
           current_setting('timezone') AS timezone, current_setting('plan_cache_mode') AS plan_cache_mode,
           current_setting('application_name') AS application_name, current_user::text AS role
"""
EXPECTED = {
    "statement_timeout": "7s",
    "lock_timeout": "1500ms",
    "timezone": "UTC",
    "plan_cache_mode": "force_custom_plan",
    "application_name": "pend-test",
    "role": "pend_indexer",
}


def settings(dsn: str) -> DatabaseSettings:
    return DatabaseSettings(
        dsn,
        application_name="pend-test",
        statement_timeout_s=7,
        lock_timeout_s=1.5,
        role="pend_indexer",
        pool_size_max=1,
    )


async def in_force(connection: Connection) -> dict[str, str]:
    row = await connection.fetchrow(SETTINGS)
    assert row is not None
    return dict(row)


async def test_connection_has_its_session_settings(database: str) -> None:
    connection = await connect(settings(database))

    assert await in_force(connection) == EXPECTED
    await connection.close()


async def test_pool_gives_the_next_borrower_the_same_settings(database: str) -> None:
    pool = await open_pool(settings(database))
    async with pool.acquire() as connection:
        await connection.execute("RESET ROLE; SET statement_timeout = 0; SET timezone = 'Asia/Tokyo'")
    async with pool.acquire() as connection:
        assert await in_force(connection) == EXPECTED
    await pool.close()


async def test_json_arrives_as_text(embedded_database: str) -> None:
    connection = await connect(DatabaseSettings(embedded_database))

    assert await connection.fetchval("SELECT '{\"a\": 1}'::jsonb") == '{"a": 1}'
    await connection.close()


async def test_statement_longer_than_its_deadline_is_ended_by_the_server(embedded_database: str) -> None:
    connection = await connect(DatabaseSettings(embedded_database, statement_timeout_s=0.05))

    with pytest.raises(errors.StatementTimeout), errors.translated():
        await connection.execute("SELECT pg_sleep(30)")
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()


async def test_lock_held_by_another_longer_than_lock_timeout_is_a_lock_timeout(
    embedded_database: str,
) -> None:
    holder = await connect(DatabaseSettings(embedded_database))
    waiter = await connect(DatabaseSettings(embedded_database, lock_timeout_s=0.05))
    async with holder.transaction():
        await holder.execute("LOCK TABLE chain.blocks")
        with pytest.raises(errors.LockTimeout), errors.translated():
            await waiter.execute("SELECT * FROM chain.blocks")
    await holder.close()
    await waiter.close()


async def test_session_ended_by_the_server_is_unavailable(embedded_database: str) -> None:
    victim = await connect(DatabaseSettings(embedded_database))
    other = await connect(DatabaseSettings(embedded_database))
    await other.execute("SELECT pg_terminate_backend($1)", victim.get_server_pid())

    with pytest.raises(errors.Unavailable), errors.translated():
        await victim.execute("SELECT 1")
    with pytest.raises(errors.Unavailable), errors.translated():
        await victim.execute("SELECT 1")
    await other.close()


async def test_connect_where_nobody_listens_is_unavailable() -> None:
    with pytest.raises(errors.Unavailable):
        await connect(DatabaseSettings("postgresql://127.0.0.1:1/nowhere"))


async def test_pool_where_nobody_answers_gives_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        dsn = f"postgresql://127.0.0.1:{silent.getsockname()[1]}/nowhere"
        with pytest.raises(errors.Unavailable):
            await open_pool(DatabaseSettings(dsn, connect_timeout_s=0.1))


@pytest.mark.parametrize("part", ["database", "user"])
async def test_connect_to_what_does_not_exist_is_refused(embedded_database: str, part: str) -> None:
    dsn = embedded_database
    wrong = (
        dsn.rpartition("/")[0] + "/nowhere" if part == "database" else dsn.replace("postgres:", "nobody:", 1)
    )
    wrong = wrong.replace("nobody://", "postgresql://")

    with pytest.raises(errors.AccessRefused):
        await connect(DatabaseSettings(wrong))


async def test_dsn_is_not_shown_with_the_settings(embedded_database: str) -> None:
    assert embedded_database not in repr(DatabaseSettings(embedded_database))


async def test_role_one_may_not_take_is_refused(embedded_database: str) -> None:
    with pytest.raises((errors.PrivilegeMissing, errors.Fatal)):
        await connect(DatabaseSettings(embedded_database, role="no_such_role"))


async def test_unique_conflict_between_two_writers_is_retryable(embedded_database: str) -> None:
    one, two = [await connect(DatabaseSettings(embedded_database)) for _ in range(2)]
    insert = "INSERT INTO chain.coverage VALUES (int8range($1, $2), '\\x00', '\\x00')"
    await one.execute(insert, 1, 10)

    with pytest.raises(errors.UniqueConflict) as raised, errors.translated():
        await two.execute(insert, 5, 20)
    assert isinstance(raised.value.__cause__, asyncpg.ExclusionViolationError)
    await one.close()
    await two.close()
