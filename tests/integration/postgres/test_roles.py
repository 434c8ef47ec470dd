"""Each role may do its work and nothing beside it (DESIGN.md 4)."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

import asyncpg
import psycopg
import pytest

from postgres.bootstrap import ROLES
from postgres.connections import OwnConnection
from postgres.pool import DatabaseSettings, connect
from tests.database import CHUNK_BLOCKS
from tests.integration.postgres.rows import WORD, insert_reorg, store_blocks

As = Callable[[str], Awaitable[OwnConnection]]

FORBIDDEN_TO_EXPLORER = (
    "INSERT INTO chain.block_locations (hash, number) VALUES ('\\x00', 1)",
    "UPDATE chain.blocks SET size = 0",
    "DELETE FROM chain.logs",
    "TRUNCATE chain.logs",
    "SELECT chain.revert_above(0, 1)",
    "SELECT chain.resize_chunks(1000)",
    "SELECT * FROM account.people",
    "CREATE TABLE chain.mine (x integer)",
    "CREATE TABLE public.mine (x integer)",
    "INSERT INTO ops.events VALUES ('started')",
)
FORBIDDEN_TO_INDEXER = (
    "CREATE TABLE chain.mine (x integer)",
    "ALTER TABLE chain.blocks ADD COLUMN mine integer",
    "DROP TABLE chain.logs",
    "TRUNCATE chain.logs",
    "INSERT INTO ops.migrations (migration_hash, migration_id) VALUES ('x', 'y')",
    "DELETE FROM ops.migrations",
    "UPDATE chain.facts SET block_column = 'x'",
    "SELECT chain.partition_facts(1000)",
    "SELECT * FROM account.people",
    "SELECT * FROM ops.api_keys",
    "INSERT INTO ops.api_keys DEFAULT VALUES",
)
FORBIDDEN_TO_WRITER = (
    "INSERT INTO chain.block_locations (hash, number) VALUES ('\\x00', 1)",
    "DELETE FROM chain.blocks",
    "SELECT chain.revert_above(0, 1)",
    "CREATE TABLE account.mine (x integer)",
    "DELETE FROM ops.migrations",
    "SELECT * FROM ops.api_keys",
    "INSERT INTO ops.api_keys DEFAULT VALUES",
)
# In whatever schema, chunks of hypertables too.
OWNED = """
    SELECT n.nspname AS schema, format('%I.%I', n.nspname, c.relname) AS name, c.relkind IN ('r', 'p') AS is_table,
           c.relkind = 'v' AS is_view, c.relkind = 'S' AS is_sequence, quote_ident(a.attname) AS part
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = 1
    WHERE pg_get_userbyid(c.relowner) = 'pend_owner' AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
"""


@pytest.fixture
async def as_role(database: str) -> AsyncIterator[As]:
    """Connections that act as a role, on a database that holds blocks and a table of people."""
    async with AsyncExitStack() as stack:

        async def open_as(role: str) -> OwnConnection:
            opened = await connect(DatabaseSettings(database, role=role))
            stack.push_async_callback(opened.close)
            return opened

        owner = await open_as("pend_owner")
        await owner.execute(
            "CREATE TABLE account.people (name text); INSERT INTO account.people VALUES ('Ada')"
        )
        await owner.execute("CREATE TABLE ops.events (said text)")
        yield open_as


@pytest.mark.parametrize(
    ("role", "statements"),
    [
        ("pend_explorer", FORBIDDEN_TO_EXPLORER),
        ("pend_indexer", FORBIDDEN_TO_INDEXER),
        ("pend_writer", FORBIDDEN_TO_WRITER),
    ],
)
async def test_role_beyond_its_work_is_refused(as_role: As, role: str, statements: Sequence[str]) -> None:
    connection = await as_role(role)

    for statement in statements:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


async def test_explorer_reads_the_chain_in_chunks_made_after_the_grants(as_role: As) -> None:
    indexer, explorer = await as_role("pend_indexer"), await as_role("pend_explorer")
    await store_blocks(indexer, [1, CHUNK_BLOCKS + 1, 5 * CHUNK_BLOCKS])

    for table in ("blocks", "transactions", "logs", "block_locations", "transaction_locations", "coverage"):
        await explorer.fetch(f"SELECT * FROM chain.{table}")
        await explorer.fetch(f"SELECT * FROM chain_text.{table}")
    assert await explorer.fetchval("SELECT head_number FROM chain.tip") is None
    partitions = await explorer.fetch(
        "SELECT c.oid::regclass::text AS name FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid"
    )
    for partition in partitions:
        assert await explorer.fetchval(f"SELECT count(*) FROM {partition['name']}") >= 0


async def test_explorer_writes_to_no_table_of_any_schema(as_role: As) -> None:
    indexer, explorer = await as_role("pend_indexer"), await as_role("pend_explorer")
    await store_blocks(indexer, [1, CHUNK_BLOCKS + 1])
    owned = await explorer.fetch(OWNED)
    tables = [row for row in owned if row["is_table"]]
    assert {row["schema"] for row in tables} >= {"account", "chain", "ops"}

    statements = [f"SELECT nextval('{row['name']}')" for row in owned if row["is_sequence"]]
    for row in tables:
        statements += [
            f"INSERT INTO {row['name']} DEFAULT VALUES",
            f"UPDATE {row['name']} SET {row['part']} = DEFAULT",
            f"DELETE FROM {row['name']}",
            f"TRUNCATE {row['name']}",
        ]
    for statement in statements:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await explorer.execute(statement)
    # A statement on a view may be refused for what the view is, before anybody's rights are looked at.
    for row in owned:
        if row["is_view"]:
            writes = "SELECT has_table_privilege($1, 'INSERT, UPDATE, DELETE, TRUNCATE')"
            assert not await explorer.fetchval(writes, row["name"]), row["name"]


async def test_explorer_reads_api_keys_and_only_the_owner_writes_them(as_role: As) -> None:
    owner, explorer = await as_role("pend_owner"), await as_role("pend_explorer")
    issued = "INSERT INTO ops.api_keys (id, name, key_hash, tier) VALUES ('abcd2345', 'Shop', $1, 'free')"
    await owner.execute(issued, bytes(32))

    assert await explorer.fetchval("SELECT name FROM ops.api_keys WHERE key_hash = $1", bytes(32)) == "Shop"
    for role in ("pend_explorer", "pend_indexer", "pend_writer"):
        connection = await as_role(role)
        for statement in ("UPDATE ops.api_keys SET revoked_at = NULL", "DELETE FROM ops.api_keys"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)


async def test_indexer_writes_reverts_and_announces(as_role: As) -> None:
    indexer = await as_role("pend_indexer")
    await store_blocks(indexer, range(CHUNK_BLOCKS - 2, CHUNK_BLOCKS + 2))
    reorg = await insert_reorg(indexer)

    assert await indexer.fetchval("SELECT chain.revert_above($1, $2)", CHUNK_BLOCKS - 1, reorg) == 4
    await indexer.execute(
        "INSERT INTO chain.coverage VALUES (int8range($1, $2), $3, $3)", CHUNK_BLOCKS - 2, CHUNK_BLOCKS, WORD
    )
    await indexer.execute(
        "INSERT INTO chain.outbox (sequence, kind, from_block, to_block) VALUES (1, 'blocks', 1, 2)"
    )
    assert await indexer.fetchval("SELECT count(*) FROM ops.migrations") >= 1


async def test_writer_reads_the_chain_and_no_table_of_accounts_that_nobody_gave_it(as_role: As) -> None:
    writer = await as_role("pend_writer")

    assert await writer.fetchval("SELECT count(*) FROM chain.blocks") == 0
    for statement in ("SELECT * FROM account.people", "INSERT INTO account.people VALUES ('Grace')"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await writer.execute(statement)


@pytest.mark.parametrize("role", ["pend_indexer", "pend_writer"])
async def test_service_that_writes_appends_to_ops_and_cannot_rewrite_it(as_role: As, role: str) -> None:
    connection = await as_role(role)

    await connection.execute("INSERT INTO ops.events VALUES ('started')")
    for statement in ("UPDATE ops.events SET said = ''", "DELETE FROM ops.events"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


def test_owner_owns_every_table_the_definer_what_looks_past_isolation_and_no_role_can_log_in(
    database: str,
) -> None:
    with psycopg.connect(database) as session:
        owners = session.execute(
            """
            SELECT pg_get_userbyid(relowner), array_agg(DISTINCT relkind::text ORDER BY relkind::text)
            FROM pg_class
            WHERE relnamespace::regnamespace::text IN ('chain', 'chain_text', 'account', 'account_public', 'ops')
              AND relkind IN ('r', 'p', 'v', 'm', 'S')
            GROUP BY 1 ORDER BY 1
            """
        ).fetchall()
        logins = session.execute(
            "SELECT rolname FROM pg_roles WHERE (rolcanlogin OR rolsuper OR rolbypassrls) AND rolname = ANY (%s)",
            (list(ROLES),),
        ).fetchall()

    assert owners == [("pend_definer", ["m", "v"]), ("pend_owner", ["S", "r", "v"])]
    assert logins == []
