"""What is fetched and changes an answer is announced in the transaction that stores it, and nothing else is."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

import asyncpg
import pytest

from indexer.fetched.announcing import Fetched
from indexer.fetched.keep import STEPS
from indexer.network import agree_on_network
from indexer.writer import store
from tests.integration.indexer.chain_fixtures import Network
from tests.integration.indexer.fetched.fetching_fixtures import (
    Lies,
    fetching,
    is_waiting,
    settled,
    stored,
)
from tests.integration.indexer.fetched.test_internal_transfers import tell_all
from tests.processes import eventually

KINDS: Final[tuple[Fetched, ...]] = ("native_balances", "contract_codes", "internal_transfers")

# Rows that readers see, and how to have every one of them read again.
ROWS: Final[Mapping[Fetched, str]] = {
    "native_balances": "SELECT xmin::text, address FROM chain.native_balances",
    "contract_codes": "SELECT xmin::text, address FROM chain.contract_codes",
    "internal_transfers": "SELECT xmin::text, block_number FROM chain.traced_blocks WHERE state <> 'waiting'",
}
AGAIN: Final[Mapping[Fetched, str]] = {
    "native_balances": "INSERT INTO chain.unread_balances SELECT address, 1 FROM chain.native_balances",
    "contract_codes": "INSERT INTO chain.unread_codes SELECT address, 1 FROM chain.contract_codes",
    "internal_transfers": "UPDATE chain.traced_blocks SET next_try_at = now() WHERE state = 'failed'",
}


async def announced(connection: asyncpg.Connection, above: int = 0) -> list[dict[str, Any]]:
    rows = await connection.fetch(
        "SELECT xmin::text, * FROM chain.outbox WHERE sequence > $1 ORDER BY sequence", above
    )
    return [dict(row) | {"payload": json.loads(row["payload"])} for row in rows]


@pytest.fixture
async def held(connection: asyncpg.Connection, clique: Network, lies: Lies) -> Network:
    """A network whose blocks are stored, the first outbox row says so, and whose newest block cannot be traced."""
    await stored(connection, clique)
    tell_all(lies, clique)
    lies.results["trace_block", hex(clique.devnet.head.header.number)] = "rubbish"
    return clique


@pytest.mark.parametrize("kind", KINDS)
async def test_every_row_is_announced_in_its_own_transaction_and_read_again_alike_is_not(
    connection: asyncpg.Connection, held: Network, kind: Fetched
) -> None:
    heard: list[None] = []
    options = {"traces": "trace_block", "traced_blocks": 5}
    async with fetching(
        connection, held.server.http_url, on_announced=lambda: heard.append(None), **options
    ) as worker:
        await settled(STEPS[kind], worker)
        told, rows = await announced(connection, 1), await connection.fetch(ROWS[kind])
        assert len(rows) > 1
        assert {row["xmin"] for row in rows} == {row["xmin"] for row in told}
        assert len({row["xmin"] for row in told}) == len(told) == len(heard)
        assert [row["sequence"] for row in told] == list(range(2, len(told) + 2))
        assert {(row["kind"], row["payload"]["fetched"]) for row in told} == {("fetched", kind)}
        for row in told:
            block = held.devnet.block(row["from_block"])
            assert block is not None
            assert (row["to_block"], row["head_hash"]) == (row["from_block"], block.hash)
        if kind == "internal_transfers":
            assert {row["from_block"] for row in told} == {row["block_number"] for row in rows}
            assert all("addresses" not in row["payload"] for row in told)
        else:
            named = [address for row in told for address in row["payload"]["addresses"]]
            assert sorted(named) == sorted("0x" + row["address"].hex() for row in rows)
            assert all(len(row["payload"]["addresses"]) <= 100 for row in told)

        await connection.execute(AGAIN[kind])
        assert await settled(STEPS[kind], worker) >= 1
        assert len(await announced(connection, 1)) == len(told) == len(heard)


@pytest.mark.parametrize("kind", ["native_balances", "contract_codes"])
async def test_of_addresses_read_again_those_that_changed_are_named(
    connection: asyncpg.Connection, held: Network, lies: Lies, kind: Fetched
) -> None:
    richer = held.devnet.workload.asset
    async with fetching(connection, held.server.http_url) as worker:
        await settled(STEPS[kind], worker)
        before = len(await announced(connection))
        lies.results["eth_getBalance", "0x" + richer.hex()] = "0x7"
        lies.results["eth_getCode", "0x" + richer.hex()] = "0x6001"
        await connection.execute(AGAIN[kind])
        await settled(STEPS[kind], worker)
    (row,) = await announced(connection, before)
    assert row["payload"] == {"fetched": kind, "addresses": ["0x" + richer.hex()]}


async def test_block_that_is_traced_at_last_is_announced(
    connection: asyncpg.Connection, held: Network, lies: Lies
) -> None:
    options = {"traces": "trace_block", "traced_blocks": 5}
    async with fetching(connection, held.server.http_url, **options) as worker:
        await settled(STEPS["internal_transfers"], worker)
        before = len(await announced(connection))
        tell_all(lies, held)
        await connection.execute(AGAIN["internal_transfers"])
        await settled(STEPS["internal_transfers"], worker)
    (row,) = await announced(connection, before)
    assert row["from_block"] == held.devnet.head.header.number
    assert row["payload"] == {"fetched": "internal_transfers"}


@pytest.mark.parametrize("kind", KINDS)
async def test_rows_that_cannot_be_announced_are_not_stored(
    connection: asyncpg.Connection, held: Network, kind: Fetched
) -> None:
    await connection.execute("ALTER TABLE chain.outbox ADD CHECK (kind <> 'fetched')")
    heard: list[None] = []
    async with fetching(
        connection, held.server.http_url, on_announced=lambda: heard.append(None), traces="trace_block"
    ) as worker:
        with pytest.raises(Exception, match="outbox"):
            await settled(STEPS[kind], worker)
    assert await connection.fetch(ROWS[kind]) == []
    assert await connection.fetchval("SELECT outbox_sequence FROM chain.chain_state") == 1
    assert heard == []


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_fetched_beside_a_commit_that_hangs_has_a_later_number(
    connection: asyncpg.Connection, database: str, clique: Network, lies: Lies, kind: Fetched
) -> None:
    await agree_on_network(connection, clique.node)
    await store(connection, await clique.rows(0, 25), finalized=-1)
    tell_all(lies, clique)
    other = await asyncpg.connect(database, server_settings={"search_path": "chain"})
    try:
        async with fetching(other, clique.server.http_url, traces="trace_block") as worker:
            async with connection.transaction():
                await store(connection, await clique.rows(26, 30), finalized=-1)
                step = asyncio.create_task(_until_announced(worker.connection, kind, worker))
                await eventually(lambda: is_waiting(database, other), "the worker waits for the commit")
            await step
    finally:
        await other.close()
    told = [(row["sequence"], row["kind"]) for row in await announced(connection)]
    assert told == [(1, "blocks"), (2, "blocks"), (3, "fetched")]


async def _until_announced(connection: Any, kind: Fetched, worker: Any) -> None:
    while not await connection.fetchval("SELECT count(*) FROM chain.outbox WHERE kind = 'fetched'"):
        await STEPS[kind](worker)
