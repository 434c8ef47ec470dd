"""`pend-index abi`: what it says and with which exit code it ends."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from indexer.decode.errors import AbiAmbiguous, AbiNotFound
from indexer.decode.redecode import redecode
from indexer.decode.redecode_job import Request
from indexer.decode.registration import remove
from indexer.errors import EXIT_CODES
from postgres.pool import DatabaseSettings
from tests.integration.indexer.decode.facts import (
    Transaction,
    abi_of,
    address,
    candidate,
    chain,
    event,
    log,
    register,
)
from tests.processes import Finished, environment, run_pend_index

PING, CREATED = event("Ping(uint256 n)"), event("Created(address child)")
FACTORY = "0x" + address(0xF0).hex()
CHECKSUMMED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"  # EIP-55


@pytest.fixture
def env(embedded_database: str) -> Mapping[str, str]:
    return environment(embedded_database, "http://127.0.0.1:1")


@pytest.fixture
def ping(tmp_path: Path) -> Path:
    return written(tmp_path / "ping.json", abi_of(PING))


def written(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document))
    return path


async def run(env: Mapping[str, str], *arguments: str | Path) -> Finished:
    finished = await run_pend_index(*map(str, arguments), env=env)
    assert finished.code in EXIT_CODES
    assert "Traceback" not in finished.output, finished.output
    return finished


async def test_abi_is_added_listed_and_removed(
    env: Mapping[str, str], embedded_database: str, ping: Path
) -> None:
    async with chain(embedded_database) as made:
        await made.put({n: [Transaction(logs=[log(address(1), PING, n)])] for n in range(3)})
        added = await run(env, "abi", "add", ping, "--address", CHECKSUMMED, "--from-block", "1")
        assert added.code == 0, added.output
        assert f"added ping (id 1, 1 events, 0 functions, 0 errors) for {CHECKSUMMED.lower()}" in added.stdout
        assert "in force from block 3 on" in added.stdout
        assert "blocks 1 to 2 by it too: pend-index redecode --abi 1 --from-block 1" in added.stdout
        again = await run(env, "abi", "add", ping, "--address", CHECKSUMMED, "--from-block", "1")
        assert again.stdout.startswith("unchanged ping (id 1, ")
        replaced = await run(env, "abi", "add", ping, "--address", CHECKSUMMED)
        assert replaced.stdout.startswith("replaced ping (id 2, ")
        shown = await run(env, "abi", "list")
        lines = [line.split() for line in shown.stdout.splitlines()]
        assert lines[1][:4] == ["2", "ping", CHECKSUMMED.lower(), "0"]
        assert ["-", "pend_pool"] in [line[:2] for line in lines]
        unknown = await run(env, "abi", "unknown")
        assert unknown.stdout.split() == ["0x" + PING.topic0.hex(), "3"]
        removed = await run(env, "abi", "remove", "ping")
        assert (removed.code, "pend-index redecode --abi 2" in removed.stdout) == (0, True)


async def test_abi_of_a_factory_is_added_by_its_event(
    env: Mapping[str, str], tmp_path: Path, ping: Path
) -> None:
    announcement = f"{FACTORY}:Created:child"
    refused = await run(env, "abi", "add", ping, "--factory", announcement)
    assert (refused.code, "declares the event Created" in refused.stderr) == (2, True), refused.output
    factory = written(tmp_path / "factory.json", abi_of(CREATED))
    assert (await run(env, "abi", "add", factory, "--address", FACTORY)).code == 0
    added = await run(env, "abi", "add", ping, "--factory", f"{FACTORY}:Created(address):child")
    assert f"for children of {FACTORY} by Created.child; in force from block 0 on" in added.stdout
    wrong = await run(env, "abi", "add", ping, "--factory", f"{FACTORY}:Created:pair")
    assert (wrong.code, "Created(address) has the arguments child" in wrong.stderr) == (2, True)


async def test_abi_that_cannot_be_added_is_refused_with_the_reason(
    env: Mapping[str, str], ping: Path
) -> None:
    finished = await run(env, "abi", "add", ping, "--factory", f"{FACTORY}:Ping:n")
    assert (finished.code, "n is uint256, expected address" in finished.stderr) == (2, True), finished.output
    both = await run(env, "abi", "add", ping, "--factory", f"{FACTORY}:A:b", "--address", FACTORY)
    assert (both.code, "exclude one another" in both.stderr) == (2, True), both.output


async def test_names_that_are_not_there_are_refused(env: Mapping[str, str]) -> None:
    for command in (["abi", "remove", "nobody"], ["redecode", "--from-block", "5", "--to-block", "4"]):
        finished = await run(env, *command)
        assert finished.code == 2, finished.output


async def test_name_that_several_abis_have_is_refused_with_their_ids(
    embedded_database: str, tmp_path: Path
) -> None:
    async with chain(embedded_database) as made:
        await made.put({0: []})
        for options in ({}, {"address": FACTORY}):
            await register(made, candidate(tmp_path, "ping", abi_of(PING), **options))
        with pytest.raises(AbiAmbiguous, match="ids 1, 2"):
            await remove(made.connection, "ping")
        for wanted, error in (("ping", AbiAmbiguous), ("nobody", AbiNotFound)):
            with pytest.raises(error):
                await redecode(DatabaseSettings(embedded_database), Request(abi=wanted))
