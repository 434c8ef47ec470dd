"""What a derivation's transaction is: all of a range or nothing, and one order of locks (invariant 7)."""

import asyncio

import asyncpg
import pytest

from evm.consensus import Consensus
from indexer.chain import Link
from indexer.derive import deriver
from indexer.network import agree_on_network
from indexer.rows import BlockRows
from indexer.writer import Branch, announce_derived, derive_next, replace, store
from postgres import errors as database_errors
from postgres.connections import Connection
from tests.integration.indexer.chain_fixtures import network
from tests.integration.indexer.derive.derived import connected, derived_digests
from tests.oracle import derive_once
from tests.processes import eventually

HEAD = 24


def _link(rows: BlockRows) -> Link:
    return Link(rows.number, rows.hash, rows.parent_hash)


async def _derived_to(connection: Connection) -> set[int]:
    return {each.derived_to for each in await deriver.positions(connection)}


@pytest.mark.parametrize("consensus", [Consensus.CLIQUE, Consensus.QBFT])
async def test_range_taken_back_leaves_what_was_derived_before_it(
    embedded_database: str, consensus: Consensus
) -> None:
    async with network(consensus, history=HEAD) as served, connected(embedded_database) as connection:
        await agree_on_network(connection, served.node)
        await store(connection, await served.rows(0, 4), finalized=-1)
        await derive_once(embedded_database)
        before = await derived_digests(embedded_database)
        await store(connection, await served.rows(5, HEAD), finalized=-1)
        await derive_once(embedded_database)
        between = await _derived_to(connection)
        async with connection.transaction():
            await deriver.revert(connection, 4)

        assert (between, await _derived_to(connection)) == ({HEAD}, {4})
    assert await derived_digests(embedded_database) == before


async def test_range_whose_last_statement_fails_leaves_nothing_of_it(embedded_database: str) -> None:
    async with network(Consensus.QBFT, history=HEAD) as served, connected(embedded_database) as connection:
        await agree_on_network(connection, served.node)
        await store(connection, await served.rows(0, HEAD), finalized=HEAD)
        await deriver.register(connection, 0)
        nothing = await derived_digests(embedded_database)
        await connection.execute("ALTER TABLE derivations ADD CONSTRAINT stop CHECK (derived_to < 10)")
        with pytest.raises(database_errors.DatabaseError):
            await derive_next(connection, 10**6)

        assert await _derived_to(connection) == {-1}
    assert await derived_digests(embedded_database) == nothing


async def test_block_stored_above_a_hole_is_not_derived_with_it(embedded_database: str) -> None:
    async with network(Consensus.QBFT, history=HEAD) as served, connected(embedded_database) as connection:
        await agree_on_network(connection, served.node)
        await store(connection, await served.rows(0, 8), finalized=8)
        await derive_once(embedded_database)
        before = await derived_digests(embedded_database)
        await store(connection, await served.rows(12, HEAD), finalized=HEAD, derives=True)

        assert await _derived_to(connection) == {8}
    assert await derived_digests(embedded_database) == before


async def test_reorg_beside_a_range_that_is_being_derived_waits_for_it_and_neither_fails(
    embedded_database: str,
) -> None:
    async with (
        network(Consensus.CLIQUE, history=HEAD) as served,
        connected(embedded_database) as connection,
        connected(embedded_database) as other,
    ):
        await agree_on_network(connection, served.node)
        old = await served.rows(0, HEAD)
        await store(connection, old, finalized=-1)
        await deriver.register(connection, 0)
        served.devnet.reorg(3)
        new = await served.rows(HEAD - 2, served.devnet.head.header.number)
        branch = Branch(_link(old[HEAD - 3]), _link(old[HEAD]))
        async with connection.transaction():
            derived = await deriver.derive_next(connection, 10**6)
            replacing = asyncio.create_task(replace(other, branch, new, finalized=-1, epoch=None))
            await eventually(lambda: _waits(embedded_database), "the reorg waits")
            assert derived is not None
            await announce_derived(connection, derived.first, derived.last)
        await replacing

        assert await _derived_to(connection) == {HEAD - 3}


async def _waits(dsn: str) -> bool:
    connection = await asyncpg.connect(dsn)
    try:
        return bool(
            await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        )
    finally:
        await connection.close()
