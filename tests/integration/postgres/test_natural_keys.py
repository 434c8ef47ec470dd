"""Whatever is stored twice is refused by the table itself (invariants 4 and 10), in every home."""

import asyncpg
import pytest

from tests.integration.postgres.rows import WORD, store_blocks


@pytest.mark.parametrize(
    "table",
    ["blocks", "transactions", "logs", "block_locations", "transaction_locations", "outbox"],
)
async def test_row_stored_twice_is_refused_by_its_key(connection: asyncpg.Connection, table: str) -> None:
    await store_blocks(connection, [7])
    await connection.execute(
        "INSERT INTO chain.outbox (sequence, kind, from_block, to_block) VALUES (1, 'blocks', 7, 7)"
    )
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute(f"INSERT INTO chain.{table} SELECT * FROM chain.{table} LIMIT 1")


async def test_coverage_that_overlaps_is_refused(connection: asyncpg.Connection) -> None:
    insert = "INSERT INTO chain.coverage VALUES (int8range($1, $2, '[]'), $3, $3)"
    await connection.execute(insert, 10, 20, WORD)
    await connection.execute(insert, 21, 25, WORD)
    for first, last in ((20, 20), (0, 10), (12, 14), (0, 30)):
        with pytest.raises(asyncpg.ExclusionViolationError):
            await connection.execute(insert, first, last, WORD)
