"""ABIs put in force and out of it: announced with the change, in the order in which everybody takes locks."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from indexer.decode.errors import AbiNotFound, AbiOfFolder
from indexer.decode.folder import AbiFolder
from indexer.decode.registration import add, remove
from indexer.derive import deriver
from indexer.derive.derivation import queries
from indexer.writer import queries as writer_queries
from tests.integration.indexer.decode.facts import (
    ONLY_EVENTS,
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
from tests.processes import eventually

PING, CREATED = event("Ping(uint256 n)"), event("Created(address child)")


@pytest.fixture
async def made(embedded_database: str) -> AsyncIterator[Chain]:
    async with chain(embedded_database) as opened:
        yield opened


async def announced(made: Chain) -> list[dict[str, Any]]:
    rows = await made.connection.fetch("SELECT xmin::text, * FROM chain.outbox ORDER BY sequence")
    assert [row["sequence"] for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) == await made.connection.fetchval("SELECT outbox_sequence FROM chain.chain_state")
    return [dict(row) | {"payload": json.loads(row["payload"])} for row in rows]


async def changes(made: Chain) -> list[tuple[str, str]]:
    return [(row["payload"]["abi"], row["payload"]["change"]) for row in await announced(made)]


async def test_abi_that_is_added_replaced_or_removed_is_announced_with_it(
    made: Chain, tmp_path: Path
) -> None:
    given = candidate(tmp_path, "ping", abi_of(PING), address=text(7))
    await register(made, given)
    (row,) = await announced(made)
    assert (row["kind"], row["from_block"], row["to_block"], row["head_hash"]) == ("decoded", 0, 0, None)
    assert row["payload"] == {"abi": "ping", "id": 1, "change": "added", "address": text(7), "factory": None}
    assert row["xmin"] == await made.connection.fetchval("SELECT xmin::text FROM chain.contract_abis")

    await made.put({n: [Transaction(logs=[log(address(7), PING, n)])] for n in range(3)})
    await register(made, given)
    assert len(await announced(made)) == 1

    await register(made, candidate(tmp_path, "ping", abi_of(PING, CREATED), address=text(7)))
    await remove(made.connection, "ping")
    _, replaced, removed = await announced(made)
    assert [(row["payload"]["id"], row["payload"]["change"]) for row in (replaced, removed)] == [
        (2, "replaced"),
        (2, "removed"),
    ]
    assert {(row["from_block"], row["to_block"]) for row in (replaced, removed)} == {(0, 2)}
    with pytest.raises(AbiNotFound):
        await remove(made.connection, "ping")
    assert len(await announced(made)) == 3


async def test_abis_added_together_are_announced_each_or_not_at_all(made: Chain, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "ours.json").write_text(json.dumps(abi_of(PING)))
    watched = AbiFolder(folder)
    await watched.take(made.connection, watched.look() or ())
    fresh = candidate(tmp_path, "fresh", abi_of(PING))
    factory = candidate(tmp_path, "factory", abi_of(CREATED), address=text(0xF0))
    child = candidate(tmp_path, "child", abi_of(PING), factory=f"{text(0xF0)}:Created:child")
    with pytest.raises(AbiOfFolder):
        await add(made.connection, [fresh, candidate(tmp_path, "ours", abi_of(CREATED))], "command")
    assert await changes(made) == [("ours", "added")]
    await add(made.connection, [fresh, factory, child], "command")
    told = await announced(made)
    assert [row["payload"]["abi"] for row in told] == ["ours", "fresh", "factory", "child"]
    assert len({row["xmin"] for row in told}) == 2
    assert (told[-1]["payload"]["address"], told[-1]["payload"]["factory"]) == (None, text(0xF0))


async def test_file_that_comes_changes_or_goes_is_announced_once(made: Chain, tmp_path: Path) -> None:
    folder, ping = AbiFolder(tmp_path), tmp_path / "ping.json"
    for entries in ([PING], [PING], [CREATED]):
        ping.write_text(json.dumps(abi_of(*entries)))
        await folder.take(made.connection, AbiFolder(tmp_path).look() or ())
    assert await changes(made) == [("ping", "added"), ("ping", "replaced")]
    ping.unlink()
    for _ in range(2):
        await folder.take(made.connection, ())
    assert (await changes(made))[2:] == [("ping", "removed")]


async def test_abi_that_cannot_be_announced_is_not_put_in_force(made: Chain, tmp_path: Path) -> None:
    await made.connection.execute("ALTER TABLE chain.outbox ADD CHECK (kind <> 'decoded')")
    with pytest.raises(Exception, match="outbox"):
        await register(made, candidate(tmp_path, "ping", abi_of(PING)))
    assert await made.connection.fetchval("SELECT count(*) FROM chain.contract_abis") == 0
    assert await made.connection.fetchval("SELECT version FROM chain.abi_state") == 0
    assert await announced(made) == []


async def test_abi_added_during_a_reorg_that_decodes_waits_for_it_and_for_nothing_else(
    made: Chain, embedded_database: str, tmp_path: Path
) -> None:
    await made.put({n: [] for n in range(3)})
    other = await asyncpg.connect(embedded_database)
    try:
        async with made.connection.transaction():
            await deriver.revert(made.connection, 1, ONLY_EVENTS)
            await writer_queries.claim_sequences.one(made.connection, 0, -1)
            adding = asyncio.create_task(add(other, [candidate(tmp_path, "ping", abi_of(PING))], "command"))
            await eventually(lambda: _is_waiting(made, other), "the new ABI waits")
            await queries.share_abi_state.one(made.connection)
        (added,) = await adding
    finally:
        await other.close()
    assert (added.change, added.in_force_from) == ("added", 2)


async def _is_waiting(made: Chain, whose: asyncpg.Connection) -> bool:
    """Whether this connection waits for a lock."""
    return bool(
        await made.connection.fetchval(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = $1", whose.get_server_pid()
        )
    )
