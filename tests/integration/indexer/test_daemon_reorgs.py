"""Reorgs as the daemon meets them: replaced in one transaction where they may be, refused where not."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import asyncpg
import pytest

from devnet.chain import Devnet
from devnet.faults import NoFaults
from devnet.server import DevnetServer
from evm.consensus import Consensus
from tests.database import DatabaseServer
from tests.devnet_faults import Lagging
from tests.integration.indexer.daemons import daemon, fills, follows
from tests.integration.indexer.histories import truth_of
from tests.invariants import assert_held, hold_at_every_commit
from tests.oracle import assert_holds_chain, digests, tip, value

DEPTH = 8


@asynccontextmanager
async def network(consensus: Consensus, history: int = 30) -> AsyncIterator[DevnetServer]:
    async with DevnetServer(
        Devnet(31, consensus, history_blocks=history, transactions_per_block=2)
    ) as server:
        yield server


async def reads_one_chain(dsn: str, seen: set[bytes]) -> None:
    """Read until cancelled: every snapshot is one linked chain from 0 without a hole (invariant 3)."""
    connection = await asyncpg.connect(dsn)
    try:
        while True:
            rows = await connection.fetch(
                "SELECT number, hash, parent_hash FROM chain.blocks ORDER BY number"
            )
            assert [row["number"] for row in rows] == list(range(len(rows)))
            for below, above in pairwise(rows):
                assert above["parent_hash"] == below["hash"]
            seen.add(rows[-1]["hash"])
    finally:
        connection.terminate()


@pytest.mark.parametrize("ws", [True, False], ids=["websocket", "polling"])
async def test_reorg_on_clique_is_replaced_in_one_transaction(
    ws: bool, database: str, embedded_home: DatabaseServer
) -> None:
    await hold_at_every_commit(database)
    async with network(Consensus.CLIQUE) as server:
        async with daemon(database, server, ws=ws, follow__max_reorg_depth=DEPTH) as running:
            await fills(running, database)
            await follows(running, database, server)
            old_head = server.devnet.head
            seen: set[bytes] = set()
            reader = asyncio.create_task(reads_one_chain(database, seen))
            await running.until(lambda: old_head.hash in seen, "the reader reads")
            change = server.devnet.reorg(5)
            await follows(running, database, server)
            await running.until(
                lambda: server.devnet.head.hash in seen or reader.done(), "it reads the new head"
            )
            reader.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reader
            metrics = await running.metrics()
        connection = await asyncpg.connect(database)
        row = await connection.fetchrow("SELECT * FROM chain.reorgs")
        assert row is not None
        orphaned = await connection.fetch("SELECT * FROM chain.orphaned_blocks ORDER BY number DESC")
        told = await connection.fetch(
            "SELECT * FROM chain.outbox WHERE sequence >= $1 ORDER BY sequence LIMIT 2", row["sequence"]
        )
        await connection.close()
        await assert_holds_chain(database, server.devnet)
        assert await digests(database) == await truth_of(server, embedded_home)

    ancestor = change.added[0].header.number - 1
    assert (row["ancestor_number"], row["ancestor_hash"]) == (ancestor, change.added[0].header.parent_hash)
    assert (row["old_head_number"], row["old_head_hash"]) == (old_head.header.number, old_head.hash)
    assert row["depth"] == 5
    assert row["transactions_removed"] == sum(len(block.transactions) for block in change.removed)
    assert [
        (block["number"], block["hash"], block["parent_hash"], block["miner"], block["transaction_count"])
        for block in orphaned
    ] == [
        (
            block.header.number,
            block.hash,
            block.header.parent_hash,
            block.header.miner,
            len(block.transactions),
        )
        for block in change.removed
    ]
    assert [(event["kind"], event["from_block"]) for event in told] == [
        ("reorg", ancestor + 1),
        ("blocks", ancestor + 1),
    ]
    assert metrics["pend_indexer_reorgs_total"] == 1
    assert metrics["pend_indexer_reorg_depth_blocks_sum"] == 5


async def test_reorgs_one_after_the_other_end_on_the_last_branch(
    embedded_database: str, embedded_home: DatabaseServer
) -> None:
    await hold_at_every_commit(embedded_database)
    async with network(Consensus.CLIQUE) as server:
        async with daemon(embedded_database, server, ws=True, follow__max_reorg_depth=DEPTH) as running:
            await fills(running, embedded_database)
            for depth in (1, 3, 2, 4, 1):
                server.devnet.reorg(depth)
                server.devnet.advance()
            await follows(running, embedded_database, server)
        await assert_holds_chain(embedded_database, server.devnet)
        assert await digests(embedded_database) == await truth_of(server, embedded_home)


async def test_reorg_while_the_daemon_is_off_is_found_at_the_next_start(
    embedded_database: str, embedded_home: DatabaseServer
) -> None:
    await hold_at_every_commit(embedded_database)
    async with network(Consensus.CLIQUE) as server:
        async with daemon(embedded_database, server, follow__max_reorg_depth=DEPTH) as running:
            await fills(running, embedded_database)
            await follows(running, embedded_database, server)
            running.send(signal.SIGTERM)
            assert (await running.finished()).code == 0
        server.devnet.reorg(6)
        server.devnet.advance(40)
        async with daemon(embedded_database, server, follow__max_reorg_depth=DEPTH) as running:
            await follows(running, embedded_database, server)
        await assert_holds_chain(embedded_database, server.devnet)
        assert await digests(embedded_database) == await truth_of(server, embedded_home)
    assert await value(embedded_database, "SELECT depth FROM chain.reorgs") == 6


@pytest.mark.parametrize("advanced", [0, 30], ids=["at the head", "and a gap"])
@pytest.mark.parametrize("depth", [1, 3])
async def test_any_reorg_on_qbft_stops_the_daemon_with_6_and_changes_nothing(
    depth: int, advanced: int, embedded_database: str
) -> None:
    async with network(Consensus.QBFT) as server:
        async with daemon(embedded_database, server, follow__max_reorg_depth=DEPTH) as running:
            await fills(running, embedded_database)
            await follows(running, embedded_database, server)
            await running.says("gaps filled")
            before = await digests(embedded_database, history=True)
            change = server.devnet.reorg(depth)
            server.devnet.advance(advanced) if advanced else None
            finished = await running.finished()
        after = await digests(embedded_database, history=True)
    assert finished.code == 6, finished.output
    assert "Traceback" not in finished.output
    lost = change.removed[-1] if advanced == 0 else change.removed[0]
    assert "is final with hash 0x" in finished.stderr
    assert f"block {lost.header.number}" in finished.stderr or depth > 1
    assert "Stored data was not changed" in finished.stderr
    assert after == before


async def test_reorg_deeper_than_allowed_stops_the_daemon_with_6_and_changes_nothing(
    embedded_database: str,
) -> None:
    async with network(Consensus.CLIQUE) as server:
        async with daemon(embedded_database, server, ws=True, follow__max_reorg_depth=DEPTH) as running:
            await fills(running, embedded_database)
            await follows(running, embedded_database, server)
            await running.says("gaps filled")
            before = await digests(embedded_database, history=True)
            server.devnet.reorg(DEPTH + 1)
            finished = await running.finished()
        assert finished.code == 6, finished.output
        assert "Traceback" not in finished.output
        assert "Stored data was not changed" in finished.stderr
        assert await digests(embedded_database, history=True) == before

        # Nor does the next start change anything.
        async with daemon(embedded_database, server, follow__max_reorg_depth=DEPTH) as running:
            finished = await running.finished()
        assert finished.code == 6, finished.output
        after = await digests(embedded_database, history=True)
        assert {table: after[table] for table in after if table != "chain.chain_state"} == {
            table: before[table] for table in before if table != "chain.chain_state"
        }


async def test_reorg_as_deep_as_allowed_is_replaced(embedded_database: str) -> None:
    await hold_at_every_commit(embedded_database)
    async with network(Consensus.CLIQUE) as server:
        async with daemon(embedded_database, server, ws=True, follow__max_reorg_depth=DEPTH) as running:
            await fills(running, embedded_database)
            await follows(running, embedded_database, server)
            server.devnet.reorg(DEPTH)
            await follows(running, embedded_database, server)
        await assert_holds_chain(embedded_database, server.devnet)


@pytest.mark.parametrize("consensus", [Consensus.QBFT, Consensus.CLIQUE])
@pytest.mark.parametrize("back", [3, 20], ids=["inside the window", "far below it"])
async def test_head_that_moves_back_is_a_lagging_node_and_no_reorg(
    back: int, consensus: Consensus, embedded_database: str
) -> None:
    async with network(consensus) as server:
        async with daemon(embedded_database, server, follow__max_reorg_depth=DEPTH) as running:
            await fills(running, embedded_database)
            await follows(running, embedded_database, server)
            head = server.devnet.head.header.number
            server.faults = Lagging(server.devnet, head - back)

            async def lag_is_seen() -> bool:
                return (await running.metrics())["pend_indexer_head_block"] == head - back

            await running.until(lag_is_seen, "the daemon sees the lagging head")
            assert await tip(embedded_database) == head
            server.faults = NoFaults()
            server.devnet.advance(2)
            await follows(running, embedded_database, server)
        await assert_holds_chain(embedded_database, server.devnet)
    assert await value(embedded_database, "SELECT count(*) FROM chain.reorgs") == 0


async def test_branch_that_is_shorter_but_canonical_is_followed(embedded_database: str) -> None:
    await hold_at_every_commit(embedded_database)
    async with network(Consensus.CLIQUE) as server:
        async with daemon(embedded_database, server, follow__max_reorg_depth=DEPTH) as running:
            await fills(running, embedded_database)
            await follows(running, embedded_database, server)
            server.devnet.reorg(5, 2)
            await follows(running, embedded_database, server)
            await assert_held(embedded_database)
            server.devnet.advance(6)
            await follows(running, embedded_database, server)
        await assert_holds_chain(embedded_database, server.devnet)
