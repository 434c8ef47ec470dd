"""chain.revert_above(): everything above the ancestor goes, nothing else, through the chunks it touches."""

import asyncpg

from postgres.connections import OwnConnection
from tests.database import CHUNK_BLOCKS
from tests.integration.postgres.rows import block_hash, insert_reorg, store_blocks, transaction_hash

COUNTS = """
    SELECT (SELECT count(*) FROM chain.blocks), (SELECT count(*) FROM chain.transactions),
           (SELECT count(*) FROM chain.logs), (SELECT count(*) FROM chain.block_locations),
           (SELECT count(*) FROM chain.transaction_locations), (SELECT count(*) FROM chain.orphaned_blocks)
"""


async def counts(connection: OwnConnection) -> tuple[int, ...]:
    row = await connection.fetchrow(COUNTS)
    assert row is not None
    return tuple(row)


async def test_revert_above_middle_of_a_chunk_removes_only_what_is_above(connection: OwnConnection) -> None:
    await store_blocks(connection, range(100, 110))
    reorg = await insert_reorg(connection)

    removed = await connection.fetchval("SELECT chain.revert_above(105, $1)", reorg)

    assert removed == 4 * 2
    assert await counts(connection) == (6, 12, 18, 6, 12, 4)
    assert await connection.fetchval("SELECT max(number) FROM chain.blocks") == 105
    assert await connection.fetchval("SELECT max(block_number) FROM chain.logs") == 105
    assert await connection.fetchval("SELECT max(block_number) FROM chain.transaction_locations") == 105


async def test_revert_above_branch_across_chunks_removes_it_from_each(connection: OwnConnection) -> None:
    numbers = range(CHUNK_BLOCKS - 3, 2 * CHUNK_BLOCKS + 3, 1)
    await store_blocks(
        connection, (n for n in numbers if n % CHUNK_BLOCKS < 3 or n % CHUNK_BLOCKS > CHUNK_BLOCKS - 4)
    )
    reorg = await insert_reorg(connection)

    removed = await connection.fetchval("SELECT chain.revert_above($1, $2)", CHUNK_BLOCKS - 2, reorg)

    assert removed == 10 * 2
    assert await counts(connection) == (2, 4, 6, 2, 4, 10)


async def test_revert_above_last_block_of_a_chunk_spares_that_block(connection: OwnConnection) -> None:
    await store_blocks(connection, range(CHUNK_BLOCKS - 1, CHUNK_BLOCKS + 1))
    reorg = await insert_reorg(connection)

    await connection.fetchval("SELECT chain.revert_above($1, $2)", CHUNK_BLOCKS - 1, reorg)

    assert await counts(connection) == (1, 2, 3, 1, 2, 1)


async def test_revert_above_head_changes_nothing(connection: OwnConnection) -> None:
    await store_blocks(connection, range(5))
    reorg = await insert_reorg(connection)

    assert await connection.fetchval("SELECT chain.revert_above(4, $1)", reorg) == 0
    assert await counts(connection) == (5, 10, 15, 5, 10, 0)


async def test_revert_above_genesis_empties_the_facts(connection: OwnConnection) -> None:
    await store_blocks(connection, range(5))
    reorg = await insert_reorg(connection)

    assert await connection.fetchval("SELECT chain.revert_above(-1, $1)", reorg) == 10
    assert await counts(connection) == (0, 0, 0, 0, 0, 5)


async def test_revert_above_keeps_the_whole_header_of_what_it_removed(connection: OwnConnection) -> None:
    await store_blocks(connection, [7, 8])
    columns = await connection.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'chain.blocks'::regclass AND attnum > 0"
    )
    reorg = await insert_reorg(connection)

    await connection.execute("SELECT chain.revert_above(7, $1)", reorg)

    kept = await connection.fetchrow(
        """
        SELECT *, ARRAY(SELECT jsonb_object_keys(header)) AS keys, header ->> 'state_root' AS state_root
        FROM chain.orphaned_blocks
        """
    )
    assert kept is not None
    assert (kept["reorg_id"], kept["number"], kept["hash"]) == (reorg, 8, block_hash(8))
    assert set(kept["keys"]) == {column["attname"] for column in columns}
    assert kept["state_root"] == "\\x" + "0b" * 32


async def test_revert_above_makes_room_for_a_branch_with_the_same_transactions(
    connection: OwnConnection,
) -> None:
    await store_blocks(connection, range(5))
    reorg = await insert_reorg(connection)

    async with connection.transaction():
        await connection.execute("SELECT chain.revert_above(2, $1)", reorg)
        await store_blocks(connection, [3, 4, 5])

    found = await connection.fetchrow(
        "SELECT * FROM chain.transaction_locations WHERE hash = $1", transaction_hash(4, 1)
    )
    assert found is not None
    assert (found["block_number"], found["transaction_index"]) == (4, 1)
    assert await counts(connection) == (6, 12, 18, 6, 12, 2)


async def test_revert_above_with_many_chunks_locks_only_those_it_touches(timescale_database: str) -> None:
    connection = await asyncpg.connect(timescale_database)
    try:
        await store_blocks(connection, [chunk * CHUNK_BLOCKS for chunk in range(60)])
        await store_blocks(connection, [59 * CHUNK_BLOCKS + 1])
        reorg = await insert_reorg(connection)
        async with connection.transaction():
            await connection.execute("SELECT chain.revert_above($1, $2)", 59 * CHUNK_BLOCKS, reorg)
            locked = await connection.fetch(
                """
                SELECT DISTINCT format('%I.%I', c.chunk_schema, c.chunk_name) AS chunk,
                       c.hypertable_name, c.range_start_integer AS first
                FROM pg_locks AS l
                JOIN pg_class AS t ON t.oid = l.relation
                JOIN timescaledb_information.chunks AS c ON c.chunk_name = t.relname
                WHERE l.pid = pg_backend_pid()
                """
            )
    finally:
        await connection.close()

    assert {row["first"] for row in locked} == {59 * CHUNK_BLOCKS}
    assert {row["hypertable_name"] for row in locked} == {"blocks", "transactions", "logs"}
