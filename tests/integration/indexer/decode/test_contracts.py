"""Whose ABI reads a contract: its own, its implementation's, its beacon's, its factory's, its original's."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from indexer.decode.clones import unread_clones
from indexer.decode.redecode import redecode
from indexer.decode.redecode_job import Request
from postgres.pool import DatabaseSettings
from tests.integration.indexer.decode.facts import (
    Chain,
    Log,
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

UPGRADED = event("Upgraded(address indexed implementation)")
BEACON_UPGRADED = event("BeaconUpgraded(address indexed beacon)")
CREATED = event("Created(address indexed who,address child)")
OLD, NEW = event("Old(uint256 n)"), event("New(uint256 n)")
PROXY, FIRST, SECOND, BEACON, FACTORY, CHILD, OTHER = (address(0xA0 + place) for place in range(7))


def hexed(contract: bytes) -> str:
    return "0x" + contract.hex()


def both(contract: bytes = PROXY) -> list[Log]:
    """Both versions' events: which of them is read says whose ABI reads."""
    return [log(contract, OLD, 1), log(contract, NEW, 1)]


@pytest.fixture
async def made(embedded_database: str) -> AsyncIterator[Chain]:
    async with chain(embedded_database) as opened:
        yield opened


@pytest.fixture
async def versions(made: Chain, tmp_path: Path) -> Chain:
    """ABIs of the two implementations."""
    await register(made, candidate(tmp_path, "first", abi_of(OLD), address=hexed(FIRST)))
    await register(made, candidate(tmp_path, "second", abi_of(NEW), address=hexed(SECOND)))
    return made


async def test_proxy_is_read_by_its_implementation_log_by_log(versions: Chain) -> None:
    to_first, to_second = (log(PROXY, UPGRADED, hexed(target)) for target in (FIRST, SECOND))
    await versions.put(
        {
            0: [Transaction(logs=both())],
            1: [Transaction(logs=[*both(), to_first, *both()]), Transaction(logs=both())],
            2: [Transaction(logs=[*both(), to_second, *both(), to_first])],
            3: [Transaction(logs=both())],
        }
    )
    read = [(block, index, abi) for block, index, abi, _ in await versions.names() if abi != "erc1967"]
    assert read == [
        (1, 3, "first"), (1, 5, "first"), (2, 0, "first"), (2, 4, "second"), (3, 0, "first"),
    ]  # fmt: skip
    for rows in (1, 3, 100):
        assert await versions.differences(rows) == []


async def test_call_is_read_by_the_implementation_before_its_transaction(made: Chain, tmp_path: Path) -> None:
    entries = [{"type": "function", "name": "go", "inputs": [], "outputs": []}]
    given = candidate(tmp_path, "first", entries, address=hexed(FIRST))
    await register(made, given)
    go = given.abi.functions[0].selector
    upgrade = [log(PROXY, UPGRADED, hexed(FIRST))]
    await made.put({0: [Transaction(PROXY, go), Transaction(PROXY, go, upgrade), Transaction(PROXY, go)]})
    assert [(row["transaction_index"], row["abi"]) for row in await made.calls()] == [(2, "first")]
    assert await made.differences() == []


async def test_upgrade_that_a_reorg_takes_back_counts_no_more(versions: Chain) -> None:
    to_first, to_second = (log(PROXY, UPGRADED, hexed(target)) for target in (FIRST, SECOND))
    await versions.put({0: [Transaction(logs=[to_first])], 1: [Transaction(logs=[to_second])]})
    await versions.revert(0)
    await versions.put({1: [Transaction(logs=both())]})
    assert [row[2] for row in await versions.names()] == ["erc1967", "first"]
    assert await versions.differences() == []


async def test_beacon_that_is_upgraded_moves_every_proxy_behind_it(versions: Chain) -> None:
    others = [address(n) for n in (1, 2)]
    await versions.put(
        {
            0: [
                Transaction(
                    logs=[
                        log(BEACON, UPGRADED, hexed(FIRST)),
                        *(log(proxy, BEACON_UPGRADED, hexed(BEACON)) for proxy in others),
                    ]
                )
            ],
            1: [Transaction(logs=[line for proxy in others for line in both(proxy)])],
            2: [Transaction(logs=[*both(others[0]), log(BEACON, UPGRADED, hexed(SECOND)), *both(others[0])])],
            3: [Transaction(logs=both(others[1]))],
        }
    )
    read = [row[::2] for row in await versions.names() if row[2] != "erc1967"]
    assert read == [(1, "first"), (1, "first"), (2, "first"), (2, "second"), (3, "second")]
    for rows in (1, 100):
        assert await versions.differences(rows) == []


async def test_proxy_that_points_at_nothing_known_stays_unread(versions: Chain) -> None:
    loops = [log(PROXY, BEACON_UPGRADED, hexed(PROXY)), log(BEACON, UPGRADED, hexed(BEACON))]
    await versions.put({0: [Transaction(logs=[*loops, *both(), *both(BEACON)])]})
    assert {row[2] for row in await versions.names()} == {"erc1967"}
    assert await versions.unknown() == {OLD.topic0: 2, NEW.topic0: 2}


async def test_clone_is_read_by_its_original_once_it_is_known(versions: Chain) -> None:
    await versions.put({0: [Transaction(logs=both())]})
    await _clone(versions, PROXY, FIRST)
    await versions.put({1: [Transaction(logs=both())]})
    assert [row[::2] for row in await versions.names()] == [(1, "first")]
    assert await versions.differences() == []


async def test_what_a_clone_did_before_it_was_known_is_read_afterwards(
    versions: Chain, embedded_database: str, tmp_path: Path
) -> None:
    await versions.put({0: [Transaction(logs=both())], 1: [Transaction(logs=both(OTHER))]})
    assert await unread_clones(versions.connection) is None
    await _clone(versions, PROXY, FIRST)
    await _clone(versions, OTHER, address(77))
    request = await unread_clones(versions.connection)
    assert request == Request((PROXY,), first=0)
    await redecode(DatabaseSettings(embedded_database), request)
    assert await unread_clones(versions.connection) is None
    await register(versions, candidate(tmp_path, "late", abi_of(NEW), address=hexed(address(77))))
    assert await unread_clones(versions.connection) is None
    assert [row[::2] for row in await versions.names()] == [(0, "first")]
    assert await versions.differences() == []


async def test_child_is_read_from_the_block_that_made_it(made: Chain, tmp_path: Path) -> None:
    given = candidate(tmp_path, "child", abi_of(OLD, CREATED), factory=f"{hexed(FACTORY)}:Created:child")
    await register(made, given)
    announced = log(FACTORY, CREATED, text(1), hexed(CHILD))
    foreign = log(address(9), CREATED, text(1), hexed(PROXY))
    await made.put(
        {
            0: [Transaction(logs=both(CHILD))],
            1: [Transaction(logs=[*both(CHILD), announced, foreign]), Transaction(logs=both(CHILD))],
            2: [Transaction(logs=[*both(CHILD), *both()])],
        }
    )
    assert [row[:3] for row in await made.names()] == [(1, 0, "child"), (1, 4, "child"), (2, 0, "child")]
    for rows in (1, 100):
        assert await made.differences(rows) == []


async def test_child_of_a_factory_added_late_is_read_after_a_redecode_alone(
    made: Chain, embedded_database: str, tmp_path: Path
) -> None:
    await made.put(
        {
            0: [Transaction(logs=[log(FACTORY, CREATED, text(1), hexed(CHILD)), *both(CHILD)])],
            1: [Transaction(logs=both(CHILD))],
        }
    )
    given = candidate(tmp_path, "child", abi_of(OLD, CREATED), factory=f"{hexed(FACTORY)}:Created:child")
    await register(made, given)
    await made.put({2: [Transaction(logs=both(CHILD))]})
    assert await made.names() == []
    done = await redecode(DatabaseSettings(embedded_database), Request(abi="child"))
    assert (done.first, done.last, done.events) == (0, 2, 3)
    await made.put({3: [Transaction(logs=both(CHILD))]})
    assert [row[::2] for row in await made.names()] == [(n, "child") for n in range(4)]
    assert await made.differences() == []
    await made.revert(1)
    await made.put({2: [Transaction(logs=both(CHILD))]})
    assert [row[::2] for row in await made.names()] == [(n, "child") for n in range(3)]
    assert await made.differences() == []


async def test_what_a_factory_names_in_bytes_that_do_not_fit_is_no_child(made: Chain, tmp_path: Path) -> None:
    given = candidate(tmp_path, "child", abi_of(OLD, CREATED), factory=f"{hexed(FACTORY)}:Created:child")
    await register(made, given)
    broken = Log(FACTORY, [CREATED.topic0, bytes(32)], b"\xff" * 32)
    await made.put({0: [Transaction(logs=[broken, Log(FACTORY, [CREATED.topic0]), *both(CHILD)])]})
    assert await made.connection.fetchval("SELECT count(*) FROM chain.factory_children") == 0


async def _clone(made: Chain, clone: bytes, original: bytes) -> None:
    """As the fetcher records it."""
    await made.connection.execute(
        """
        INSERT INTO chain.contract_codes
            (address, kind, code_hash, code_size, clone_of, block_number, block_hash, version)
        VALUES ($1, 'clone', '', 45, $2, 0, '', chain.raise_abi_version())
        """,
        clone,
        original,
    )
