"""Balances as the node knows them, each with its block, whatever is reorganised, forgotten or begun again."""

import asyncio

import asyncpg
import pytest

from devnet.state import balance_of
from evm.consensus import Consensus
from indexer.errors import CursorMoved
from indexer.fetched.native_balances import fetch_native_balances
from indexer.fetched.pinned import StateMissing, queries, require_pin, select_pin
from indexer.network import agree_on_network
from indexer.writer import store
from tests.integration.indexer.chain_fixtures import Network, network
from tests.integration.indexer.fetched.fetching_fixtures import (
    Lies,
    fetching,
    is_waiting,
    reorganised,
    settled,
    stored,
)
from tests.processes import eventually

TOUCHED = """
    SELECT DISTINCT address FROM (
        SELECT from_address AS address FROM chain.transactions WHERE block_number >= $1
        UNION ALL SELECT coalesce(to_address, contract_address) FROM chain.transactions WHERE block_number >= $1
        UNION ALL SELECT miner FROM chain.blocks WHERE number >= $1
        UNION ALL SELECT address FROM chain.logs WHERE block_number >= $1
    ) AS touched WHERE address IS NOT NULL
"""


async def touched(connection: asyncpg.Connection, first: int = 0) -> set[bytes]:
    return {row["address"] for row in await connection.fetch(TOUCHED, first)}


async def assert_true(connection: asyncpg.Connection, running: Network) -> None:
    """Every row is what the simulation itself says of that block, and none is missing."""
    rows = await connection.fetch(
        "SELECT address, balance, block_number, block_hash FROM chain.native_balances"
    )
    assert {row["address"] for row in rows} == await touched(connection)
    for row in rows:
        block = running.devnet.block(row["block_number"])
        assert block is not None
        assert block.hash == row["block_hash"]
        assert row["balance"] == running.devnet.state.at(row["block_number"])(balance_of(row["address"]))
    assert await connection.fetchval("SELECT count(*) FROM chain.unread_balances") == 0


async def test_balances_of_all_that_blocks_touch_are_read_and_later_only_of_what_is_touched_again(
    connection: asyncpg.Connection, clique: Network, lies: Lies
) -> None:
    await agree_on_network(connection, clique.node)
    await store(connection, await clique.rows(0, 25), finalized=-1)
    async with fetching(connection, clique.server.http_url) as worker:
        await settled(fetch_native_balances, worker)
        await assert_true(connection, clique)
        lies.asked.clear()
        await store(connection, await clique.rows(26, 30), finalized=-1)
        await settled(fetch_native_balances, worker)
        await assert_true(connection, clique)
        asked = {bytes.fromhex(of[2:]) for method, of in lies.asked if method == "eth_getBalance"}
        assert asked == await touched(connection, 26)
    # A worker that begins anew has nothing to do.
    lies.asked.clear()
    async with fetching(connection, clique.server.http_url) as another:
        assert await settled(fetch_native_balances, another) == 0
    assert lies.asked == []


async def test_reorg_removes_what_was_read_above_it_and_reads_it_anew(
    connection: asyncpg.Connection, clique: Network
) -> None:
    await stored(connection, clique)
    async with fetching(connection, clique.server.http_url) as worker:
        await settled(fetch_native_balances, worker)
        once = await touched(connection)
        ancestor = await reorganised(connection, clique, 4)
        assert await connection.fetchval("SELECT count(*) FROM chain.native_balances") == 0
        assert (
            await connection.fetchval(
                "SELECT last_block FROM chain.fetch_progress WHERE fetched = 'native_balances'"
            )
            == ancestor
        )
        await settled(fetch_native_balances, worker)
    rows = await connection.fetch("SELECT address, balance, block_hash FROM chain.native_balances")
    # Whoever was touched by the removed branch alone is read too: it costs a call and harms nothing.
    assert await touched(connection) <= {row["address"] for row in rows} <= once | await touched(connection)
    assert {row["block_hash"] for row in rows} == {clique.devnet.head.hash}
    for row in rows:
        assert row["balance"] == clique.devnet.state.read(balance_of(row["address"]))


async def test_reorg_below_which_balances_were_read_leaves_them(
    connection: asyncpg.Connection, clique: Network
) -> None:
    await agree_on_network(connection, clique.node)
    await store(connection, await clique.rows(0, 20), finalized=-1)
    async with fetching(connection, clique.server.http_url) as worker:
        await settled(fetch_native_balances, worker)
        before = await touched(connection)
        await store(connection, await clique.rows(21, 30), finalized=-1)
        await reorganised(connection, clique, 2)
        left = await connection.fetch("SELECT address FROM chain.native_balances WHERE block_number = 20")
        assert {row["address"] for row in left} == before
        await settled(fetch_native_balances, worker)
        await assert_true(connection, clique)


async def test_node_without_the_state_stores_nothing_until_the_head_is_pinned(
    connection: asyncpg.Connection,
) -> None:
    async with network(Consensus.CLIQUE, history=540, transactions_per_block=1) as running:
        await agree_on_network(connection, running.node)
        await store(connection, await running.rows(0, 12), finalized=-1)
        async with fetching(connection, running.server.http_url) as worker:
            with pytest.raises(StateMissing):
                await settled(fetch_native_balances, worker)
            assert await connection.fetchval("SELECT count(*) FROM chain.native_balances") == 0
            waiting = await connection.fetchval("SELECT count(*) FROM chain.unread_balances")
            assert waiting == len(await touched(connection))
            await store(connection, await running.rows(13, 540), finalized=-1)
            await settled(fetch_native_balances, worker)
            await assert_true(connection, running)


async def test_node_on_another_branch_is_not_believed(
    connection: asyncpg.Connection, clique: Network
) -> None:
    """Asked by hash, a node that has left the stored branch refuses; asked by number it would answer."""
    await stored(connection, clique)
    clique.devnet.reorg(3)
    async with fetching(connection, clique.server.http_url) as worker:
        with pytest.raises(StateMissing):
            await settled(fetch_native_balances, worker)
    assert await connection.fetchval("SELECT count(*) FROM chain.native_balances") == 0


async def test_pin_that_a_reorg_removed_meanwhile_is_refused_within_the_transaction(
    connection: asyncpg.Connection, clique: Network
) -> None:
    await stored(connection, clique)
    pin = await select_pin(connection)
    assert pin is not None
    async with connection.transaction():
        await require_pin(connection, pin)
    await reorganised(connection, clique, 2)
    with pytest.raises(CursorMoved):
        async with connection.transaction():
            await require_pin(connection, pin)


async def test_reorg_waits_for_balances_that_are_being_stored_and_removes_them(
    connection: asyncpg.Connection, database: str, clique: Network
) -> None:
    await stored(connection, clique)
    pin = await select_pin(connection)
    assert pin is not None
    other = await asyncpg.connect(database, server_settings={"search_path": "chain"})
    try:
        async with connection.transaction():
            await require_pin(connection, pin)
            reorg = asyncio.create_task(reorganised(other, clique, 2))
            await eventually(lambda: is_waiting(database, other), "the reorg waits")
            await queries.upsert_native_balances.many(connection, [b"\x01" * 20], ["1"], pin.number, pin.hash)
        await reorg
    finally:
        await other.close()
    assert await connection.fetchval("SELECT count(*) FROM chain.native_balances") == 0
    assert await connection.fetchval(
        "SELECT address FROM chain.unread_balances WHERE address = $1", b"\x01" * 20
    )
