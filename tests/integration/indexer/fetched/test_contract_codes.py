"""Codes, clones and beacons: read once, known from a version on, taken back by a reorg."""

from typing import Any

import asyncpg

from evm.primitives import keccak256
from indexer.fetched.codes import recognise
from indexer.fetched.contract_codes import (
    BEACON_UPGRADED,
    ContractCode,
    fetch_contract_codes,
    store_contract_codes,
)
from indexer.fetched.pinned import select_pin
from tests.integration.indexer.chain_fixtures import Network
from tests.integration.indexer.fetched.fetching_fixtures import (
    Lies,
    fetching,
    reorganised,
    settled,
    stored,
)

IMPLEMENTATION = b"\xbe" * 20
CLONE = "0x363d3d373d3d3d363d73" + IMPLEMENTATION.hex() + "5af43d82803e903d91602b57fd5bf3"
IMPLEMENTATION_SELECTOR = "0x5c60da1b"


async def codes(connection: asyncpg.Connection) -> dict[bytes, dict[str, Any]]:
    return {row["address"]: dict(row) for row in await connection.fetch("SELECT * FROM chain.contract_codes")}


async def version(connection: asyncpg.Connection) -> int:
    return int(await connection.fetchval("SELECT version FROM chain.abi_state"))


async def test_every_contract_of_the_network_is_known_with_its_code_and_no_version_is_raised(
    connection: asyncpg.Connection, clique: Network, lies: Lies
) -> None:
    await stored(connection, clique)
    async with fetching(connection, clique.server.http_url) as worker:
        await settled(fetch_contract_codes, worker)
        found = await codes(connection)
        emitted = {row[0] for row in await connection.fetch("SELECT DISTINCT address FROM chain.logs")}
        assert emitted | set(clique.devnet.workload.contracts) <= found.keys()
        for address, row in found.items():
            code = clique.devnet.state.read(("code", address))
            code = code if isinstance(code, bytes) else b""
            assert (row["code_hash"], row["code_size"]) == (keccak256(code), len(code))
            assert row["kind"] == ("contract" if code else "none")
            assert row["version"] is None
        assert await version(connection) == 0
        lies.asked.clear()
        clique.devnet.advance(3)
        await stored(connection, clique, 31)
        await settled(fetch_contract_codes, worker)
        again = {bytes.fromhex(of[2:]) for method, of in lies.asked if method == "eth_getCode"}
        assert not {address for address in again if address in found and found[address]["kind"] == "contract"}


async def test_clone_and_beacon_raise_the_version_they_are_known_from_in_one_transaction(
    connection: asyncpg.Connection, clique: Network, lies: Lies
) -> None:
    await stored(connection, clique)
    clone, beacon = clique.devnet.workload.asset, b"\xbc" * 20
    lies.results["eth_getCode", "0x" + clone.hex()] = CLONE
    lies.results["eth_getCode", "0x" + beacon.hex()] = "0x6001"
    lies.results["eth_call", "0x" + beacon.hex(), IMPLEMENTATION_SELECTOR] = (
        "0x" + IMPLEMENTATION.hex().rjust(64, "0")
    )
    await connection.execute(
        "UPDATE chain.logs SET topic0 = $1, topic1 = $2 WHERE (block_number, log_index) ="
        " (SELECT block_number, log_index FROM chain.logs ORDER BY block_number DESC LIMIT 1)",
        BEACON_UPGRADED,
        beacon.rjust(32, b"\0"),
    )
    async with fetching(connection, clique.server.http_url) as worker:
        await settled(fetch_contract_codes, worker)
        found = await codes(connection)
        raised = await version(connection)
        assert raised >= 1
        assert (found[clone]["kind"], found[clone]["clone_of"]) == ("clone", IMPLEMENTATION)
        assert (found[beacon]["kind"], found[beacon]["beacon_implementation"]) == ("contract", IMPLEMENTATION)
        assert {row["version"] for row in found.values()} - {None} <= set(range(1, raised + 1))
        assert None not in (found[clone]["version"], found[beacon]["version"])

        # Read again with the same outcome nothing is news.
        pin = await select_pin(connection)
        assert pin is not None
        same = ContractCode(clone, recognise(bytes.fromhex(CLONE[2:])))
        await store_contract_codes(worker, pin, [same])
        assert await version(connection) == raised
        assert (await codes(connection))[clone]["version"] == found[clone]["version"]

        # What logs were read by stands after a reorg, until the node says otherwise; the rest goes.
        await reorganised(connection, clique, 2)
        assert {clone, beacon} <= (await codes(connection)).keys()
        assert all(row["version"] is not None for row in (await codes(connection)).values())
        await settled(fetch_contract_codes, worker)
        found = await codes(connection)
        assert {row["block_hash"] for row in found.values()} == {clique.devnet.head.hash}
        assert await version(connection) == raised
        await reorganised(connection, clique, 2)
        lies.results["eth_getCode", "0x" + clone.hex()] = "0x"
        await settled(fetch_contract_codes, worker)
    gone = (await codes(connection))[clone]
    assert (gone["kind"], gone["clone_of"]) == ("none", None)
    assert gone["version"] == await version(connection) == raised + 1


async def test_beacon_that_answers_no_address_is_a_contract(
    connection: asyncpg.Connection, clique: Network, lies: Lies
) -> None:
    await stored(connection, clique)
    beacon = b"\xbd" * 20
    lies.results["eth_call", "0x" + beacon.hex(), IMPLEMENTATION_SELECTOR] = "0x" + "ff" * 32
    await connection.execute("INSERT INTO chain.unread_codes VALUES ($1, 1, true)", beacon)
    async with fetching(connection, clique.server.http_url) as worker:
        await settled(fetch_contract_codes, worker)
    row = (await codes(connection))[beacon]
    assert (row["kind"], row["beacon_implementation"], row["version"]) == ("none", None, None)


async def test_account_that_gets_code_later_is_read_again(
    connection: asyncpg.Connection, clique: Network, lies: Lies
) -> None:
    await stored(connection, clique)
    address = clique.devnet.workload.pools[0]
    lies.results["eth_getCode", "0x" + address.hex()] = "0x"
    async with fetching(connection, clique.server.http_url) as worker:
        await settled(fetch_contract_codes, worker)
        assert (await codes(connection))[address]["kind"] == "none"
        lies.results["eth_getCode", "0x" + address.hex()] = "0xef0100" + IMPLEMENTATION.hex()
        clique.devnet.advance()
        await stored(connection, clique, 31)
        await connection.execute("UPDATE chain.logs SET address = $1 WHERE block_number = 31", address)
        await connection.execute(
            "UPDATE chain.transactions SET to_address = $1, input = '\\x01' WHERE block_number = 31", address
        )
        await settled(fetch_contract_codes, worker)
    row = (await codes(connection))[address]
    assert (row["kind"], row["delegated_to"], row["clone_of"]) == ("delegation", IMPLEMENTATION, None)
