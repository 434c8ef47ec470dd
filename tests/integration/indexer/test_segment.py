"""A segment in this process: only what is missing, from one branch, without what nobody may store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from evm.consensus import Consensus
from indexer.backfill import plan
from indexer.fetch import FetchLimits
from indexer.network import agree_on_network
from indexer.segment import SegmentLimits, SegmentWriter, Stored
from indexer.writer import Committed, store
from postgres.pool import DatabaseSettings, open_pool
from tests.devnet_faults import AtExchange, FlippedStatus, LyingReceipts
from tests.integration.indexer.chain_fixtures import Network, network
from tests.invariants import assert_held, hold_at_every_commit
from tests.oracle import assert_holds_chain

BATCH_BLOCKS = 3


class _Segments:
    """A writer of segments on one network and database, and every commit it told of."""

    def __init__(self, writer: SegmentWriter, committed: list[Committed]) -> None:
        self.store = writer.store
        self.committed = committed


@asynccontextmanager
async def segments(
    served: Network, dsn: str, *, full: bool = False, commit_bytes: int = 2**24
) -> AsyncIterator[_Segments]:
    """One fetch in flight, so that questions to the node come in a known order."""
    committed: list[Committed] = []
    connection = await asyncpg.connect(dsn)
    try:
        agreed = await agree_on_network(connection, served.node)
    finally:
        await connection.close()
    limits = SegmentLimits(
        FetchLimits(in_flight_max=1, batch_blocks_max=BATCH_BLOCKS, queue_bytes_max=2**24),
        commit_rows=2**20,
        commit_bytes=commit_bytes,
        full=full,
        outage_max_s=2.0,
    )
    async with await open_pool(DatabaseSettings(dsn, "test of segments")) as pool:
        writer = SegmentWriter(
            served.node, pool, agreed, limits, on_commit=lambda each, _seconds: committed.append(each)
        )
        yield _Segments(writer, committed)


async def value(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_segment_stored_in_part_gets_only_what_is_missing(embedded_database: str) -> None:
    async with network(Consensus.CLIQUE, history=20) as served, segments(served, embedded_database) as own:
        assert await own.store((5, 9)) == Stored(blocks=5)
        assert await own.store((0, 20)) == Stored(blocks=16)
        assert await own.store((0, 20)) == Stored(blocks=0)
        assert [(each.first, each.last) for each in own.committed] == [(5, 9), (0, 4), (10, 20)]
        await assert_holds_chain(embedded_database, served.devnet)


async def test_segment_of_large_blocks_commits_by_bytes_before_it_has_many_rows(
    embedded_database: str,
) -> None:
    async with network(Consensus.CLIQUE, history=20) as served:
        rows = await served.rows(0, 20)
        limit = 2 * max(each.memory_bytes for each in rows)
        async with segments(served, embedded_database, commit_bytes=limit) as own:
            await own.store((0, 20))
        size = {each.number: each.memory_bytes for each in rows}
        # One batch may come on top of what was just below the limit.
        held = [sum(size[number] for number in range(each.first, each.last + 1)) for each in own.committed]
        assert len(held) > 2
        assert max(held) < limit + BATCH_BLOCKS * max(size.values())
        await assert_holds_chain(embedded_database, served.devnet)


async def test_plan_of_a_range_stored_in_part_is_what_is_missing(embedded_database: str) -> None:
    async with network(Consensus.CLIQUE, history=20) as served:
        connection = await asyncpg.connect(embedded_database)
        try:
            await agree_on_network(connection, served.node)
            await store(connection, await served.rows(5, 9), finalized=-1)
            await store(connection, await served.rows(13, 14), finalized=-1)
            assert await plan(connection, 2, 18, 8, workers=1) == [(2, 4), (10, 12), (15, 15), (16, 18)]
            assert await plan(connection, 5, 9, 8, workers=2) == []
            # Ten blocks are missing: two segments for each of two workers are of at most two.
            shared = await plan(connection, 2, 18, 8, workers=2)
            assert shared == [(2, 3), (4, 4), (10, 11), (12, 12), (15, 15), (16, 17), (18, 18)]
        finally:
            await connection.close()


async def test_segment_during_a_reorg_is_stored_from_one_branch(embedded_database: str) -> None:
    """The node changes its mind between two batches of one commit (LESSONS.md 3.15, invariant 2)."""
    async with (
        # Without transactions: the same one in two blocks would be refused by its location's key.
        network(Consensus.CLIQUE, history=20, transactions_per_block=0) as served,
        segments(served, embedded_database) as own,
    ):

        def replace_all() -> None:
            served.devnet.reorg(20, 20)

        # After the first batch was fetched, before the last one is.
        served.server.faults = AtExchange(6, replace_all)
        stored = await own.store((0, 20))
        assert stored.poisoned == []
        await hold_at_every_commit(embedded_database)  # not before: a commit refused would be tried again
        await assert_held(embedded_database)
        await assert_holds_chain(embedded_database, served.devnet)


@pytest.mark.parametrize("level", ["light", "full"])
async def test_segment_with_a_lying_node_sets_the_block_aside_and_stores_the_rest(
    level: str, embedded_database: str
) -> None:
    lie = LyingReceipts if level == "light" else FlippedStatus
    async with (
        network(Consensus.CLIQUE, history=20) as served,
        segments(served, embedded_database, full=level == "full") as own,
    ):
        await hold_at_every_commit(embedded_database)
        served.server.faults = lie({7})
        assert await own.store((0, 20)) == Stored(blocks=20, poisoned=[7])
    assert await value(embedded_database, "SELECT count(*) FROM chain.blocks WHERE number = 7") == 0
    expected = "receipt_gas" if level == "light" else "receipts_root"
    assert (
        await value(embedded_database, "SELECT kind FROM chain.quarantined_blocks WHERE number = 7")
        == expected
    )


async def test_segment_of_a_chain_with_immediate_finality_is_final(embedded_database: str) -> None:
    async with network(Consensus.QBFT, history=9) as served, segments(served, embedded_database) as own:
        await own.store((0, 6))
        assert await value(embedded_database, "SELECT finalized_number FROM chain.chain_state") == 6


async def test_segment_of_a_chain_without_immediate_finality_says_nothing_about_it(
    embedded_database: str,
) -> None:
    async with network(Consensus.CLIQUE, history=9) as served, segments(served, embedded_database) as own:
        await own.store((0, 6))
        finalized = await value(
            embedded_database, "SELECT coalesce(finalized_number, -1) FROM chain.chain_state"
        )
        assert finalized == -1
