"""Beacons: asked for their implementation however they were met, and only once their upgrades are known."""

import asyncpg
import pytest

from indexer.fetched.contract_codes import BEACON_UPGRADED, fetch_contract_codes
from tests.integration.indexer.chain_fixtures import Network
from tests.integration.indexer.fetched.fetching_fixtures import Lies, fetching, settled, stored

BEACON, IMPLEMENTATION = b"\xbc" * 20, b"\xbe" * 20
IMPLEMENTATION_SELECTOR = "0x5c60da1b"
HEAD = 30


@pytest.fixture
async def announced(connection: asyncpg.Connection, clique: Network, lies: Lies) -> None:
    """A proxy's log in a low block names a beacon, which answers with its implementation."""
    await stored(connection, clique)
    lies.results["eth_getCode", "0x" + BEACON.hex()] = "0x6001"
    lies.results["eth_call", "0x" + BEACON.hex(), IMPLEMENTATION_SELECTOR] = (
        "0x" + IMPLEMENTATION.hex().rjust(64, "0")
    )
    await connection.execute(
        "UPDATE chain.logs SET topic0 = $1, topic1 = $2 WHERE (block_number, log_index) ="
        " (SELECT block_number, log_index FROM chain.logs ORDER BY block_number LIMIT 1)",
        BEACON_UPGRADED,
        BEACON.rjust(32, b"\0"),
    )


async def implementation(connection: asyncpg.Connection) -> bytes | None:
    found: bytes | None = await connection.fetchval(
        "SELECT beacon_implementation FROM chain.contract_codes WHERE address = $1", BEACON
    )
    return found


@pytest.mark.usefixtures("announced")
async def test_beacon_that_was_read_as_a_contract_at_a_higher_block_is_asked_when_a_proxy_names_it(
    connection: asyncpg.Connection, clique: Network
) -> None:
    await connection.execute(
        "INSERT INTO chain.contract_codes (address, kind, code_hash, code_size, block_number, block_hash)"
        " SELECT $1, 'contract', '\\x01', 2, number, hash FROM chain.blocks WHERE number = $2",
        BEACON,
        HEAD,
    )
    async with fetching(connection, clique.server.http_url) as worker:
        await settled(fetch_contract_codes, worker)
    assert await implementation(connection) == IMPLEMENTATION


@pytest.mark.usefixtures("announced")
async def test_beacon_waits_until_its_upgrades_up_to_the_head_are_derived(
    connection: asyncpg.Connection, clique: Network, lies: Lies
) -> None:
    await connection.execute("INSERT INTO chain.derivations VALUES ('decoded_events', 0, $1)", HEAD - 1)
    async with fetching(connection, clique.server.http_url) as worker:
        await settled(fetch_contract_codes, worker)
        assert await implementation(connection) is None
        assert await connection.fetchval("SELECT address FROM chain.unread_codes") == BEACON
        await connection.execute("UPDATE chain.derivations SET derived_to = $1", HEAD)
        await settled(fetch_contract_codes, worker)
    assert await implementation(connection) == IMPLEMENTATION


@pytest.mark.usefixtures("announced")
async def test_beacon_whose_state_before_its_first_upgrade_is_gone_keeps_no_implementation(
    connection: asyncpg.Connection, clique: Network, lies: Lies
) -> None:
    await connection.execute(
        "INSERT INTO chain.proxy_implementations VALUES ($1, 20, 0, 0, 'implementation', $2)",
        BEACON,
        b"\xbf" * 20,
    )
    lies.errors["eth_call", "0x" + BEACON.hex(), IMPLEMENTATION_SELECTOR] = {"code": -32000, "message": "no"}
    del lies.results["eth_call", "0x" + BEACON.hex(), IMPLEMENTATION_SELECTOR]
    lies.results["eth_getBalance", "0x" + bytes(20).hex()] = None
    async with fetching(connection, clique.server.http_url) as worker:
        await settled(fetch_contract_codes, worker)
    assert await implementation(connection) is None
    assert await connection.fetchval("SELECT count(*) FROM chain.unread_codes") == 0
