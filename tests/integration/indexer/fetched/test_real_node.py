"""The same against a real EVM: balances, codes, clones, delegations and both formats of traces."""

from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
from web3 import Web3

from indexer.fetched.contract_codes import fetch_contract_codes
from indexer.fetched.fetching import Fetching
from indexer.fetched.internal_transfers import fetch_internal_transfers
from indexer.fetched.keep import Step
from indexer.fetched.native_balances import fetch_native_balances
from indexer.fetched.pinned import queries
from indexer.fetched.token_metadata import fetch_token_metadata
from indexer.network import agree_on_network
from indexer.rows import block_rows
from indexer.writer import store
from tests.acceptance import scenes
from tests.acceptance.contracts import OPENZEPPELIN, Chain, connected
from tests.anvil import Anvil, require_anvil, running_anvil
from tests.integration.indexer.fetched.fetching_fixtures import fetching, settled
from tests.integration.indexer.fetched.test_token_metadata import known_tokens

HEIR = "0x00000000000000000000000000000000000000fE"
# Sends what it is paid on: CALL with callvalue to the address, then stop.
FORWARDER = "6000600060006000" + "34" + "73" + HEIR[2:].lower() + "5af15000"
# The same, and then everything is reverted.
REVERTING = "6000600060006000" + "34" + "73" + HEIR[2:].lower() + "5af1" + "60006000fd"
# Creates an empty contract with what it is paid.
CREATOR = "60006000" + "34" + "f0" + "5000"


@pytest.fixture
def node() -> Iterator[Anvil]:
    with running_anvil(require_anvil()) as running:
        yield running


@pytest.fixture
def chain(node: Anvil) -> Chain:
    return connected(node)


def deploy(chain: Chain, runtime: str) -> str:
    """A contract of this code; init code copies what follows it."""
    size = len(runtime) // 2
    init = f"60{size:02x}80600b6000396000f3{runtime}"
    sent = chain.web3.eth.send_transaction(chain.sent_from(0, data="0x" + init))
    address = chain.mined(bytes(sent))["contractAddress"]
    assert address is not None
    return str(address)


def pay(chain: Chain, address: str, value: int) -> int:
    sent = chain.web3.eth.send_transaction(chain.sent_from(1, to=address, value=value))
    return int(chain.mined(bytes(sent))["blockNumber"])


async def index(connection: asyncpg.Connection, worker: Fetching, chain: Chain) -> None:
    """Everything of the node, in the database."""
    await agree_on_network(connection, worker.node)
    first = await connection.fetchval("SELECT coalesce(max(number) + 1, 0) FROM chain.blocks")
    blocks = await worker.node.fetch_blocks(range(first, chain.head() + 1), full=True)
    await store(connection, [block_rows(block) for block in blocks], finalized=-1)


def octets(address: Any) -> bytes:
    return bytes.fromhex(str(address)[2:])


async def test_tokens_and_codes_are_what_web3_reads(
    connection: asyncpg.Connection, node: Anvil, chain: Chain
) -> None:
    owner = chain.accounts[0]
    scenes.erc721(chain)
    token = chain.deploy(OPENZEPPELIN, "ERC20PresetFixedSupply", "Fixed ⚖", "FIX", 10**24, owner)
    original = octets(token.address)
    clones = {
        octets(deploy(chain, "363d3d373d3d3d363d73" + original.hex() + "5af43d82803e903d91602b57fd5bf3")),
        octets(deploy(chain, "365f5f375f5f365f73" + original.hex() + "5af43d5f5f3e5f3d91602a57fd5bf3")),
    }
    scenes.delegation(chain)
    scenes.proxies(chain)
    async with fetching(connection, node.http_url) as worker:
        await index(connection, worker, chain)
        await known_tokens(connection, dict.fromkeys((original, *clones), 20))
        await settled(fetch_token_metadata, worker)
        await settled(fetch_contract_codes, worker)
    for row in await connection.fetch("SELECT * FROM chain.token_metadata"):
        contract = chain.contract(
            OPENZEPPELIN, "ERC20PresetFixedSupply", Web3.to_checksum_address(row["token"])
        )
        assert row["state"] == "read"
        assert [row[key] for key in ("name", "symbol", "decimals", "total_supply")] == [
            contract.functions[name]().call(block_identifier=row["block_number"])
            for name in ("name", "symbol", "decimals", "totalSupply")
        ]
    rows = await connection.fetch("SELECT * FROM chain.contract_codes")
    assert {row["address"] for row in rows if row["clone_of"] == original} == clones
    for row in rows:
        code = chain.web3.eth.get_code(Web3.to_checksum_address(row["address"]))
        assert (row["code_size"], row["code_hash"]) == (len(code), bytes(Web3.keccak(code)))
    assert [row["kind"] for row in rows].count("delegation") == 1
    beacons = [row for row in rows if row["beacon_implementation"] is not None]
    assert len(beacons) == 1
    beacon = chain.contract(
        OPENZEPPELIN, "UpgradeableBeacon", Web3.to_checksum_address(beacons[0]["address"])
    )
    assert beacons[0]["beacon_implementation"] == octets(beacon.functions.implementation().call())


async def test_both_ways_of_tracing_find_the_same_and_balances_follow(
    connection: asyncpg.Connection, node: Anvil, chain: Chain
) -> None:
    paid = pay(chain, deploy(chain, FORWARDER), 7)
    reverted = pay(chain, deploy(chain, REVERTING), 8)
    creator = deploy(chain, CREATOR)
    created = pay(chain, creator, 9)
    found: dict[str, list[tuple[Any, ...]]] = {}
    for method in ("trace_block", "debug"):
        async with fetching(connection, node.http_url, traces=method, traced_blocks=10_000) as worker:
            if not await connection.fetchval("SELECT EXISTS (SELECT FROM chain.chain_state)"):
                await index(connection, worker, chain)
            await settled(fetch_internal_transfers, worker)
        states = await connection.fetch("SELECT DISTINCT state, fault FROM chain.traced_blocks")
        assert [tuple(row) for row in states] == [("traced", None)]
        rows = await connection.fetch(
            "SELECT block_number, transaction_index, trace_address, type, from_address, to_address, value,"
            " error IS NULL AS worked FROM chain.internal_transfers"
            " WHERE block_number >= $1 AND type IN ('call', 'create') ORDER BY 1, 2, 3",
            paid,
        )
        found[method] = [(*tuple(row)[:2], tuple(row["trace_address"]), *tuple(row)[3:]) for row in rows]
        await connection.execute("TRUNCATE chain.traced_blocks, chain.internal_transfers")
        await connection.execute("UPDATE chain.fetch_progress SET first_block = 0, last_block = -1")
    assert found["trace_block"] == found["debug"]
    told = {(row[0], row[3], int(row[6]), row[7]) for row in found["debug"]}
    assert told == {
        (paid, "call", 7, True),
        (reverted, "call", 8, False),
        (created, "create", 9, True),
    }
    # The heir was paid by a contract alone, which no fact says.
    assert await connection.fetchval(
        "SELECT EXISTS (SELECT FROM chain.unread_balances WHERE address = $1)", octets(HEIR)
    )
    step: Step = fetch_native_balances
    async with fetching(connection, node.http_url) as worker:
        await settled(step, worker)
        for _ in range(2):
            rows = await connection.fetch("SELECT address, balance, block_number FROM chain.native_balances")
            assert octets(HEIR) in {row["address"] for row in rows}
            for row in rows:
                assert row["balance"] == chain.web3.eth.get_balance(
                    Web3.to_checksum_address(row["address"]), block_identifier=row["block_number"]
                )
            # Once more after a reorg of the node's own.
            ancestor = chain.head() - 2
            chain.reorg(2)
            await connection.execute("DELETE FROM chain.coverage")
            await connection.execute("DELETE FROM chain.transactions WHERE block_number > $1", ancestor)
            await connection.execute("DELETE FROM chain.blocks")
            await queries.revert_fetched.exec(connection, ancestor)
            assert await connection.fetchval("SELECT count(*) FROM chain.native_balances") == 0
            blocks = await worker.node.fetch_blocks([chain.head()], full=True)
            await connection.execute("DELETE FROM chain.block_locations")
            await store(connection, [block_rows(block) for block in blocks], finalized=-1)
            await settled(step, worker)
