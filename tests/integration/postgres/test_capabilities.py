"""Both drivers give one answer about the home, to every role."""

import psycopg
import pytest

from postgres import bootstrap
from postgres.bootstrap import ROLES
from postgres.capabilities import Capabilities, Home, detect, from_rows
from postgres.pool import DatabaseSettings, connect


async def asked_as(dsn: str, role: str | None) -> Capabilities:
    connection = await connect(DatabaseSettings(dsn, role=role))
    try:
        return await detect(connection)
    finally:
        await connection.close()


async def test_detect_agrees_between_roles_and_drivers(database: str) -> None:
    with bootstrap.connect(database) as session:
        expected = bootstrap.detect(session)

    assert [await asked_as(database, role) for role in (None, *ROLES)] == [expected] * (1 + len(ROLES))
    assert expected.server_version >= 150000


async def test_detect_before_the_first_migration_answers(empty_database: str) -> None:
    capabilities = await asked_as(empty_database, None)

    assert capabilities.hypertables == ()
    assert capabilities.max_locks_per_transaction > 0


async def test_detect_sees_timescale_that_waits_to_be_installed(timescale_database: str) -> None:
    with psycopg.connect(timescale_database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA chain CASCADE")
        connection.execute("DROP EXTENSION timescaledb CASCADE")

    capabilities = await asked_as(timescale_database, None)

    assert capabilities.home is Home.PLAIN
    assert capabilities.timescale_version is None
    assert capabilities.is_convertible


SERVER = {
    "server_version": 170000,
    "max_locks_per_transaction": 64,
    "max_connections": 100,
    "timescale_version": "2.29.0",
    "timescale_available": "2.29.0",
    "timescale_preloaded": True,
    "timescale_license": "timescale",
    "has_facts": True,
}
PARTITIONED = ["chain.blocks"]


@pytest.mark.parametrize(
    ("changed", "hypertables", "home"),
    [
        ({}, PARTITIONED, Home.TIMESCALE_COMMUNITY),
        ({"timescale_license": "apache"}, PARTITIONED, Home.TIMESCALE_APACHE),
        ({"has_facts": False}, [], Home.TIMESCALE_COMMUNITY),
        ({}, [], Home.PLAIN),
        ({"timescale_version": None}, [], Home.PLAIN),
    ],
)
def test_home_is_how_the_facts_are_stored(
    changed: dict[str, object], hypertables: list[str], home: Home
) -> None:
    assert from_rows(SERVER | changed, hypertables).home is home


def test_extension_that_is_installed_but_not_preloaded_is_not_available() -> None:
    capabilities = from_rows(SERVER | {"timescale_version": None, "timescale_preloaded": False}, [])

    assert capabilities.timescale_available is None
    assert not capabilities.is_convertible
