"""The verified-up-to watermark: contiguous, cut by a reorg with it, stopped by a difference, never in the way."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import msgspec
import pytest

from evm.consensus import Consensus
from indexer.chain import Link
from indexer.network import agree_on_network
from indexer.rows import BlockRows
from indexer.watermark import Checked, check_next
from indexer.writer import Branch, replace, store
from tests.integration.indexer.chain_fixtures import Network, network
from tests.integration.indexer.daemons import daemon, fills, follows
from tests.integration.indexer.weather import samples, shows
from tests.oracle import value
from tests.processes import environment, run_pend_index


@pytest.fixture
async def clique() -> AsyncIterator[Network]:
    async with network(Consensus.CLIQUE, history=30, transactions_per_block=2) as running:
        yield running


@pytest.fixture
async def ready(connection: asyncpg.Connection, clique: Network) -> asyncpg.Connection:
    await agree_on_network(connection, clique.node)
    return connection


def link(rows: BlockRows) -> Link:
    return Link(rows.number, rows.hash, rows.parent_hash)


async def verified(connection: asyncpg.Connection) -> tuple[int, int]:
    row = await connection.fetchrow("SELECT first_block, verified_to FROM chain.verification")
    assert row is not None
    return row["first_block"], row["verified_to"]


async def test_watermark_moves_over_what_is_stored_and_waits_at_a_hole(
    ready: asyncpg.Connection, clique: Network
) -> None:
    assert await check_next(ready, 10) == Checked(0, -1, 0, ()), "nothing is stored yet"
    await store(ready, await clique.rows(5, 12), finalized=-1)
    await store(ready, await clique.rows(15, 20), finalized=-1)
    assert await check_next(ready, 5) == Checked(5, 9, 5, ())
    assert await check_next(ready, 5) == Checked(5, 12, 3, ())
    assert await check_next(ready, 5) == Checked(5, 12, 0, ()), "the hole is not stepped over"
    await store(ready, await clique.rows(13, 14), finalized=-1)
    assert await check_next(ready, 50) == Checked(5, 20, 8, ())
    assert await verified(ready) == (5, 20)


async def test_watermark_begins_anew_when_lower_blocks_are_stored(
    ready: asyncpg.Connection, clique: Network
) -> None:
    await store(ready, await clique.rows(10, 12), finalized=-1)
    await check_next(ready, 50)
    assert await verified(ready) == (10, 12)
    await store(ready, await clique.rows(0, 3), finalized=-1)
    await check_next(ready, 50)
    assert await verified(ready) == (0, 3)
    await store(ready, await clique.rows(4, 9), finalized=-1)
    await check_next(ready, 50)
    assert await verified(ready) == (0, 12)


async def test_reorg_cuts_the_watermark_in_its_own_transaction(
    database: str, ready: asyncpg.Connection, clique: Network
) -> None:
    old = await clique.rows(0, 30)
    await store(ready, old, finalized=-1)
    await check_next(ready, 50)
    assert await verified(ready) == (0, 30)
    clique.devnet.reorg(5, 6)
    new = await clique.rows(26, 31)
    branch = Branch(link(old[25]), link(old[30]))
    other = await asyncpg.connect(database)
    async with other.transaction():
        await replace(other, branch, new, finalized=-1, epoch=None)
        assert await verified(ready) == (0, 30), "readers see the old branch with its watermark"
    await other.close()
    assert await verified(ready) == (0, 25)
    assert await check_next(ready, 50) == Checked(0, 31, 6, ())


async def test_check_that_read_the_old_branch_does_not_move_the_watermark_after_a_reorg(
    database: str, ready: asyncpg.Connection, clique: Network
) -> None:
    old = await clique.rows(0, 30)
    await store(ready, old, finalized=-1)
    await check_next(ready, 20)
    clique.devnet.reorg(5, 6)
    new = await clique.rows(26, 31)
    other = await asyncpg.connect(database)
    async with ready.transaction():
        # The check's UPDATE waits for this reorg, which does not lower a watermark of 19.
        await replace(ready, Branch(link(old[25]), link(old[30])), new, finalized=-1, epoch=None)
        waiting = asyncio.create_task(check_next(other, 50))
        waits = "SELECT $1 = ANY (SELECT pid FROM pg_locks WHERE NOT granted)"
        while not await ready.fetchval(waits, other.get_server_pid()):
            assert not waiting.done()
    assert (await waiting).blocks == 0, "what it checked is gone"
    assert await verified(ready) == (0, 19)
    assert await check_next(other, 50) == Checked(0, 31, 12, ())
    await other.close()


async def test_difference_stops_the_watermark_below_it_until_it_is_mended(
    ready: asyncpg.Connection, clique: Network
) -> None:
    await store(ready, await clique.rows(0, 30), finalized=-1)
    await ready.execute(
        "UPDATE chain.transactions SET value = value + 1 WHERE block_number = 12 AND transaction_index = 0"
    )
    checked = await check_next(ready, 50)
    assert (checked.last, {difference.number for difference in checked.differences}) == (11, {12})
    assert await verified(ready) == (0, 11)
    assert "block 12" in await ready.fetchval("SELECT difference FROM chain.verification")
    again = await check_next(ready, 50)
    assert (again.last, again.differences) == (11, checked.differences)
    await ready.execute(
        "UPDATE chain.transactions SET value = value - 1 WHERE block_number = 12 AND transaction_index = 0"
    )
    assert await check_next(ready, 50) == Checked(0, 30, 19, ())
    assert await ready.fetchval("SELECT difference FROM chain.verification") is None


async def test_daemon_verifies_behind_the_head_and_says_how_far(database: str, clique: Network) -> None:
    server = clique.server
    async with daemon(
        database, server, follow__max_reorg_depth=8, verify__background_blocks_per_s=1000
    ) as running:
        await fills(running, database)
        await shows(running, verified_block=30)
        server.devnet.advance(2)
        await follows(running, database, server)
        server.devnet.reorg(3)
        await follows(running, database, server)
        await shows(running, verified_block=server.devnet.head.header.number, verify_differences_total=0)
        head = server.devnet.head.header.number
        status = await run_pend_index("status", env=environment(database, server.http_url))
        assert f"verified     0…{head}\n" in status.stdout
        status = await run_pend_index("status", "--json", env=environment(database, server.http_url))
        report = msgspec.json.decode(status.stdout)
        assert (report["verified_from"], report["verified_to"], report["verify_difference"]) == (
            0,
            head,
            None,
        )


async def test_daemon_goes_on_indexing_above_a_difference_and_raises_an_alarm(
    embedded_database: str, clique: Network
) -> None:
    server = clique.server
    env = environment(embedded_database, server.http_url)
    assert (await run_pend_index("backfill", "--from-block", "0", env=env)).code == 0
    await value(embedded_database, "UPDATE chain.blocks SET gas_limit = 1 WHERE number = 9 RETURNING 1")
    async with daemon(
        embedded_database, server, follow__max_reorg_depth=8, verify__background_blocks_per_s=1000
    ) as running:
        await running.says("stored blocks are not what they should be")
        await shows(running, verified_block=8, verify_difference_block=9)
        found = (await samples(running, "verify_differences_total"))[()]
        assert found >= 1
        server.devnet.advance(3)
        await follows(running, embedded_database, server)
        assert (await samples(running, "verify_differences_total"))[()] == found, "counted once"
    status = await run_pend_index("status", env=env)
    assert "verified     0…8, stopped by block 9: header_hash" in status.stdout


async def test_daemon_told_not_to_verify_leaves_the_watermark_alone(
    embedded_database: str, clique: Network
) -> None:
    async with daemon(
        embedded_database, clique.server, follow__max_reorg_depth=8, verify__background_blocks_per_s=0
    ) as running:
        await fills(running, embedded_database)
        await shows(running, coverage_gaps=0)
    assert await value(embedded_database, "SELECT verified_to FROM chain.verification") == -1
