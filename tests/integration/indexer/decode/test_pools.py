"""What the views say of pools and contracts is what the contracts themselves answer."""

from collections.abc import AsyncIterator

import pytest

from devnet import abi
from evm.consensus import Consensus
from indexer.network import agree_on_network
from indexer.writer import store
from node.client import NodeClient
from postgres.connections import OwnConnection
from tests.integration.indexer.chain_fixtures import network
from tests.integration.indexer.decode.facts import (
    Chain,
    Transaction,
    abi_of,
    address,
    candidate,
    chain,
    event,
    log,
    register,
    text,
)
from tests.integration.indexer.derive.derived import connected
from tests.oracle import derive_once

HEAD = 60
INVESTED, WITHDRAWN = (
    event(f"{name}(address indexed investor,uint256 amount)") for name in ("Invested", "Withdrawn")
)
POOL, SPLITTER = address(0xAA), address(0xBB)


@pytest.fixture
async def stored(database: str) -> AsyncIterator[tuple[OwnConnection, NodeClient]]:
    """A simulated network with pools, stored and derived, and its node."""
    async with (
        network(Consensus.QBFT, history=HEAD, transactions_per_block=12) as served,
        connected(database) as connection,
    ):
        await agree_on_network(connection, served.node)
        await store(connection, await served.rows(0, HEAD), finalized=HEAD)
        await derive_once(database, rows=500)
        await connection.execute("SET ROLE pend_explorer")
        yield connection, served.node


async def asked(node: NodeClient, contract: bytes, signature: str, *arguments: bytes) -> int:
    data = "0x" + abi.call(signature, *arguments).hex()
    return int(await node.call("eth_call", [{"to": "0x" + contract.hex(), "data": data}, "latest"]), 16)


async def test_positions_are_what_the_pools_answer(stored: tuple[OwnConnection, NodeClient]) -> None:
    connection, node = stored
    positions = await connection.fetch("SELECT * FROM chain.pool_positions")
    assert len(positions) > 10
    for row in positions:
        assert row["balance"] == row["invested"] - row["withdrawn"]
        assert row["balance"] == await asked(node, row["pool"], "investedOf(address)", row["wallet"])
    pools = await connection.fetch("SELECT * FROM chain.pools")
    assert sum(row["wallet_count"] for row in pools) == len(positions)
    for row in pools:
        assert row["balance"] == await asked(node, row["pool"], "totalInvested()")
    flows = await connection.fetch(
        "SELECT f.*, b.timestamp AS expected FROM chain.pool_flows AS f JOIN chain.blocks AS b ON b.number = f.block_number"
    )
    assert sum(row["amount"] if row["kind"] == "investment" else -row["amount"] for row in flows) == sum(
        row["balance"] for row in pools
    )
    assert all(row["timestamp"] == row["expected"] for row in flows)


async def test_interactions_are_the_calls_to_contracts(stored: tuple[OwnConnection, NodeClient]) -> None:
    connection, _ = stored
    rows = await connection.fetch(
        """
        SELECT t.block_number, t.transaction_index FROM chain.transactions AS t
        WHERE octet_length(t.input) >= 4 AND t.to_address IS NOT NULL
        EXCEPT SELECT block_number, transaction_index FROM chain.contract_interactions
        """
    )
    assert rows == []
    outcomes = {
        (row["method"], row["outcome"]): row["error"]
        for row in await connection.fetch(
            "SELECT DISTINCT method, outcome, error FROM chain.contract_interactions"
        )
    }
    assert outcomes["invest", "succeeded"] is None
    assert outcomes["withdraw", "failed"] == "InsufficientInvestment"
    counted, listed = await connection.fetchrow(  # type: ignore[misc]
        "SELECT (SELECT sum(interaction_count) FROM chain.contract_interaction_counts),"
        " (SELECT count(*) FROM chain.contract_interactions)"
    )
    assert counted == listed
    assert await connection.fetchval("SELECT count(*) FROM chain_text.contract_interaction_counts") > 0


async def test_wallet_is_found_without_reading_every_event(stored: tuple[OwnConnection, NodeClient]) -> None:
    connection, _ = stored
    await connection.execute("SET enable_seqscan = off")
    for view in ("pool_flows", "pool_positions"):
        plan = await connection.fetch(f"EXPLAIN SELECT * FROM chain.{view} WHERE wallet = $1", address(1))
        assert "pool_wallet" in "\n".join(row[0] for row in plan)


async def test_contract_that_only_pays_out_is_no_pool(embedded_database: str) -> None:
    async with chain(embedded_database) as made:
        await made.put(
            {
                0: [
                    Transaction(
                        logs=[
                            log(POOL, INVESTED, text(1), 10),
                            log(POOL, WITHDRAWN, text(1), 4),
                            log(SPLITTER, WITHDRAWN, text(1), 7),
                        ]
                    )
                ]
            }
        )
        assert await _positions(made) == [(POOL, address(1), 6)]


async def test_registered_abi_that_calls_things_otherwise_breaks_nothing(
    embedded_database: str, tmp_path: object
) -> None:
    odd = event("Invested(address amount,uint256 investor)")
    async with chain(embedded_database) as made:
        await register(made, candidate(tmp_path, "odd", abi_of(odd)))  # type: ignore[arg-type]
        await made.put(
            {0: [Transaction(logs=[log(POOL, odd, text(1), 10), log(POOL, INVESTED, text(1), 10)])]}
        )
        assert len(await made.events()) == 2
        assert await _positions(made) == [(POOL, address(1), 10)]


async def _positions(made: Chain) -> list[tuple[bytes, bytes, int]]:
    rows = await made.connection.fetch("SELECT pool, wallet, balance FROM chain.pool_positions")
    return [tuple(row) for row in rows]
