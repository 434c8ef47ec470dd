"""Derived equals recomputed (invariant 7): after any history, for every derivation there is."""

import asyncio
import random
from contextlib import contextmanager
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evm.consensus import Consensus
from indexer.chain import Link
from indexer.derive import deriver
from indexer.derive.registry import REGISTRY
from indexer.network import agree_on_network
from indexer.rows import BlockRows
from indexer.writer import Branch, derive_next, replace, store
from postgres.connections import Connection
from tests.database import DatabaseServer, fresh_database
from tests.integration.indexer.chain_fixtures import Network, network
from tests.integration.indexer.derive.derived import (
    connected,
    derived_digests,
    differences,
)
from tests.oracle import derive_once

HEAD = 24
_fresh = contextmanager(fresh_database)


def _link(rows: BlockRows) -> Link:
    return Link(rows.number, rows.hash, rows.parent_hash)


class History:
    """Blocks stored from both ends, derived in ranges of any size or with the block, and replaced."""

    def __init__(self, served: Network, connection: Connection, chance: random.Random) -> None:
        self.served, self.connection, self.chance = served, connection, chance
        self.stored: list[BlockRows] = []

    async def live(self) -> None:
        """Store the chain in pieces, some of them first above a hole, deriving and replacing on the way."""
        pieces = self._pieces(self.served.devnet.head.header.number)
        self.chance.shuffle(pieces)
        for first, last in pieces:
            await store(self.connection, await self.served.rows(first, last), finalized=-1)
            await self._derive_some()
        self.stored = await self.served.rows(0, self.served.devnet.head.header.number)
        for _ in range(self.chance.randint(2, 5)):
            await self.chance.choice([self._extend, self._reorg, self._reorg, self._derive_some])()
        await self._derive_some(every=True)

    def _pieces(self, head: int) -> list[tuple[int, int]]:
        cuts = sorted(
            {0, head + 1, *(self.chance.randint(1, head) for _ in range(self.chance.randint(0, 4)))}
        )
        return [(first, end - 1) for first, end in pairwise(cuts)]

    async def _derive_some(self, *, every: bool = False) -> None:
        rows = self.chance.choice([1, 7, 60, 100_000])
        while await derive_next(self.connection, rows) is not None:
            if not every and self.chance.random() < 0.4:
                return

    async def _extend(self) -> None:
        self.served.devnet.advance(self.chance.randint(1, 3))
        rows = await self.served.rows(self.stored[-1].number + 1, self.served.devnet.head.header.number)
        await store(self.connection, rows, finalized=-1, derives=self.chance.random() < 0.7)
        self.stored += rows

    async def _reorg(self) -> None:
        depth = self.chance.randint(1, 9)
        ancestor, head = self.stored[-1 - depth], self.stored[-1]
        self.served.devnet.reorg(depth, depth + self.chance.randint(-depth + 1, 2))
        rows = await self.served.rows(ancestor.number + 1, self.served.devnet.head.header.number)
        await replace(
            self.connection,
            Branch(_link(ancestor), _link(head)),
            rows,
            finalized=-1,
            epoch=None,
            derives=self.chance.random() < 0.7,
        )
        self.stored = [*self.stored[: ancestor.number + 1], *rows]


async def _lives(dsn: str, oracle: str, seed: int) -> None:
    async with network(Consensus.CLIQUE, history=HEAD, seed=seed % 7, transactions_per_block=5) as served:
        async with connected(dsn) as connection:
            await agree_on_network(connection, served.node)
            await deriver.register(connection, 0)
            history = History(served, connection, random.Random(seed))
            await history.live()
        async with connected(oracle) as connection:
            await agree_on_network(connection, served.node)
            await store(connection, history.stored, finalized=-1)
        await derive_once(oracle)
    assert await derived_digests(dsn) == await derived_digests(oracle)
    assert await differences(dsn, rows_per_range=40) == []


@settings(
    max_examples=7,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32))
def test_derived_tables_after_any_history_are_those_of_a_chain_derived_at_once(
    embedded_home: DatabaseServer, seed: int
) -> None:
    with _fresh(embedded_home) as dsn, _fresh(embedded_home) as oracle:
        asyncio.run(_lives(dsn, oracle, seed))


@pytest.mark.parametrize("seed", [1, 2])
def test_derived_tables_in_hypertables_are_those_of_a_chain_derived_at_once(
    timescale_home: DatabaseServer, seed: int
) -> None:
    with _fresh(timescale_home) as dsn, _fresh(timescale_home) as oracle:
        asyncio.run(_lives(dsn, oracle, seed))


async def test_reverting_every_block_leaves_nothing(embedded_database: str) -> None:
    async with network(Consensus.QBFT, history=HEAD) as served, connected(embedded_database) as connection:
        await agree_on_network(connection, served.node)
        await store(connection, await served.rows(0, HEAD), finalized=HEAD)
        await derive_once(embedded_database)
        filled = await derived_digests(embedded_database)
        async with connection.transaction():
            await deriver.revert(connection, -1)

    left = await derived_digests(embedded_database)
    assert [table for table, rows in left.items() if not rows.startswith("0 ")] == []
    assert len([rows for rows in filled.values() if not rows.startswith("0 ")]) >= len(REGISTRY)


async def test_derivation_waits_below_a_hole(embedded_database: str) -> None:
    async with network(Consensus.QBFT, history=HEAD) as served, connected(embedded_database) as connection:
        await agree_on_network(connection, served.node)
        await store(connection, await served.rows(0, 8), finalized=8)
        await store(connection, await served.rows(12, HEAD), finalized=HEAD, derives=True)
        await derive_once(embedded_database)
        below = {each.derived_to for each in await deriver.positions(connection)}
        await store(connection, await served.rows(9, 11), finalized=HEAD)
        await derive_once(embedded_database)
        whole = {each.derived_to for each in await deriver.positions(connection)}

    assert (below, whole) == ({8}, {HEAD})


async def test_block_stored_right_above_what_is_derived_is_derived_with_it(embedded_database: str) -> None:
    async with network(Consensus.QBFT, history=HEAD) as served, connected(embedded_database) as connection:
        await agree_on_network(connection, served.node)
        await store(connection, await served.rows(0, 20), finalized=20)
        await derive_once(embedded_database)
        for number in range(21, HEAD + 1):
            await store(connection, await served.rows(number, number), finalized=number, derives=True)
            assert {each.derived_to for each in await deriver.positions(connection)} == {number}

    assert await differences(embedded_database) == []


async def test_derivation_added_later_catches_up_alone(embedded_database: str) -> None:
    async with network(Consensus.QBFT, history=HEAD) as served, connected(embedded_database) as connection:
        await agree_on_network(connection, served.node)
        await store(connection, await served.rows(0, HEAD), finalized=HEAD)
        await derive_once(embedded_database)
        wanted = await derived_digests(embedded_database)
        await connection.execute(
            "DELETE FROM network_hourly; DELETE FROM network_daily; DELETE FROM addresses"
        )
        await connection.execute("DELETE FROM derivations WHERE derivation IN ('network', 'addresses')")
        await derive_once(embedded_database, rows=50)

    assert await derived_digests(embedded_database) == wanted


async def test_row_changed_by_hand_is_named(database: str) -> None:
    async with network(Consensus.QBFT, history=HEAD) as served, connected(database) as connection:
        await agree_on_network(connection, served.node)
        await store(connection, await served.rows(0, HEAD), finalized=HEAD)
        await derive_once(database)
        holder = await connection.fetchrow(
            "UPDATE token_balances SET balance = balance + 1 WHERE (token, holder) ="
            " (SELECT token, holder FROM token_balances WHERE balance > 0 ORDER BY token, holder LIMIT 1)"
            " RETURNING '0x' || encode(holder, 'hex') AS holder, balance"
        )
        await connection.execute(
            "DELETE FROM token_transfers WHERE block_number = (SELECT max(block_number) FROM token_transfers)"
        )
    found = await differences(database)

    assert holder is not None
    told = [str(difference) for difference in found if difference.table == "token_balances"]
    assert any(
        holder["holder"] in text and f"expected balance {holder['balance'] - 1:f}" in text for text in told
    )
    assert {difference.table for difference in found} == {"token_balances", "token_transfers"}
    assert all(each.stored is None for each in found if each.table == "token_transfers")
