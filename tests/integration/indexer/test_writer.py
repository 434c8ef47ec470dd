"""The one transaction: all or nothing, linked, replayable, fenced, in outbox order (invariants 1-4, 8, 10)."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from evm.consensus import Consensus
from indexer.chain import Link
from indexer.errors import CoverageConflict, CursorMoved, FinalityViolated, SeamMismatch, WriterFenced
from indexer.network import agree_on_network
from indexer.rows import BlockRows
from indexer.writer import Branch, replace, store
from postgres.errors import UniqueConflict
from tests.integration.indexer.chain_fixtures import Network, network

FACTS = ("blocks", "transactions", "logs", "block_locations", "transaction_locations", "outbox", "coverage")


@pytest.fixture
async def clique() -> AsyncIterator[Network]:
    async with network(Consensus.CLIQUE, history=12) as running:
        yield running


@pytest.fixture
async def ready(connection: asyncpg.Connection, clique: Network) -> asyncpg.Connection:
    await agree_on_network(connection, clique.node)
    return connection


async def counts(connection: asyncpg.Connection) -> dict[str, int]:
    return {name: await connection.fetchval(f"SELECT count(*) FROM chain.{name}") for name in FACTS}


def link(rows: BlockRows) -> Link:
    return Link(rows.number, rows.hash, rows.parent_hash)


async def test_store_blocks_makes_facts_locations_coverage_and_outbox_row(
    ready: asyncpg.Connection, clique: Network
) -> None:
    batch = await clique.rows(0, 5)
    committed = await store(ready, batch, finalized=3)

    blocks = [clique.devnet.block(number) for number in range(6)]
    transactions = [each for block in blocks if block for each in block.transactions]
    logs = [each for block in blocks if block for receipt in block.receipts for each in receipt.logs]
    assert (committed.sequence, committed.first, committed.last) == (1, 0, 5)
    assert await counts(ready) == {
        "blocks": 6,
        "transactions": len(transactions),
        "logs": len(logs),
        "block_locations": 6,
        "transaction_locations": len(transactions),
        "outbox": 1,
        "coverage": 1,
    }
    assert await ready.fetchval("SELECT blocks = int8range(0, 6) FROM chain.coverage")
    assert await ready.fetchval("SELECT last_hash FROM chain.coverage") == batch[-1].hash
    assert await ready.fetchval("SELECT finalized_number FROM chain.chain_state") == 3
    outbox = await ready.fetchrow("SELECT sequence, kind, from_block, to_block, head_hash FROM chain.outbox")
    assert tuple(outbox or ()) == (1, "blocks", 0, 5, batch[-1].hash)


async def test_store_same_blocks_again_changes_nothing(ready: asyncpg.Connection, clique: Network) -> None:
    batch = await clique.rows(0, 5)
    await store(ready, batch, finalized=-1)
    before = await counts(ready)
    with pytest.raises(UniqueConflict):
        await store(ready, batch[2:4], finalized=-1)
    assert await counts(ready) == before
    assert await ready.fetchval("SELECT outbox_sequence FROM chain.chain_state") == 1


async def test_store_segments_out_of_order_merge_into_one_range(
    ready: asyncpg.Connection, clique: Network
) -> None:
    for first, last in ((8, 11), (0, 3), (4, 7)):
        await store(ready, await clique.rows(first, last), finalized=-1)
    assert await ready.fetchval("SELECT blocks = int8range(0, 12) FROM chain.coverage")
    assert [row[0] for row in await ready.fetch("SELECT sequence FROM chain.outbox ORDER BY 1")] == [1, 2, 3]


async def test_store_block_of_another_branch_beside_stored_ones_is_refused_whole(
    ready: asyncpg.Connection, clique: Network
) -> None:
    await store(ready, await clique.rows(0, 9), finalized=-1)
    clique.devnet.reorg(4)
    foreign = await clique.rows(10, 11)
    before = await counts(ready)
    with pytest.raises(SeamMismatch) as caught:
        await store(ready, foreign, finalized=-1)
    assert caught.value.number == 10
    assert await counts(ready) == before


async def test_store_with_an_older_epoch_is_fenced(ready: asyncpg.Connection, clique: Network) -> None:
    await ready.execute("UPDATE chain.chain_state SET writer_epoch = 7")
    with pytest.raises(WriterFenced, match="epoch 6, the database is now at epoch 7"):
        await store(ready, await clique.rows(0, 1), finalized=-1, epoch=6)
    assert (await counts(ready))["blocks"] == 0


async def test_store_two_neighbours_at_once_leave_one_linked_range_and_ordered_outbox(
    ready: asyncpg.Connection, database: str, clique: Network
) -> None:
    batches = [await clique.rows(first, first + 2) for first in range(0, 12, 3)]
    connections = [await asyncpg.connect(database) for _ in batches]
    try:
        await asyncio.gather(
            *(store(each, batch, finalized=-1) for each, batch in zip(connections, batches, strict=True))
        )
    finally:
        for each in connections:
            await each.close()
    assert await ready.fetchval("SELECT count(*) FROM chain.coverage") == 1
    assert [row[0] for row in await ready.fetch("SELECT sequence FROM chain.outbox ORDER BY 1")] == [
        1,
        2,
        3,
        4,
    ]


async def test_outbox_number_becomes_visible_in_order_when_an_earlier_commit_hangs(
    ready: asyncpg.Connection, database: str, clique: Network
) -> None:
    """Invariant 10: the second writer cannot publish 2 while 1 is not committed."""
    first, second = await clique.rows(0, 1), await clique.rows(4, 5)
    slow = await asyncpg.connect(database)
    fast = await asyncpg.connect(database)
    try:
        hanging = slow.transaction()
        await hanging.start()
        await store(slow, first, finalized=-1)  # a savepoint inside the open transaction
        waiting = asyncio.create_task(store(fast, second, finalized=-1))
        done, _ = await asyncio.wait({waiting}, timeout=0.3)
        assert not done
        assert await ready.fetchval("SELECT count(*) FROM chain.outbox") == 0
        await hanging.commit()
        assert (await waiting).sequence == 2
    finally:
        await slow.close()
        await fast.close()


async def test_replace_swaps_the_branch_in_one_transaction_and_keeps_the_orphans(
    ready: asyncpg.Connection, database: str, clique: Network
) -> None:
    old = await clique.rows(0, 12)
    await store(ready, old, finalized=-1)
    clique.devnet.reorg(3)
    new = await clique.rows(10, clique.devnet.head.header.number)
    reader = await asyncpg.connect(database)
    try:
        snapshot = reader.transaction(isolation="repeatable_read", readonly=True)
        await snapshot.start()
        assert await reader.fetchval("SELECT max(number) FROM chain.blocks") == 12

        committed = await replace(ready, Branch(link(old[9]), link(old[12])), new, finalized=8, epoch=None)

        hashes = [row[0] for row in await reader.fetch("SELECT hash FROM chain.blocks ORDER BY number")]
        assert hashes == [rows.hash for rows in old], "a reader that began before sees the old branch whole"
        await snapshot.rollback()
        hashes = [row[0] for row in await reader.fetch("SELECT hash FROM chain.blocks ORDER BY number")]
        assert hashes == [rows.hash for rows in old[:10] + new], "one that begins after sees the new one"
    finally:
        await reader.close()

    assert committed.sequence == 3
    kinds = await ready.fetch("SELECT kind, from_block, to_block FROM chain.outbox ORDER BY sequence")
    assert [tuple(row) for row in kinds] == [
        ("blocks", 0, 12),
        ("reorg", 10, 12),
        ("blocks", 10, new[-1].number),
    ]
    orphans = await ready.fetch("SELECT hash, header->>'number' FROM chain.orphaned_blocks ORDER BY number")
    assert [tuple(row) for row in orphans] == [(rows.hash, str(rows.number)) for rows in old[10:]]
    reorg = await ready.fetchrow(
        "SELECT depth, ancestor_hash, old_head_hash, new_head_hash, transactions_removed, sequence"
        " FROM chain.reorgs"
    )
    removed = sum(rows.transactions for rows in old[10:])
    assert tuple(reorg or ()) == (3, old[9].hash, old[12].hash, new[-1].hash, removed, 2)
    assert await ready.fetchval("SELECT finalized_number FROM chain.chain_state") == 8


async def test_replace_leaves_no_location_of_a_removed_block(
    ready: asyncpg.Connection, clique: Network
) -> None:
    old = await clique.rows(0, 12)
    await store(ready, old, finalized=-1)
    clique.devnet.reorg(5)
    new = await clique.rows(8, clique.devnet.head.header.number)
    await replace(ready, Branch(link(old[7]), link(old[12])), new, finalized=-1, epoch=None)
    stray = """
        SELECT count(*) FROM chain.block_locations AS l
        FULL JOIN chain.blocks AS b ON b.hash = l.hash AND b.number = l.number
        WHERE b.hash IS NULL OR l.hash IS NULL
    """
    assert await ready.fetchval(stray) == 0
    assert await ready.fetchval("SELECT count(*) FROM chain.transaction_locations") == await ready.fetchval(
        "SELECT count(*) FROM chain.transactions"
    )
    missing = """
        SELECT count(*) FROM chain.transactions AS t
        WHERE NOT EXISTS (SELECT FROM chain.transaction_locations AS l
                          WHERE l.hash = t.hash AND l.block_number = t.block_number
                            AND l.transaction_index = t.transaction_index)
    """
    assert await ready.fetchval(missing) == 0


async def test_replace_below_the_finalized_block_is_refused_whole(
    ready: asyncpg.Connection, clique: Network
) -> None:
    old = await clique.rows(0, 12)
    await store(ready, old, finalized=11)
    clique.devnet.reorg(3)
    new = await clique.rows(10, 12)
    before = await counts(ready)
    with pytest.raises(FinalityViolated, match="block 10 is final"):
        await replace(ready, Branch(link(old[9]), link(old[12])), new, finalized=-1, epoch=None)
    assert await counts(ready) == before
    assert await ready.fetchval("SELECT count(*) FROM chain.orphaned_blocks") == 0


async def test_replace_after_another_writer_moved_the_tip_is_refused_whole(
    ready: asyncpg.Connection, clique: Network
) -> None:
    old = await clique.rows(0, 12)
    await store(ready, old[:12], finalized=-1)
    before = await counts(ready)
    with pytest.raises(CursorMoved):
        await replace(ready, Branch(link(old[9]), link(old[12])), old[10:], finalized=-1, epoch=None)
    assert await counts(ready) == before


@pytest.mark.parametrize("first", [13, 15], ids=["right above", "above a hole"])
async def test_replace_below_blocks_that_a_backfill_stored_above_is_refused_whole(
    first: int, ready: asyncpg.Connection, clique: Network
) -> None:
    clique.devnet.advance(4)
    old = await clique.rows(0, 16)
    await store(ready, old[:13], finalized=-1)
    await store(ready, old[first:], finalized=-1)
    before = await counts(ready)
    with pytest.raises(CursorMoved, match="block 16 was absent when this step began"):
        await replace(ready, Branch(link(old[9]), link(old[12])), old[10:13], finalized=-1, epoch=None)
    assert await counts(ready) == before


async def test_replace_through_a_hole_tells_how_many_blocks_it_removed(
    ready: asyncpg.Connection, clique: Network
) -> None:
    clique.devnet.advance(4)
    old = await clique.rows(0, 16)
    await store(ready, old[:13], finalized=-1)
    await store(ready, old[15:], finalized=-1)
    clique.devnet.reorg(6)
    new = await clique.rows(11, clique.devnet.head.header.number)
    await replace(ready, Branch(link(old[10]), link(old[16])), new, finalized=-1, epoch=None)
    reorg = await ready.fetchrow("SELECT depth, ancestor_number, old_head_number FROM chain.reorgs")
    assert tuple(reorg or ()) == (4, 10, 16)
    assert await ready.fetchval("SELECT count(*) FROM chain.orphaned_blocks") == 4
    assert await ready.fetchval("SELECT count(*) FROM chain.coverage") == 1


async def test_replace_with_a_branch_that_does_not_follow_the_ancestor_is_refused_whole(
    ready: asyncpg.Connection, clique: Network
) -> None:
    old = await clique.rows(0, 12)
    await store(ready, old, finalized=-1)
    clique.devnet.reorg(5)
    new = await clique.rows(10, 12)  # its parent is the new block 9, not the stored one
    before = await counts(ready)
    with pytest.raises(SeamMismatch):
        await replace(ready, Branch(link(old[9]), link(old[12])), new, finalized=-1, epoch=None)
    assert await counts(ready) == before


async def test_store_overlap_found_only_in_coverage_is_a_conflict(
    ready: asyncpg.Connection, clique: Network
) -> None:
    await ready.execute(
        "INSERT INTO chain.coverage VALUES (int8range(2, 4), $1, $1)",
        bytes(32),
    )
    with pytest.raises(CoverageConflict):
        await store(ready, await clique.rows(0, 5), finalized=-1)
    assert (await counts(ready))["blocks"] == 0
