"""Decoding anew: all or nothing for readers, resumed after a kill, undisturbed by reorgs and by the daemon."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from indexer.decode.errors import NothingToRedecode
from indexer.decode.redecode import Progress, Redecoded, redecode
from indexer.decode.redecode_job import Request
from indexer.decode.registration import remove
from postgres.pool import DatabaseSettings
from tests.database import CHUNK_BLOCKS
from tests.integration.indexer.decode.facts import (
    Blocks,
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
from tests.processes import environment, eventually, pend_index, run_pend_index

PING, PONG = event("Ping(uint256 n)"), event("Pong(uint256 n)")
CREATED = event("Created(address indexed who,address child)")
HERE, THERE, FACTORY, CHILD = (address(0xB0 + place) for place in range(4))


class Killed(Exception):
    """In place of a kill between two commits."""


def block(number: int) -> list[Transaction]:
    return [
        Transaction(logs=[log(contract, what, number) for contract in (HERE, THERE) for what in (PING, PONG)])
    ]


def blocks(first: int, last: int) -> Blocks:
    return {number: block(number) for number in range(first, last + 1)}


@pytest.fixture
async def made(embedded_database: str) -> AsyncIterator[Chain]:
    async with chain(embedded_database) as opened:
        yield opened


async def anew(
    dsn: str, rows: int = 20_000, until: int | None = None, reorg_blocks: int = 64, **request: Any
) -> Redecoded:
    """Redecode; killed once blocks up to `until` are staged."""

    def on_progress(at: Progress) -> None:
        if until is not None and at.decoded_to >= until:
            raise Killed

    return await redecode(
        DatabaseSettings(dsn),
        Request(**request),
        on_progress,
        rows_per_commit=rows,
        reorg_blocks=reorg_blocks,
    )


async def test_redecode_reads_older_blocks_by_the_abis_of_today(
    made: Chain, embedded_database: str, tmp_path: Path
) -> None:
    await made.put(blocks(0, 4))
    await register(made, candidate(tmp_path, "ping", abi_of(PING)))
    done = await anew(embedded_database)
    assert done == Redecoded(0, 4, 10, 0)
    assert {row[2:] for row in await made.names()} == {("ping", "Ping")}
    assert await made.unknown() == {PONG.topic0: 10}
    await made.put(blocks(5, 5))
    assert await made.unknown() == {PONG.topic0: 12}
    assert await made.differences(rows_per_range=7) == []


@pytest.mark.parametrize(
    ("request_", "read"),
    [
        ({"addresses": (HERE,)}, {(n, 0) for n in range(4)} | {(n, 1) for n in range(4)}),
        ({"abi": "ping"}, {(n, i) for n in range(4) for i in (0, 2)}),
        ({"abi": "ping", "addresses": (THERE,)}, {(n, 2) for n in range(4)}),
        ({"first": 1, "last": 2}, {(n, i) for n in (1, 2) for i in range(4)}),
        ({"abi": "here"}, {(n, i) for n in range(4) for i in (0, 1)}),
    ],
    ids=["address", "ABI for every contract", "both", "range", "ABI of a contract"],
)
async def test_redecode_of_a_part_leaves_the_rest(
    made: Chain, embedded_database: str, tmp_path: Path, request_: dict[str, Any], read: set[tuple[int, int]]
) -> None:
    await made.put(blocks(0, 3))
    await register(made, candidate(tmp_path, "ping", abi_of(PING)))
    await register(made, candidate(tmp_path, "pong", abi_of(PONG)))
    await register(made, candidate(tmp_path, "here", abi_of(PONG), address="0x" + HERE.hex()))
    await anew(embedded_database, **request_)
    assert {row[:2] for row in await made.names()} == read
    assert await made.differences() == []


async def test_redecode_across_partitions_is_undone_by_a_reorg(database: str, tmp_path: Path) -> None:
    async with chain(database, first=CHUNK_BLOCKS - 3) as made:
        low, high = CHUNK_BLOCKS - 3, CHUNK_BLOCKS + 2
        await made.put(blocks(low, high))
        await register(made, candidate(tmp_path, "ping", abi_of(PING)))
        await register(made, candidate(tmp_path, "here", abi_of(PONG), address="0x" + HERE.hex()))
        assert (await anew(database, rows=6, reorg_blocks=2)).events == 18
        assert (await anew(database, rows=6, reorg_blocks=2, abi="ping")).events == 12
        assert (await anew(database, rows=6, reorg_blocks=2, abi="here")).events == 12
        assert await made.unknown() == {PONG.topic0: 6}
        assert await made.differences(rows_per_range=7) == []
        await made.revert(low)
        assert [row[:2] for row in await made.names()] == [(low, 0), (low, 1), (low, 2)]
        await made.put(blocks(low + 1, high))
        assert len(await made.events()) == 18
        assert await made.differences() == []


async def test_redecode_without_an_abi_forgets_what_it_had_read(
    made: Chain, embedded_database: str, tmp_path: Path
) -> None:
    await register(made, candidate(tmp_path, "ping", abi_of(PING)))
    await made.put(blocks(0, 2))
    removed = await remove(made.connection, "ping")
    assert await made.unknown() == {PONG.topic0: 6}
    await anew(embedded_database, abi=str(removed.abi.id))
    assert (await made.events(), await made.unknown()) == ([], {PING.topic0: 6, PONG.topic0: 6})
    assert await made.differences() == []


@pytest.mark.parametrize("reorg_blocks", [0, 3, 64])
async def test_redecode_that_was_killed_goes_on_where_it_was(
    made: Chain, embedded_database: str, tmp_path: Path, reorg_blocks: int
) -> None:
    await register(made, candidate(tmp_path, "pong", abi_of(PONG)))
    await made.put(blocks(0, 9))
    await remove(made.connection, "pong")
    await register(made, candidate(tmp_path, "ping", abi_of(PING)))
    before = await made.events()
    with pytest.raises(Killed):
        await anew(embedded_database, rows=6, until=5, reorg_blocks=reorg_blocks)
    assert await made.events() == before
    reached: list[Progress] = []
    done = await redecode(
        DatabaseSettings(embedded_database),
        Request(),
        reached.append,
        rows_per_commit=6,
        reorg_blocks=reorg_blocks,
    )
    assert reached[0].resumed
    assert reached[0].decoded_to > 0
    assert done == Redecoded(0, 9, 20, 0)
    assert {row[3] for row in await made.events()} == {"Ping"}
    assert await made.unknown() == {PONG.topic0: 20}
    assert await made.differences() == []


@pytest.mark.parametrize("what", ["other words", "another ABI", "staged rows lost"])
async def test_redecode_whose_ground_has_changed_begins_again(
    made: Chain, embedded_database: str, tmp_path: Path, what: str
) -> None:
    await made.put(blocks(0, 9))
    await register(made, candidate(tmp_path, "ping", abi_of(PING)))
    with pytest.raises(Killed):
        await anew(embedded_database, rows=6, until=5)
    if what == "another ABI":
        await register(made, candidate(tmp_path, "pong", abi_of(PONG)))
    if what == "staged rows lost":
        await made.connection.execute("TRUNCATE chain.redecoded_payloads")
    reached: list[Progress] = []
    request = Request(last=8) if what == "other words" else Request()
    done = await redecode(DatabaseSettings(embedded_database), request, reached.append, rows_per_commit=6)
    assert (reached[0].resumed, reached[0].decoded_to) == (False, -1)
    assert done.events == {"other words": 18, "another ABI": 40, "staged rows lost": 20}[what]
    states = await made.connection.fetch("SELECT state FROM chain.redecodes ORDER BY id")
    assert [row["state"] for row in states] == ["abandoned", "done"]
    assert await made.differences() == []


async def test_reorg_during_a_redecode_keeps_what_is_below_it(
    made: Chain, embedded_database: str, tmp_path: Path
) -> None:
    await made.put(blocks(0, 9))
    await register(made, candidate(tmp_path, "ping", abi_of(PING)))
    with pytest.raises(Killed):
        await anew(embedded_database, rows=6, until=8)
    await made.revert(3)
    await made.put({4: [Transaction(logs=[log(HERE, PING, 99)])], 5: []})
    done = await anew(embedded_database, rows=6)
    assert (done.last, done.events) == (3, 8)
    assert [row[4] for row in await made.events()][-1] == {"n": "99"}
    assert len(await made.events()) == 9
    assert await made.unknown() == {PONG.topic0: 8}
    assert await made.differences() == []


async def test_reorg_of_all_blocks_of_a_redecode_leaves_it_nothing(
    made: Chain, embedded_database: str, tmp_path: Path
) -> None:
    await made.put(blocks(0, 9))
    await register(made, candidate(tmp_path, "ping", abi_of(PING)))
    with pytest.raises(Killed):
        await anew(embedded_database, rows=6, until=8, first=5)
    await made.revert(2)
    await made.put(blocks(3, 4))
    assert (await anew(embedded_database, rows=6, first=5)).events == 0
    assert await made.differences() == []


async def test_child_found_by_a_redecode_is_read_in_blocks_derived_meanwhile(
    made: Chain, embedded_database: str, tmp_path: Path
) -> None:
    child = [log(CHILD, PING, 1), log(CHILD, PONG, 1)]
    announced = log(FACTORY, CREATED, text(1), "0x" + CHILD.hex())
    await made.put({0: [Transaction(logs=[announced, *child])], 1: [Transaction(logs=child)]})
    given = candidate(tmp_path, "child", abi_of(PING, CREATED), factory=f"0x{FACTORY.hex()}:Created:child")
    await register(made, given)
    with pytest.raises(Killed):
        await anew(embedded_database, rows=1, until=1)
    await made.put({2: [Transaction(logs=child)]})
    assert await made.names() == []
    await anew(embedded_database, rows=1)
    await made.put({3: [Transaction(logs=child)]})
    assert [row[0] for row in await made.names()] == [0, 1, 2, 3]
    assert await made.unknown() == {PONG.topic0: 4, CREATED.topic0: 1}
    assert await made.differences() == []


async def test_redecode_is_announced(made: Chain, embedded_database: str, tmp_path: Path) -> None:
    await made.put(blocks(0, 3))
    await register(made, candidate(tmp_path, "ping", abi_of(PING)))
    await anew(embedded_database, last=2)
    row = await made.connection.fetchrow(
        "SELECT kind, from_block, to_block, payload FROM chain.outbox ORDER BY sequence DESC LIMIT 1"
    )
    assert row is not None
    assert (row["kind"], row["from_block"], row["to_block"]) == ("decoded", 0, 2)
    assert json.loads(row["payload"]) == {"redecode": 1}


async def test_redecode_of_nothing_is_refused(made: Chain, embedded_database: str) -> None:
    with pytest.raises(NothingToRedecode, match="no block is decoded"):
        await anew(embedded_database)
    await made.put(blocks(0, 3))
    with pytest.raises(NothingToRedecode, match="blocks from 4 on were asked for, blocks 0 to 3 are"):
        await anew(embedded_database, first=4)


async def test_redecode_killed_while_it_swaps_leaves_the_old_rows_and_is_repeated(
    embedded_database: str, tmp_path: Path
) -> None:
    async with chain(embedded_database) as made:
        old = event("Ping(uint256 before)")
        await register(made, candidate(tmp_path, "ping", abi_of(old)))
        await made.put(blocks(0, 3))
        before = await made.events()
        await register(made, candidate(tmp_path, "ping", abi_of(PING)))
        env = environment(embedded_database, "http://127.0.0.1:1")
        other = await asyncpg.connect(embedded_database)
        try:
            # The swap's last steps wait for these rows.
            lock = other.transaction()
            await lock.start()
            await other.execute("SELECT FROM chain.derivations FOR UPDATE")
            async with pend_index("redecode", env=env) as running:
                await running.until(lambda: _waits(made.connection), "the swap waits for whoever derives")
                assert await made.events() == before
                running.send(signal.SIGKILL)
                await running.finished()
            # A server process that waits notices the kill when it goes on; it has nobody to commit for.
            await lock.rollback()
            await eventually(lambda: _all_gone(made.connection), "the server has noticed the kill")
            assert await made.events() == before
        finally:
            await other.close()
        finished = await run_pend_index("redecode", env=env)
        assert finished.code == 0, finished.output
        assert "blocks 0 to 3: 8 events and 0 calls decoded anew" in finished.stdout
        assert [row[4] for row in await made.events()] == [{"n": str(n)} for n in range(4) for _ in (0, 1)]
        assert await made.differences() == []


async def test_second_redecode_is_refused_while_one_runs(embedded_database: str) -> None:
    async with chain(embedded_database) as made:
        await made.put(blocks(0, 3))
        assert await made.connection.fetchval(
            "SELECT pg_try_advisory_lock(hashtextextended('pend redecode ' || current_database(), 0))"
        )
        finished = await run_pend_index("redecode", env=environment(embedded_database, "http://127.0.0.1:1"))
        assert finished.code == 7, finished.output
        assert "another redecode" in finished.stderr


async def test_daemon_derives_on_while_a_redecode_waits_to_swap(
    embedded_database: str, tmp_path: Path
) -> None:
    async with chain(embedded_database) as made:
        await made.put(blocks(0, 3))
        await register(made, candidate(tmp_path, "ping", abi_of(PING)))
        other = await asyncpg.connect(embedded_database)
        try:
            lock = other.transaction()
            await lock.start()
            # Old calls cannot be taken away; the blocks that follow have no call.
            await other.execute("LOCK TABLE chain.decoded_calls IN SHARE MODE")
            running = asyncio.create_task(anew(embedded_database, reorg_blocks=0))
            await eventually(lambda: _waits(made.connection), "the swap waits in its middle")
            await made.put(blocks(4, 5))
            await lock.rollback()
            done = await running
        finally:
            await other.close()
        assert (done.last, done.events) == (3, 8)
        assert len(await made.events()) == 12
        assert await made.differences() == []


_OTHERS = (
    "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'pend-index redecode'"
)


async def _waits(connection: asyncpg.Connection) -> bool:
    waiting = "SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database()"
    return bool(await connection.fetchval(f"SELECT EXISTS ({waiting})"))


async def _all_gone(connection: asyncpg.Connection) -> bool:
    return not await connection.fetchval(f"SELECT EXISTS (SELECT {_OTHERS})")
