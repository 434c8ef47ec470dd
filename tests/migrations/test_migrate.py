"""From an empty database to the code's schema, in every home, as superuser and as a plain member."""

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier, Literal

import migrations
import sql
from postgres.bootstrap import DEFINER, ROLES
from postgres.capabilities import Home, queries
from postgres.errors import (
    AccessRefused,
    Fatal,
    LockTimeout,
    PrivilegeMissing,
    SchemaNewer,
    SchemaOutdated,
    Unavailable,
)
from postgres.migrations import (
    convert_to_timescale,
    known_migrations,
    migrate,
    require_current,
    set_chunk_interval,
    status,
)
from postgres.pool import DatabaseSettings, connect
from postgres.snapshot import snapshot
from tests.database import DatabaseServer

VIEWS_PRINT_BARE_COLUMNS_FROM = 160000
FACTS = (
    "chain.blocks",
    "chain.decoded_calls",
    "chain.decoded_events",
    "chain.internal_transfers",
    "chain.logs",
    "chain.token_transfers",
    "chain.transactions",
)
STATE = """
    SELECT (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_namespace), (SELECT count(*) FROM pg_proc)
"""


def execute(dsn: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_migrate_empty_database_applies_every_file_once(empty_database: str) -> None:
    known = tuple(known_migrations(migrations.FOLDER))

    before = status(empty_database)
    first = migrate(empty_database)
    second = migrate(empty_database)
    after = status(empty_database)

    assert (before.applied, before.pending, before.is_current) == ((), known, False)
    assert (tuple(first), second) == (known, [])
    assert (after.applied, after.pending, after.unknown, after.is_current) == (known, (), (), True)


def test_status_of_empty_database_changes_nothing(empty_database: str) -> None:
    before = execute(empty_database, STATE)

    status(empty_database)

    assert execute(empty_database, STATE) == before


def test_schema_snapshot_equals_what_the_migrations_build(database: str) -> None:
    if status(database).capabilities.server_version < VIEWS_PRINT_BARE_COLUMNS_FROM:
        pytest.skip("PostgreSQL 15 prints the same views with qualified columns")
    assert snapshot(database) == sql.SNAPSHOT.read_text(encoding="utf-8"), (
        "sql/schema.sql is not what migrations/ build: run `python -m postgres.snapshot`"
    )


def test_migrate_with_timescale_partitions_every_fact_by_block_number(
    timescale_home: DatabaseServer, timescale_database: str
) -> None:
    dimensions = execute(
        timescale_database,
        """
        SELECT format('%I.%I', hypertable_schema, hypertable_name), column_name::text, integer_now_func::text
        FROM timescaledb_information.dimensions WHERE hypertable_schema = 'chain' ORDER BY 1
        """,
    )
    registered = execute(
        timescale_database, "SELECT fact, block_column, 'head_number' FROM chain.facts ORDER BY 1"
    )

    assert dimensions == registered
    assert status(timescale_database).capabilities.hypertables == FACTS
    expected = Home.TIMESCALE_COMMUNITY if timescale_home.home == "community" else Home.TIMESCALE_APACHE
    assert status(timescale_database).capabilities.home is expected


def test_migrate_without_timescale_says_plain(embedded_database: str) -> None:
    capabilities = status(embedded_database).capabilities

    assert capabilities.home is Home.PLAIN
    assert (capabilities.hypertables, capabilities.timescale_version) == ((), None)
    assert not capabilities.is_convertible
    assert not capabilities.can_columnstore


def test_migrate_with_timescale_off_stays_plain(timescale_home: DatabaseServer) -> None:
    dsn = timescale_home.create()
    try:
        migrate(dsn, timescale="off")
        capabilities = status(dsn).capabilities
        migrate(dsn, timescale="off")
    finally:
        timescale_home.drop(dsn)

    assert capabilities.home is Home.PLAIN
    assert capabilities.is_convertible


STORE_BLOCK = """
    INSERT INTO chain.blocks
        (number, hash, parent_hash, timestamp, miner, gas_limit, gas_used, difficulty, size, nonce, mix_hash,
         sha3_uncles, state_root, transactions_root, receipts_root, logs_bloom, extra_data,
         transaction_count, log_count)
    SELECT n, decode(repeat('0a', 32), 'hex'), decode(repeat('0a', 32), 'hex'), now(), '', 0, 0, 0, 0, '', '', '',
           '', '', '', '', '', 0, 0
    FROM generate_series(0, 5000, 500) AS n
"""


def test_convert_to_timescale_moves_stored_blocks_into_chunks(timescale_home: DatabaseServer) -> None:
    dsn = timescale_home.create()
    try:
        migrate(dsn, timescale="off")
        execute(dsn, STORE_BLOCK)
        before = execute(dsn, "SELECT number, hash FROM chain.blocks ORDER BY 1")
        migrate(dsn)
        left_plain = status(dsn).capabilities.home

        moved = convert_to_timescale(dsn, chunk_blocks=1000)
        again = convert_to_timescale(dsn, chunk_blocks=1000)

        capabilities = status(dsn).capabilities
        after = execute(dsn, "SELECT number, hash FROM chain.blocks ORDER BY 1")
        chunks = execute(
            dsn, "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'blocks'"
        )
        same_schema = snapshot(dsn)
    finally:
        timescale_home.drop(dsn)

    assert left_plain is Home.PLAIN, "migrate must not move data unasked"
    assert (tuple(moved), again) == (FACTS, [])
    assert capabilities.hypertables == FACTS
    assert after == before
    assert chunks == [(6,)]
    assert same_schema == sql.SNAPSHOT.read_text(encoding="utf-8")


def test_convert_to_timescale_on_a_server_without_it_says_what_to_install(embedded_database: str) -> None:
    with pytest.raises(Fatal, match="shared_preload_libraries"):
        convert_to_timescale(embedded_database)


def test_convert_to_timescale_before_migrating_is_refused(timescale_home: DatabaseServer) -> None:
    dsn = timescale_home.create()
    try:
        with pytest.raises(SchemaOutdated):
            convert_to_timescale(dsn)
    finally:
        timescale_home.drop(dsn)


def test_set_chunk_interval_holds_for_chunks_made_from_now_on(timescale_database: str) -> None:
    changed = set_chunk_interval(timescale_database, 7000)

    intervals = execute(
        timescale_database,
        "SELECT DISTINCT integer_interval FROM timescaledb_information.dimensions"
        " WHERE hypertable_schema = 'chain'",
    )
    assert tuple(changed) == FACTS
    assert intervals == [(7000,)]


def test_set_chunk_interval_on_a_plain_database_changes_nothing(embedded_database: str) -> None:
    assert set_chunk_interval(embedded_database, 7000) == []


@pytest.mark.parametrize("blocks", [0, -1, 99, 10**10])
def test_migrate_with_an_absurd_chunk_is_refused_before_connecting(blocks: int) -> None:
    with pytest.raises(ValueError, match=str(blocks)):
        migrate("postgresql://127.0.0.1:1/nowhere", chunk_blocks=blocks)


async def test_require_current_on_a_migrated_database_is_silent_for_every_service(database: str) -> None:
    for role in (each for each in ROLES if each != DEFINER):  # as whom nobody logs in
        connection = await connect(DatabaseSettings(database, role=role))
        await require_current(connection)
        await connection.close()


async def test_require_current_on_an_empty_database_names_what_is_pending(empty_database: str) -> None:
    connection = await connect(DatabaseSettings(empty_database))
    with pytest.raises(SchemaOutdated, match="pend-index db migrate") as refused:
        await require_current(connection)
    await connection.close()

    assert refused.value.pending == tuple(known_migrations(migrations.FOLDER))


@pytest.fixture
def newer_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    shutil.copytree(migrations.FOLDER, folder)
    (folder / "9999_later.sql").write_text("CREATE TABLE chain.later (x integer);\n")
    return folder


async def test_schema_of_a_later_version_is_refused_and_left_alone(
    embedded_database: str, newer_folder: Path
) -> None:
    assert migrate(embedded_database, folder=newer_folder) == ["9999_later"]
    connection = await connect(DatabaseSettings(embedded_database))

    with pytest.raises(SchemaNewer, match="9999_later"):
        await require_current(connection)
    with pytest.raises(SchemaNewer) as refused:
        migrate(embedded_database)
    await connection.close()

    assert refused.value.unknown == ("9999_later",)
    assert status(embedded_database).unknown == ("9999_later",)


def test_migration_that_fails_halfway_leaves_nothing_of_itself(
    embedded_database: str, newer_folder: Path
) -> None:
    (newer_folder / "9999_later.sql").write_text("CREATE TABLE chain.later (x integer);\nSELECT 1 / 0;\n")

    with pytest.raises(Fatal, match="division by zero"):
        migrate(embedded_database, folder=newer_folder)

    assert execute(embedded_database, "SELECT to_regclass('chain.later')") == [(None,)]
    assert status(embedded_database, folder=newer_folder).pending == ("9999_later",)
    (newer_folder / "9999_later.sql").write_text("CREATE TABLE chain.later (x integer);\n")
    assert migrate(embedded_database, folder=newer_folder) == ["9999_later"]


def test_migration_outside_a_transaction_builds_an_index_concurrently(
    embedded_database: str, newer_folder: Path
) -> None:
    (newer_folder / "9999_later.sql").write_text(
        "-- transactional: false\nCREATE INDEX CONCURRENTLY later ON chain.outbox (created_at);\n"
    )

    assert migrate(embedded_database, folder=newer_folder) == ["9999_later"]
    assert execute(embedded_database, "SELECT to_regclass('chain.later') IS NOT NULL") == [(True,)]


def test_every_migration_limits_its_waits_or_says_it_runs_outside_a_transaction() -> None:
    for path in migrations.FOLDER.glob("*.sql"):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        limits = first.startswith("SET LOCAL lock_timeout = ") and "SET LOCAL statement_timeout = " in first
        assert limits or first == "-- transactional: false", path.name


def test_migrate_while_another_holds_the_lock_waits_then_says_so(embedded_database: str) -> None:
    with psycopg.connect(embedded_database, cursor_factory=psycopg.RawCursor) as other:
        other.execute(queries.lock_migrations.sql)

        with pytest.raises(LockTimeout, match="another migration"):
            migrate(embedded_database, lock_wait_s=0.2)


def test_migrate_twice_at_once_applies_each_file_once(empty_database: str) -> None:
    results: list[list[str]] = []
    threads = [threading.Thread(target=lambda: results.append(migrate(empty_database))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results, key=len) == [[], [], known_migrations(migrations.FOLDER)]


def test_migrate_neighbouring_databases_at_once_shares_the_roles(embedded_home: DatabaseServer) -> None:
    databases = [embedded_home.create() for _ in range(3)]
    failures: list[Exception] = []

    def run(dsn: str) -> None:
        try:
            migrate(dsn)
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=run, args=(dsn,)) for dsn in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for dsn in databases:
        embedded_home.drop(dsn)

    assert failures == []


def test_migrate_where_nobody_listens_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        migrate("postgresql://127.0.0.1:1/nowhere")


def test_migrate_a_database_that_does_not_exist_is_refused(embedded_home: DatabaseServer) -> None:
    with pytest.raises(AccessRefused, match="does not exist"):
        migrate(embedded_home.dsn_of("no_such_database"))


@dataclass(frozen=True)
class Person:
    """A user who may log in and nothing more, and an empty database."""

    name: str
    dsn: str
    administrator_dsn: str


@pytest.fixture
def person(home: DatabaseServer, database: str, empty_database: str) -> Iterator[Person]:
    """Roles exist already: `database` was migrated on the same server."""
    name = str(conninfo_to_dict(empty_database)["dbname"]).replace("pend_test", "person")
    with psycopg.connect(empty_database, autocommit=True) as administrator:
        administrator.execute(
            SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(Identifier(name), Literal("secret"))
        )
    database_name = str(conninfo_to_dict(empty_database)["dbname"])
    yield Person(name, home.dsn_of(database_name, user=name, password="secret"), empty_database)
    home.drop(empty_database)
    with psycopg.connect(home.dsn, autocommit=True) as administrator:
        administrator.execute(SQL("DROP ROLE {}").format(Identifier(name)))


def test_migrate_without_privileges_lists_what_an_administrator_must_run(person: Person) -> None:
    before = execute(person.administrator_dsn, STATE)

    with pytest.raises(PrivilegeMissing) as refused:
        migrate(person.dsn)

    assert execute(person.administrator_dsn, STATE) == before
    assert any(
        person.name in statement and "pend_owner" in statement for statement in refused.value.statements
    )
    assert str(refused.value).endswith(refused.value.statements[-1])


def test_migrate_as_member_of_the_owner_works_after_the_administrator_followed_the_advice(
    person: Person,
) -> None:
    with pytest.raises(PrivilegeMissing) as refused:
        migrate(person.dsn)
    for statement in refused.value.statements:
        execute(person.administrator_dsn, statement)

    applied = migrate(person.dsn)

    assert applied == known_migrations(migrations.FOLDER)
    assert snapshot(person.dsn) == sql.SNAPSHOT.read_text(encoding="utf-8")
    assert migrate(person.administrator_dsn) == []


async def test_service_login_that_is_a_member_of_its_role_can_work(person: Person) -> None:
    migrate(person.administrator_dsn)
    execute(person.administrator_dsn, f'GRANT pend_indexer TO "{person.name}"')
    connection = await connect(DatabaseSettings(person.dsn))

    await require_current(connection)
    assert await connection.fetchval("SELECT count(*) FROM chain.blocks") == 0
    await connection.close()
