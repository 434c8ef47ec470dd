"""Traces of the newest blocks first; what is no answer is none; what a reorg removes is traced anew."""

from typing import Any

import asyncpg
import pytest

from indexer.fetched.internal_transfers import ATTEMPTS_MAX, fetch_internal_transfers
from node.errors import MethodMissing
from tests.integration.indexer.chain_fixtures import Network
from tests.integration.indexer.fetched.fetching_fixtures import (
    REVERTED,
    Lies,
    fetching,
    reorganised,
    settled,
    stored,
)

PAYER, PAID = b"\xaa" * 20, b"\xbb" * 20


def traces_of(running: Network, number: int, *, value: int = 5) -> list[dict[str, Any]]:
    """What Besu's trace_block says of a block in whose first transaction a contract pays somebody."""
    block = running.devnet.block(number)
    assert block is not None
    hash_ = "0x" + block.hash.hex()
    call = {"callType": "call", "from": "0x" + PAYER.hex(), "to": "0x" + PAID.hex(), "value": "0x0"}

    def trace(position: int | None, place: list[int], **more: Any) -> dict[str, Any]:
        one = {"type": "call", "action": call, "result": {"gasUsed": "0x1"}, "traceAddress": place}
        return one | {"transactionPosition": position, "blockHash": hash_} | more

    roots = [trace(position, []) for position in range(len(block.transactions))]
    paid = trace(0, [0], action=call | {"value": hex(value)})
    return [*roots, paid, trace(None, [], type="reward", action={"author": "0x00", "value": "0x0"})]


def tell_all(lies: Lies, running: Network) -> None:
    lies.results["trace_block",] = []
    for number in range(running.devnet.head.header.number + 1):
        lies.results["trace_block", hex(number)] = traces_of(running, number)


async def states(connection: asyncpg.Connection) -> dict[int, str]:
    rows = await connection.fetch("SELECT block_number, state FROM chain.traced_blocks")
    return {row["block_number"]: row["state"] for row in rows}


async def with_transactions(connection: asyncpg.Connection, above: int) -> set[int]:
    rows = await connection.fetch(
        "SELECT number FROM chain.blocks WHERE transaction_count > 0 AND number > $1", above
    )
    return {row["number"] for row in rows}


async def test_newest_blocks_are_traced_newest_first_and_each_once(
    connection: asyncpg.Connection, clique: Network, lies: Lies
) -> None:
    await stored(connection, clique)
    tell_all(lies, clique)
    async with fetching(connection, clique.server.http_url, traces="auto", traced_blocks=12) as worker:
        await settled(fetch_internal_transfers, worker)
        asked = [int(of, 16) for method, of in lies.asked if method == "trace_block"]
        assert asked == sorted(await with_transactions(connection, 18), reverse=True)
        assert set((await states(connection)).values()) == {"traced"}
        rows = await connection.fetch("SELECT * FROM chain.internal_transfers ORDER BY block_number DESC")
        assert [row["block_number"] for row in rows] == asked
        transfer = ([0], "call", PAYER, PAID, 5, 1, None)
        assert all(tuple(row)[1:] == (0, *transfer) for row in rows)
        # Whom they paid is read anew; nothing else says so.
        queued = await connection.fetch("SELECT address, block_number FROM chain.unread_balances")
        assert {tuple(row) for row in queued} == {(PAYER, asked[0]), (PAID, asked[0])}
        lies.asked.clear()
        assert await settled(fetch_internal_transfers, worker) == 0
        assert lies.asked == []


@pytest.mark.parametrize("nothing", [[], None])
async def test_nothing_is_no_answer_and_is_asked_again_a_few_times(
    connection: asyncpg.Connection, clique: Network, lies: Lies, nothing: Any
) -> None:
    await stored(connection, clique)
    tell_all(lies, clique)
    missing = max(await with_transactions(connection, 0))
    lies.results["trace_block", hex(missing)] = nothing
    async with fetching(connection, clique.server.http_url, traces="trace_block", traced_blocks=5) as worker:
        for attempts in range(1, ATTEMPTS_MAX + 1):
            await settled(fetch_internal_transfers, worker)
            row = await connection.fetchrow(
                "SELECT * FROM chain.traced_blocks WHERE block_number = $1", missing
            )
            assert row is not None
            assert (row["state"], row["attempts"]) == ("state_missing", attempts)
            assert (row["next_try_at"] is None) == (attempts == ATTEMPTS_MAX)
            await connection.execute(
                "UPDATE chain.traced_blocks SET next_try_at = now() WHERE next_try_at IS NOT NULL"
            )
    others = {number: state for number, state in (await states(connection)).items() if number != missing}
    assert set(others.values()) == {"traced"}
    assert not await connection.fetchval(
        "SELECT count(*) FROM chain.internal_transfers WHERE block_number = $1", missing
    )


@pytest.mark.parametrize(
    ("method", "lie"),
    [
        ("results", "rubbish"),
        ("results", [{"type": 7}]),
        ("results", [{"type": "call", "action": {}, "traceAddress": []}]),
        ("errors", REVERTED),
    ],
)
async def test_block_whose_traces_mean_nothing_is_set_aside_with_the_reason_and_others_go_on(
    connection: asyncpg.Connection, clique: Network, lies: Lies, method: str, lie: Any
) -> None:
    await stored(connection, clique)
    tell_all(lies, clique)
    bad = max(await with_transactions(connection, 0))
    del lies.results["trace_block", hex(bad)]
    if method == "errors":
        del lies.results["trace_block",]
    getattr(lies, method)["trace_block", hex(bad)] = lie
    async with fetching(connection, clique.server.http_url, traces="trace_block", traced_blocks=4) as worker:
        await settled(fetch_internal_transfers, worker)
    found = await states(connection)
    assert found.pop(bad) == "failed"
    assert found
    assert set(found.values()) == {"traced"}
    assert await connection.fetchval("SELECT fault FROM chain.traced_blocks WHERE block_number = $1", bad)


async def test_reorg_removes_transfers_and_traces_the_new_branch(
    connection: asyncpg.Connection, clique: Network, lies: Lies
) -> None:
    await stored(connection, clique)
    tell_all(lies, clique)
    async with fetching(connection, clique.server.http_url, traces="trace_block", traced_blocks=10) as worker:
        await settled(fetch_internal_transfers, worker)
        ancestor = await reorganised(connection, clique, 3)
        assert await connection.fetchval("SELECT max(block_number) FROM chain.internal_transfers") <= ancestor
        # The node tells of the old branch still: not a word of it is kept.
        await settled(fetch_internal_transfers, worker)
        told = {state for number, state in (await states(connection)).items() if number > ancestor}
        assert told <= {"failed", "state_missing"}
        tell_all(lies, clique)
        await connection.execute("UPDATE chain.traced_blocks SET next_try_at = now() WHERE state <> 'traced'")
        await settled(fetch_internal_transfers, worker)
    assert set((await states(connection)).values()) == {"traced"}
    wrong = await connection.fetchval(
        "SELECT count(*) FROM chain.traced_blocks t JOIN chain.blocks b ON b.number = t.block_number"
        " WHERE t.block_hash <> b.hash"
    )
    assert wrong == 0


async def test_node_without_any_of_the_methods_is_said_and_nothing_is_stored(
    connection: asyncpg.Connection, clique: Network
) -> None:
    await stored(connection, clique)
    async with fetching(connection, clique.server.http_url, traces="auto") as worker:
        with pytest.raises(MethodMissing, match="TRACE"):
            await settled(fetch_internal_transfers, worker)
    assert set((await states(connection)).values()) == {"waiting"}
