"""No table and no index takes more bytes than docs/schema.md allows, in any home."""

import asyncpg
import pytest

from evm.consensus import Consensus
from indexer.network import agree_on_network
from indexer.writer import store
from tests.disk_budget import Budget, budgets
from tests.disk_sizes import TABLES, disk_parts
from tests.integration.indexer.chain_fixtures import network

PAGE_BYTES = 8_192
BLOCKS, TRANSACTIONS_PER_BLOCK, BLOCKS_PER_COMMIT = 200, 20, 50


@pytest.fixture
async def stored(database: str) -> str:
    """The DSN of a database that holds `BLOCKS` devnet blocks, committed as a backfill commits them."""
    async with network(
        Consensus.QBFT, history=BLOCKS, transactions_per_block=TRANSACTIONS_PER_BLOCK
    ) as devnet:
        connection = await asyncpg.connect(database)
        try:
            await agree_on_network(connection, devnet.node)
            for first in range(0, BLOCKS, BLOCKS_PER_COMMIT):
                rows = await devnet.rows(first, first + BLOCKS_PER_COMMIT - 1)
                await store(connection, rows, finalized=-1)
        finally:
            await connection.close()
    return database


def test_budget_of_the_schema_names_every_table_and_index_once(embedded_database: str) -> None:
    budgeted = [(budget.table, budget.part) for budget in budgets()]

    assert sorted(budgeted) == sorted((part.table, part.name) for part in disk_parts(embedded_database))
    assert len(set(budgeted)) == len(budgeted)
    assert {table for table, _ in budgeted} == set(TABLES)


def test_stored_blocks_stay_within_the_budget_of_every_table_and_index(stored: str) -> None:
    allowed = {(budget.table, budget.part): budget for budget in budgets()}

    over = [
        f"{part.table}, {part.name}: {part.bytes:,} bytes for {part.rows:,} rows"
        for part in disk_parts(stored)
        if part.bytes > _allowed(allowed[part.table, part.name], part.rows, part.partitions)
    ]

    assert over == []


def _allowed(budget: Budget, rows: int, partitions: int) -> float:
    """What so many rows may take; a page begun and an index's first two are not theirs."""
    return budget.bytes_per_row * rows + 3 * PAGE_BYTES * partitions
