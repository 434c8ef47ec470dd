"""Files of ABIs that come, change and go while the daemon runs."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from indexer.decode.folder import AbiFolder, watch_abi_folder
from indexer.settings import DecodeSection, IndexerSettings
from service.sections import DatabaseSection, NodeSection
from service.settings import UrlSecret
from tests.integration.indexer.decode.facts import Chain, Transaction, abi_of, address, chain, event, log
from tests.processes import eventually

PING, CREATED = event("Ping(uint256 n)"), event("Created(address child)")
FACTORY, CHILD = address(0xF0), address(0xF1)


@pytest.fixture
async def made(embedded_database: str) -> AsyncIterator[Chain]:
    async with chain(embedded_database) as opened:
        yield opened


async def in_force(made: Chain) -> list[tuple[str, str]]:
    rows = await made.connection.fetch(
        "SELECT name, content::text AS content FROM chain.contract_abis WHERE removed_version IS NULL"
        " AND source = 'folder' ORDER BY name"
    )
    return [(row["name"], json.loads(row["content"])[0]["inputs"][0]["name"]) for row in rows]


async def take(folder: AbiFolder, made: Chain) -> int | None:
    """How many ABIs changed; None when the folder is as it was."""
    snapshot = folder.look()
    return None if snapshot is None else await folder.take(made.connection, snapshot)


def write(path: Path, *entries: object, **beside: object) -> None:
    path.write_text(json.dumps({"abi": abi_of(*entries), **beside}))  # type: ignore[arg-type]


async def test_files_are_added_replaced_and_removed(made: Chain, tmp_path: Path) -> None:
    folder, ping = AbiFolder(tmp_path), tmp_path / "ping.json"
    write(ping, PING)
    assert await take(folder, made) == 1
    assert await in_force(made) == [("ping", "n")]
    assert await take(folder, made) is None
    write(ping, event("Ping(uint256 number)"))
    assert await take(folder, made) == 1
    assert await in_force(made) == [("ping", "number")]
    write(ping, event("Ping(uint256 number)"), address="0x" + CHILD.hex())
    assert await take(folder, made) == 2
    ping.unlink()
    assert await take(folder, made) == 1
    assert await in_force(made) == []


async def test_daemon_that_was_away_finds_what_it_has_missed(made: Chain, tmp_path: Path) -> None:
    kept, gone = tmp_path / "kept.json", tmp_path / "gone.json"
    write(kept, PING)
    write(gone, PING)
    await take(AbiFolder(tmp_path), made)
    version = await made.connection.fetchval("SELECT version FROM chain.abi_state")
    assert await take(AbiFolder(tmp_path), made) == 0
    assert await made.connection.fetchval("SELECT version FROM chain.abi_state") == version
    gone.unlink()
    assert await take(AbiFolder(tmp_path), made) == 1
    assert await in_force(made) == [("kept", "n")]


async def test_file_that_holds_no_abi_changes_nothing(made: Chain, tmp_path: Path) -> None:
    folder, ping = AbiFolder(tmp_path), tmp_path / "ping.json"
    write(ping, PING)
    (tmp_path / "erc20.json").write_text(ping.read_text())
    (tmp_path / "notes.txt").write_text("no ABI")
    assert await take(folder, made) == 1
    ping.write_text(ping.read_text()[:40])
    assert await take(folder, made) == 0
    assert await in_force(made) == [("ping", "n")]


async def test_factory_and_its_children_may_come_in_any_order(made: Chain, tmp_path: Path) -> None:
    folder = AbiFolder(tmp_path)
    write(tmp_path / "child.json", PING, factory=f"0x{FACTORY.hex()}:Created:child")
    assert await take(folder, made) == 0
    write(tmp_path / "factory.json", CREATED, address="0x" + FACTORY.hex())
    assert await take(folder, made) == 2
    announced = log(FACTORY, CREATED, "0x" + CHILD.hex())
    await made.put({0: [Transaction(logs=[announced, log(CHILD, PING, 1)])]})
    assert [row[2] for row in await made.names()] == ["factory", "child"]


async def test_watched_folder_reads_new_blocks_without_a_restart(
    made: Chain, embedded_database: str, tmp_path: Path
) -> None:
    settings = IndexerSettings(
        database=DatabaseSection(dsn=UrlSecret(embedded_database)),
        node=NodeSection(urls=(UrlSecret("http://127.0.0.1:1"),)),
        decode=DecodeSection(abi_folder=str(tmp_path)),
    )
    watching = asyncio.create_task(watch_abi_folder(settings, 0.02))
    try:
        await made.put({0: [Transaction(logs=[log(CHILD, PING, 1)])]})
        write(tmp_path / "ping.json", PING)
        await eventually(lambda: _holds(made, 1), "the new file is taken")
        await made.put({1: [Transaction(logs=[log(CHILD, PING, 1)])]})
        (tmp_path / "ping.json").unlink()
        await eventually(lambda: _holds(made, 0), "its end is noticed")
        await made.put({2: [Transaction(logs=[log(CHILD, PING, 1)])]})
        assert [row[0] for row in await made.names()] == [1]
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _holds(made: Chain, count: int) -> bool:
    return len(await in_force(made)) == count
