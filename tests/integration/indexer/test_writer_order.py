"""What two writers may do to one another: commits wait, finality never falls, an older writer is refused."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from evm.consensus import Consensus
from indexer.chain import Link
from indexer.errors import CursorMoved, WriterFenced
from indexer.network import agree_on_network
from indexer.rows import BlockRows
from indexer.writer import Branch, replace, store
from tests.integration.indexer.chain_fixtures import Network, network
from tests.processes import eventually


@pytest.fixture
async def clique() -> AsyncIterator[Network]:
    async with network(Consensus.CLIQUE, history=12) as running:
        yield running


@pytest.fixture
async def ready(connection: asyncpg.Connection, clique: Network) -> asyncpg.Connection:
    await agree_on_network(connection, clique.node)
    return connection


def link(rows: BlockRows) -> Link:
    return Link(rows.number, rows.hash, rows.parent_hash)


async def test_store_beside_a_commit_that_hangs_joins_its_range(
    ready: asyncpg.Connection, database: str, clique: Network
) -> None:
    """Two neighbours that commit together would see no neighbour (DESIGN.md 8.2): one waits (invariant 2)."""
    slow, fast = await asyncpg.connect(database), await asyncpg.connect(database)
    try:
        hanging = slow.transaction()
        await hanging.start()
        await store(slow, await clique.rows(0, 3), finalized=-1)
        waiting = asyncio.create_task(store(fast, await clique.rows(4, 7), finalized=-1))
        waits = "SELECT $1 = ANY (SELECT pid FROM pg_locks WHERE NOT granted)"

        async def it_waits() -> bool:
            assert not waiting.done()
            return bool(await ready.fetchval(waits, fast.get_server_pid()))

        await eventually(it_waits, "the second writer waits for the first")
        await hanging.commit()
        await waiting
    finally:
        await slow.close()
        await fast.close()
    ranges = await ready.fetch("SELECT lower(blocks), upper(blocks) FROM chain.coverage")
    assert [tuple(row) for row in ranges] == [(0, 8)]


async def test_store_of_older_blocks_does_not_lower_finality(
    ready: asyncpg.Connection, clique: Network
) -> None:
    await store(ready, await clique.rows(6, 9), finalized=8)
    for first, finalized in ((0, -1), (3, 2)):
        await store(ready, await clique.rows(first, first + 2), finalized=finalized)
        assert await ready.fetchval("SELECT finalized_number FROM chain.chain_state") == 8


async def test_replace_with_an_older_epoch_is_fenced(ready: asyncpg.Connection, clique: Network) -> None:
    old = await clique.rows(0, 12)
    await store(ready, old, finalized=-1)
    clique.devnet.reorg(3)
    new = await clique.rows(10, clique.devnet.head.header.number)
    await ready.execute("UPDATE chain.chain_state SET writer_epoch = 7")
    with pytest.raises(WriterFenced, match="epoch 6, the database is now at epoch 7"):
        await replace(ready, Branch(link(old[9]), link(old[12])), new, finalized=-1, epoch=6)
    stored = [row[0] for row in await ready.fetch("SELECT hash FROM chain.blocks ORDER BY number")]
    assert stored == [rows.hash for rows in old]
    assert await ready.fetchval("SELECT count(*) FROM chain.reorgs") == 0


async def test_replace_below_blocks_that_a_backfill_has_stored_above_is_refused_whole(
    ready: asyncpg.Connection, clique: Network
) -> None:
    """What a rollback removes is what the follower knows of: not one block more (invariant 6)."""
    old = await clique.rows(0, 12)
    await store(ready, old[:10], finalized=-1)
    await store(ready, old[11:], finalized=-1)
    with pytest.raises(CursorMoved):
        await replace(ready, Branch(link(old[7]), link(old[9])), old[8:10], finalized=-1, epoch=None)
    stored = [row[0] for row in await ready.fetch("SELECT number FROM chain.blocks ORDER BY number")]
    assert stored == [*range(10), 11, 12]
