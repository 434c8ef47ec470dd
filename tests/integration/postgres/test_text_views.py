"""chain_text shows every table of chain with 0x text, and still finds by key."""

from postgres.connections import OwnConnection
from tests.integration.postgres.rows import block_hash, insert_reorg, store_blocks

INTERNAL = {"facts"}


async def test_every_table_of_chain_has_a_view_with_its_columns_and_no_bytes(
    connection: OwnConnection,
) -> None:
    columns = await connection.fetch(
        """
        SELECT c.table_schema AS schema, c.table_name AS table, c.column_name AS column, c.data_type AS type
        FROM information_schema.columns AS c WHERE c.table_schema IN ('chain', 'chain_text')
        """
    )
    tables = {row["table"] for row in columns if row["schema"] == "chain"} - INTERNAL
    views = {row["table"] for row in columns if row["schema"] == "chain_text"}
    lacking = {
        (row["table"], row["column"])
        for row in columns
        if row["schema"] == "chain" and row["table"] not in INTERNAL
    } - {(row["table"], row["column"]) for row in columns if row["schema"] == "chain_text"}

    assert views == tables
    assert lacking == {("coverage", "blocks"), ("chain_state", "id")}
    assert [row for row in columns if row["schema"] == "chain_text" and row["type"] == "bytea"] == []


async def test_views_show_hashes_as_text(connection: OwnConnection) -> None:
    await store_blocks(connection, [5, 6])
    await connection.execute(
        "UPDATE chain.blocks SET uncles = ARRAY['\\xaa'::bytea, '\\xbb'] WHERE number = 5"
    )
    await connection.execute(
        "UPDATE chain.transactions SET blob_versioned_hashes = ARRAY['\\x01'::bytea, '\\x02']"
        " WHERE block_number = 5 AND transaction_index = 0"
    )

    block = await connection.fetchrow("SELECT hash, uncles FROM chain_text.blocks WHERE number = 5")
    blobs = await connection.fetch(
        "SELECT blob_versioned_hashes AS hashes FROM chain_text.transactions ORDER BY 1"
    )
    locations = await connection.fetch("SELECT hash FROM chain_text.block_locations ORDER BY number")

    assert block is not None
    assert (block["hash"], block["uncles"]) == ("0x" + block_hash(5).hex(), ["0xaa", "0xbb"])
    assert [row["hashes"] for row in blobs] == [["0x01", "0x02"], None, None, None]
    assert [row["hash"] for row in locations] == ["0x" + block_hash(n).hex() for n in (5, 6)]


async def test_orphaned_blocks_and_coverage_are_readable(connection: OwnConnection) -> None:
    await store_blocks(connection, [5, 6])
    await connection.execute("INSERT INTO chain.coverage VALUES (int8range(5, 7), '\\x0a', '\\x0b')")
    await connection.execute("SELECT chain.revert_above(5, $1)", await insert_reorg(connection))

    orphan = await connection.fetchrow("SELECT number, hash FROM chain_text.orphaned_blocks")
    coverage = await connection.fetchrow("SELECT * FROM chain_text.coverage")

    assert orphan is not None
    assert tuple(orphan) == (6, "0x" + block_hash(6).hex())
    assert coverage is not None
    assert tuple(coverage) == (5, 6, "0x0a", "0x0b")
