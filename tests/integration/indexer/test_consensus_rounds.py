"""Consensus of stored blocks, against networks that know what happened in them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devnet.chain import Devnet
from devnet.server import DevnetServer
from evm.consensus import Consensus
from indexer.derive import deriver
from indexer.derive.consensus_rounds import CONSENSUS_ROUNDS, PAGE_BLOCKS
from indexer.derive.validator_hourly import VALIDATOR_HOURLY
from indexer.verify.derived import DerivedDifference, verify_derived
from tests.integration.indexer.sealed_chain import (
    CLIQUE_EPOCH,
    SECONDS,
    START_S,
    Made,
    bft_chain,
    clique_chain,
    resealed,
    store_headers,
)
from tests.oracle import index_once

BLOCKS = 160
DERIVATIONS = (CONSENSUS_ROUNDS, VALIDATOR_HOURLY)
TABLES = [table for derivation in DERIVATIONS for table in derivation.tables]
BFT = (Consensus.QBFT, Consensus.IBFT2)


@pytest.fixture
async def embedded_connection(embedded_database: str) -> AsyncIterator[asyncpg.Connection]:
    """For what does not depend on the home."""
    opened = await asyncpg.connect(embedded_database, server_settings={"search_path": "chain"})
    yield opened
    await opened.close()


async def apply(connection: asyncpg.Connection, first: int, last: int) -> None:
    async with connection.transaction():
        for derivation in DERIVATIONS:
            await derivation.apply(connection, first, last)


async def revert(connection: asyncpg.Connection, first: int, last: int) -> None:
    async with connection.transaction():
        for derivation in reversed(DERIVATIONS):
            await derivation.revert(connection, first, last)


async def contents(connection: asyncpg.Connection) -> dict[str, list[str]]:
    return {
        table: [
            row["line"]
            for row in await connection.fetch(f"SELECT t::text AS line FROM {table} AS t ORDER BY line")
        ]
        for table in TABLES
    }


def history(consensus: Consensus, seed: int) -> list[Made]:
    if consensus is Consensus.CLIQUE:
        return clique_chain(seed, BLOCKS)
    return bft_chain(seed, consensus, BLOCKS)


async def differences(dsn: str) -> list[tuple[str, dict[str, object]]]:
    """What `verify` finds wrong with the derived tables."""
    found: list[DerivedDifference] = []
    connection = await asyncpg.connect(dsn, server_settings={"search_path": "chain"})
    try:
        await verify_derived(connection, 0, BLOCKS, on_difference=found.append, derivations=DERIVATIONS)
    finally:
        await connection.close()
    return [(each.table, each.key) for each in found]


async def assert_rounds(connection: asyncpg.Connection, made: Sequence[Made]) -> None:
    rows = await connection.fetch(
        "SELECT r.*, v.validators FROM consensus_rounds AS r JOIN validators AS v ON v.from_block = r.set_from"
        " ORDER BY block_number"
    )
    assert [row["block_number"] for row in rows] == [block.header.number for block in made]
    for row, block in zip(rows, made, strict=True):
        missed = None if block.missed is None else list(block.missed)
        assert row["proposer"] == block.proposer
        assert (row["round"], row["missed"]) == (block.round, missed)
        assert row["committers"] == list(block.committers)
        assert row["validators"] == (list(block.validators) or None)
        assert (row["vote_address"], row["vote_add"]) == (block.vote or (None, None))


@pytest.mark.parametrize("consensus", BFT)
async def test_rounds_of_a_bft_chain_are_what_its_network_did_and_all_are_proven(
    connection: asyncpg.Connection, consensus: Consensus
) -> None:
    made = bft_chain(1, consensus, BLOCKS)
    await store_headers(connection, consensus, made)
    await apply(connection, 0, BLOCKS - 1)
    await assert_rounds(connection, made)
    assert await connection.fetchval("SELECT count(*) FILTER (WHERE proven) FROM consensus_rounds") == BLOCKS
    changes = await connection.fetch("SELECT * FROM validators ORDER BY from_block")
    assert len(changes) > 5
    assert any(row["removed"] for row in changes)
    for before, after in pairwise(changes):
        assert {*after["validators"]} == {*before["validators"], *after["added"]} - {*after["removed"]}
        assert made[after["from_block"] - 1].validators == tuple(before["validators"])


async def test_rounds_of_a_clique_chain_follow_its_votes_and_prove_nothing(
    connection: asyncpg.Connection,
) -> None:
    made = clique_chain(2, BLOCKS)
    await store_headers(connection, Consensus.CLIQUE, made)
    await apply(connection, 0, BLOCKS - 1)
    await assert_rounds(connection, made)
    rows = await connection.fetch(
        "SELECT * FROM consensus_rounds WHERE block_number > 0 ORDER BY block_number"
    )
    for row in rows:
        signers = made[row["block_number"]].validators
        assert row["in_turn"] is (signers[row["block_number"] % len(signers)] == row["proposer"])
    assert {row["proven"] for row in rows} == {None}
    epochs = await connection.fetch("SELECT from_block FROM validators WHERE epoch ORDER BY from_block")
    assert [row["from_block"] for row in epochs] == list(range(0, BLOCKS, CLIQUE_EPOCH))
    assert await connection.fetchval("SELECT count(*) FROM validators") > len(epochs) + 3


async def test_hours_of_validators_are_sums_over_their_blocks(
    embedded_connection: asyncpg.Connection,
) -> None:
    made = bft_chain(3, Consensus.QBFT, BLOCKS)
    await store_headers(embedded_connection, Consensus.QBFT, made)
    await apply(embedded_connection, 0, BLOCKS - 1)
    expected: dict[tuple[datetime, bytes], Counter[str]] = {}
    for block in made[1:]:
        at = START_S + block.header.number * SECONDS
        hour = datetime.fromtimestamp(at - at % 3600, UTC)

        def count(validator: bytes, what: str, when: datetime = hour) -> None:
            expected.setdefault((when, validator), Counter())[what] += 1

        count(block.proposer, "blocks_proposed")
        if block.round:
            count(block.proposer, "rounds_above_zero")
        for validator in block.missed or ():
            count(validator, "proposals_missed")
        for validator in block.committers:
            count(validator, "blocks_sealed")
        for validator in block.validators:
            count(validator, "blocks_in_set")
    rows = await embedded_connection.fetch("SELECT * FROM validator_hourly")
    assert {(row["hour"], row["validator"]) for row in rows} == {*expected}
    for row in rows:
        counts = expected[row["hour"], row["validator"]]
        assert {
            name: value for name, value in row.items() if name not in ("hour", "validator") and value
        } == counts


async def test_blocks_of_a_contracts_validators_are_unknown_and_their_hours_count_what_is_seen(
    embedded_connection: asyncpg.Connection,
) -> None:
    made = bft_chain(5, Consensus.QBFT, 60, contract=range(20, 40))
    await store_headers(embedded_connection, Consensus.QBFT, made)
    await apply(embedded_connection, 0, 59)
    rows = await embedded_connection.fetch("SELECT * FROM consensus_rounds ORDER BY block_number")
    assert {row["proven"] for row in rows[20:40]} == {None}
    assert {row["proven"] for row in rows[:20]} == {True}
    assert rows[40]["proven"] is True
    assert all((row["missed"] is None) is (row["round"] > 0) for row in rows[20:40])
    changes = await embedded_connection.fetch("SELECT * FROM validators WHERE from_block BETWEEN 20 AND 40")
    assert [(row["from_block"], row["validators"], row["added"]) for row in changes] == [
        (20, None, None),
        (40, list(made[40].validators), None),
    ]
    assert await embedded_connection.fetchval("SELECT sum(blocks_proposed) FROM validator_hourly") == 59
    in_set = sum(len(block.validators) for block in made[1:])
    assert await embedded_connection.fetchval("SELECT sum(blocks_in_set) FROM validator_hourly") == in_set


async def test_network_that_moved_from_ibft2_to_qbft_is_proven_throughout(
    embedded_connection: asyncpg.Connection,
) -> None:
    made = bft_chain(1, Consensus.IBFT2, 20) + bft_chain(1, Consensus.QBFT, 40)[20:]
    await store_headers(embedded_connection, Consensus.QBFT, made)
    await apply(embedded_connection, 0, 39)
    await assert_rounds(embedded_connection, made)
    assert await embedded_connection.fetchval("SELECT bool_and(proven) FROM consensus_rounds")


async def test_block_without_a_quorum_is_not_proven(embedded_connection: asyncpg.Connection) -> None:
    made = bft_chain(5, Consensus.QBFT, 12)
    made[7] = resealed(made[7], Consensus.QBFT, made[7].committers[:-1])
    await store_headers(embedded_connection, Consensus.QBFT, made)
    await apply(embedded_connection, 0, 11)
    assert await embedded_connection.fetchval(
        "SELECT array_agg(block_number) FROM consensus_rounds WHERE NOT proven"
    ) == [7]


async def test_malformed_block_has_no_row_and_the_others_go_on(
    embedded_connection: asyncpg.Connection,
) -> None:
    made = bft_chain(6, Consensus.QBFT, 30)
    await store_headers(embedded_connection, Consensus.QBFT, made)
    await embedded_connection.execute("UPDATE chain.blocks SET extra_data = '\\x01' WHERE number = 9")
    await apply(embedded_connection, 0, 29)
    once = await contents(embedded_connection)
    numbers = await embedded_connection.fetchval(
        "SELECT array_agg(block_number ORDER BY 1) FROM consensus_rounds"
    )
    assert numbers == [number for number in range(30) if number != 9]
    await revert(embedded_connection, 5, 29)
    for number in range(5, 30):
        await apply(embedded_connection, number, number)
    assert await contents(embedded_connection) == once
    await revert(embedded_connection, 0, 29)
    assert await contents(embedded_connection) == {table: [] for table in TABLES}


async def test_chain_of_more_blocks_than_a_page_is_the_same_as_block_by_block(
    embedded_connection: asyncpg.Connection,
) -> None:
    made = bft_chain(7, Consensus.QBFT, PAGE_BLOCKS + 40)
    await store_headers(embedded_connection, Consensus.QBFT, made)
    await apply(embedded_connection, 0, len(made) - 1)
    await assert_rounds(embedded_connection, made)
    assert await embedded_connection.fetchval("SELECT bool_and(proven) FROM consensus_rounds")


@pytest.mark.parametrize("consensus", [Consensus.QBFT, Consensus.IBFT2, Consensus.CLIQUE, Consensus.ETHEREUM])
async def test_devnet_of_each_consensus_is_told_as_devnet_knows_it(
    database: str, consensus: Consensus
) -> None:
    devnet = Devnet(11, consensus, history_blocks=40, transactions_per_block=1)
    async with DevnetServer(devnet) as server:
        await index_once(database, server.http_url, 0, 40)
    connection = await asyncpg.connect(database, server_settings={"search_path": "chain"})
    try:
        await deriver.register(connection, 0, DERIVATIONS)
        async with connection.transaction():
            await deriver.derive_next(connection, 10**6, DERIVATIONS)
        assert await differences(database) == []
        rows = await connection.fetch("SELECT * FROM consensus_rounds ORDER BY block_number")
        if consensus is Consensus.ETHEREUM:
            assert await contents(connection) == {table: [] for table in TABLES}
            return
        assert len(rows) == 41
        members = [pair.address for pair in devnet.validators]
        assert await connection.fetchval("SELECT validators FROM validators") == members
        assert {row["proven"] for row in rows} == ({None} if consensus is Consensus.CLIQUE else {True})
        for row in rows[1:]:
            block = devnet.block(row["block_number"])
            assert block is not None
            assert {*row["committers"]} <= {*members}
            if consensus is Consensus.CLIQUE:
                assert row["committers"] == [row["proposer"]]
                assert row["in_turn"] is (members[row["block_number"] % len(members)] == row["proposer"])
            else:
                assert row["proposer"] == block.header.miner
                assert len(row["committers"]) >= 3
                assert len(row["missed"]) == row["round"]
        await connection.execute("UPDATE consensus_rounds SET committers = '{}' WHERE block_number = 17")
        assert await differences(database) == [("consensus_rounds", {"block_number": 17})]
    finally:
        await connection.close()


@pytest.mark.parametrize("consensus", [Consensus.QBFT, Consensus.CLIQUE])
def test_rounds_by_any_ranges_with_reverts_in_between_are_those_applied_at_once(
    embedded_database: str, consensus: Consensus
) -> None:
    made = history(consensus, 8)
    splits = st.lists(st.tuples(st.integers(1, 60), st.none() | st.integers(1, 90)), min_size=1, max_size=8)

    async def prepare() -> dict[str, list[str]]:
        connection = await asyncpg.connect(embedded_database, server_settings={"search_path": "chain"})
        try:
            await store_headers(connection, consensus, made)
            await apply(connection, 0, BLOCKS - 1)
            once = await contents(connection)
            await revert(connection, 0, BLOCKS - 1)
            assert await contents(connection) == {table: [] for table in TABLES}
            return once
        finally:
            await connection.close()

    async def replay(steps: list[tuple[int, int | None]]) -> dict[str, list[str]]:
        connection = await asyncpg.connect(embedded_database, server_settings={"search_path": "chain"})
        try:
            head = -1
            for blocks, back in steps:
                last = min(head + blocks, BLOCKS - 1)
                if last > head:
                    await apply(connection, head + 1, last)
                    head = last
                if back is not None:
                    ancestor = max(head - back, -1)
                    await revert(connection, ancestor + 1, head)
                    head = ancestor
            if head < BLOCKS - 1:
                await apply(connection, head + 1, BLOCKS - 1)
            found = await contents(connection)
            await revert(connection, 0, BLOCKS - 1)
            return found
        finally:
            await connection.close()

    once = asyncio.run(prepare())

    @settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=False)
    @given(splits)
    def by_ranges(steps: list[tuple[int, int | None]]) -> None:
        assert asyncio.run(replay(steps)) == once

    by_ranges()
