"""Backfills that nobody kills: how many workers, which ranges, what nodes and databases do meanwhile."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from devnet.faults import NoFaults
from devnet.server import DevnetServer
from tests.database import DatabaseServer
from tests.devnet_faults import Answerless, AtExchange, FlippedStatus, LyingReceipts
from tests.integration.indexer.histories import HEAD, history, truth
from tests.oracle import assert_holds_chain, digests
from tests.processes import environment, pend_index, run_pend_index

WHOLE = ("backfill", "--from-block", "0", "--to-block", str(HEAD))


@pytest.fixture
async def server() -> AsyncIterator[DevnetServer]:
    async with DevnetServer(history()) as started:
        yield started


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_backfill_with_workers_stores_the_whole_history(
    workers: str, database: str, embedded_home: DatabaseServer, server: DevnetServer
) -> None:
    env = environment(database, server.http_url, backfill__segment_blocks=50)
    finished = await run_pend_index(*WHOLE, "--workers", workers, "--verify", "full", env=env)
    assert finished.code == 0, finished.output
    assert f"blocks 0 to {HEAD} are stored" in finished.stdout
    assert f"stored {HEAD + 1} of {HEAD + 1} blocks" in finished.stderr
    await assert_holds_chain(database, server.devnet)
    assert await digests(database) == await truth(embedded_home)


async def test_backfill_of_overlapping_ranges_twice_leaves_the_same_rows(
    embedded_database: str, embedded_home: DatabaseServer, server: DevnetServer
) -> None:
    env = environment(embedded_database, server.http_url, backfill__segment_blocks=30)
    for first, last in ((100, 180), (60, 140), (150, HEAD), (0, HEAD)):
        finished = await run_pend_index(
            "backfill", "--from-block", str(first), "--to-block", str(last), "--workers", "1", env=env
        )
        assert finished.code == 0, finished.output
    assert await digests(embedded_database) == await truth(embedded_home)
    before = await digests(embedded_database, history=True)
    finished = await run_pend_index("backfill", "--from-block", "0", env=env)
    assert finished.code == 0, finished.output
    assert "stored 0 of 0 blocks" in finished.stderr
    assert await digests(embedded_database, history=True) == before


async def test_two_backfills_of_one_range_at_once_both_succeed(
    embedded_database: str, embedded_home: DatabaseServer, server: DevnetServer
) -> None:
    env = environment(
        embedded_database,
        server.http_url,
        backfill__segment_blocks=40,
        backfill__commit_rows=20,
        node__retry_deadline_s=60,
    )
    both = await asyncio.gather(*(run_pend_index(*WHOLE, "--workers", "1", env=env) for _ in range(2)))
    assert [finished.code for finished in both] == [0, 0], both
    assert await digests(embedded_database) == await truth(embedded_home)


@pytest.mark.parametrize("level", ["light", "full"])
async def test_poison_blocks_are_quarantined_and_stored_once_the_node_is_honest(
    level: str, embedded_database: str, embedded_home: DatabaseServer, server: DevnetServer
) -> None:
    env = environment(embedded_database, server.http_url, node__batch_blocks_max=4, backfill__workers=1)
    server.faults = LyingReceipts({37, 120}) if level == "light" else FlippedStatus({37, 120})
    finished = await run_pend_index(*WHOLE, "--verify", level, env=env)
    assert finished.code == 1, finished.output
    assert "2 blocks could not be stored: 37, 120" in finished.stderr
    assert "chain.quarantined_blocks" in finished.stderr
    connection = await asyncpg.connect(embedded_database)
    assert [
        tuple(row)
        for row in await connection.fetch(
            "SELECT number, hash, attempts FROM chain.quarantined_blocks ORDER BY number"
        )
    ] == [(number, block_hash(server, number), 1) for number in (37, 120)]
    assert await connection.fetchval("SELECT count(*) FROM chain.blocks") == HEAD + 1 - 2
    if level == "light":
        finished = await run_pend_index(*WHOLE, env=env)
        assert finished.code == 1, finished.output
        assert await connection.fetchval("SELECT sum(attempts) FROM chain.quarantined_blocks") == 4
    await connection.close()

    server.faults = NoFaults()
    finished = await run_pend_index(*WHOLE, env=env)
    assert finished.code == 0, finished.output
    assert await digests(embedded_database) == await truth(embedded_home)


async def test_backfill_whose_connections_are_ended_goes_on(
    embedded_database: str, embedded_home: DatabaseServer, server: DevnetServer
) -> None:
    env = environment(
        embedded_database,
        server.http_url,
        backfill__segment_blocks=60,
        backfill__commit_rows=1,
        node__batch_blocks_max=5,
        node__retry_deadline_s=60,
    )
    admin = await asyncpg.connect(embedded_database)
    async with pend_index(*WHOLE, "--workers", "2", env=env) as running:
        for exchanges in (15, 10, 20):
            reached = asyncio.Event()
            server.faults = AtExchange(exchanges, reached.set)
            await running.until(reached.is_set, "the node is asked on")
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        finished = await running.finished()
    await admin.close()
    assert finished.code == 0, finished.output
    assert await digests(embedded_database) == await truth(embedded_home)


async def test_backfill_whose_node_goes_away_ends_with_3_and_is_resumable(
    embedded_database: str, embedded_home: DatabaseServer, server: DevnetServer
) -> None:
    env = environment(embedded_database, server.http_url, backfill__commit_rows=1, node__batch_blocks_max=5)
    async with pend_index(*WHOLE, "--workers", "2", env=env) as running:

        async def some_are_stored() -> bool:
            return bool(await stored_blocks(embedded_database))

        await running.until(some_are_stored, "the first commit")
        server.faults = Answerless()
        finished = await running.finished()
    assert finished.code == 3, finished.output
    assert server.http_url.removeprefix("http://") in finished.stderr
    assert "Traceback" not in finished.output
    server.faults = NoFaults()
    assert (await run_pend_index(*WHOLE, env=env)).code == 0
    assert await digests(embedded_database) == await truth(embedded_home)


def block_hash(server: DevnetServer, number: int) -> bytes:
    block = server.devnet.block(number)
    assert block is not None
    return block.hash


async def stored_blocks(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        count: int = await connection.fetchval("SELECT count(*) FROM chain.blocks")
    finally:
        await connection.close()
    return count
