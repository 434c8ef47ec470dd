"""/api/v1/contracts of what points elsewhere, and labels: proxies, beacons, clones, factories, registered ABIs."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import psycopg
import pytest

from explorer_api.answers.contracts import Contract, ContractAbis, ContractSummary, Proxy
from explorer_api.answers.envelope import Listed, One
from explorer_api.answers.search import FoundLabel, Search
from tests.integration.explorer_api.explorers import Explored, Serving, explorer_process, get, problem

ABI = [{"type": "event", "name": "Ping", "inputs": [], "anonymous": False}]


@pytest.fixture(scope="module")
def contracts(
    explored: Explored, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Serving, list[str]]]:
    """An explorer on a chain some of whose contracts point at others; their addresses.

    0 is a proxy of 1, after it was one of 2; 3 is a proxy by the beacon 4, which points to 1; 5 is a proxy by
    a beacon that has said nothing; 6 is a clone of 2; 7 is a child of 0. Who called them is not derived.
    """
    with explored.clone() as dsn:
        with psycopg.connect(dsn, autocommit=True, options="-c search_path=chain") as connection:
            rows = connection.execute(
                "SELECT address FROM addresses WHERE contract_block IS NOT NULL ORDER BY contract_block, address LIMIT 8"
            ).fetchall()
            at = [row[0] for row in rows]
            for proxy, block, kind, target in (
                (at[0], 50, "implementation", at[2]),
                (at[0], 60, "implementation", at[1]),
                (at[3], 50, "beacon", at[4]),
                (at[4], 40, "implementation", at[1]),
                (at[5], 50, "beacon", at[7]),
            ):
                connection.execute(
                    "INSERT INTO proxy_implementations VALUES (%s, %s, 0, 0, %s, %s)",
                    (proxy, block, kind, target),
                )
            connection.execute(
                "UPDATE contract_codes SET kind = 'clone', clone_of = %s, version = 1 WHERE address = %s",
                (at[2], at[6]),
            )
            _add_abi(connection, "Vault", address=at[0])
            _add_abi(connection, "Vault core", address=at[1])
            _add_abi(connection, "Vault core, later", address=at[1], from_block=explored.head + 1)
            _add_abi(connection, "Vault old", address=at[0], removed_version=2)
            _add_abi(connection, "Common")
            child = _add_abi(connection, "Child", factory=at[0])
            connection.execute(
                "INSERT INTO factory_children VALUES (%s, %s, 70, 1, %s, 1)", (at[7], child, at[0])
            )
            connection.execute("DELETE FROM derivations WHERE derivation = 'address_transactions'")
        with explorer_process(dsn, tmp_path_factory.mktemp("explorer")) as serving:
            yield serving, ["0x" + address.hex() for address in at]


def _add_abi(connection: psycopg.Connection[Any], name: str, **columns: Any) -> int:
    given = {"from_block": 0, "removed_version": None, "address": None, "factory": None} | columns
    is_factory = given["factory"] is not None
    given |= {
        "event": json.dumps(ABI[0]) if is_factory else None,
        "argument": "child" if is_factory else None,
    }
    row = connection.execute(
        "INSERT INTO contract_abis (name, source, content, content_hash, address, factory, factory_event,"
        " factory_argument, from_block, added_version, removed_version) VALUES (%(name)s, 'command', %(abi)s, '',"
        " %(address)s, %(factory)s, %(event)s, %(argument)s, %(from_block)s, 1, %(removed_version)s) RETURNING id",
        given | {"name": name, "abi": json.dumps(ABI)},
    ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
async def there(contracts: tuple[Serving, list[str]]) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(contracts[0].url) as session:
        yield session


async def _contract(there: aiohttp.ClientSession, address: str) -> Contract:
    return (await get(there, f"/api/v1/contracts/{address}", One[Contract])).data


async def test_proxies_say_what_runs(
    there: aiohttp.ClientSession, contracts: tuple[Serving, list[str]]
) -> None:
    at = contracts[1]
    proxy = (await _contract(there, at[0])).proxy
    assert proxy is not None
    assert (proxy.kind, proxy.beacon, proxy.implementation) == ("implementation", None, at[1])
    assert [(each.block_number, each.target) for each in proxy.history] == [(60, at[1]), (50, at[2])]
    assert not proxy.more_history
    by_beacon = (await _contract(there, at[3])).proxy
    assert by_beacon is not None
    assert (by_beacon.kind, by_beacon.beacon, by_beacon.implementation) == ("beacon", at[4], at[1])
    silent = (await _contract(there, at[5])).proxy
    assert silent is not None
    assert (silent.beacon, silent.implementation) == (at[7], None)
    clone = await _contract(there, at[6])
    assert clone.proxy == Proxy("clone", None, at[2], [], False)
    assert clone.code is not None
    assert (clone.code.kind, clone.code.clone_of) == ("clone", at[2])


async def test_abis_in_force_are_told_by_what_makes_them_so(
    there: aiohttp.ClientSession, contracts: tuple[Serving, list[str]]
) -> None:
    at = contracts[1]
    expected = {
        at[0]: [
            ("Vault", "contract", at[0]),
            ("Vault core", "implementation", at[1]),
            ("Common", "everywhere", None),
        ],
        at[3]: [("Vault core", "implementation", at[1]), ("Common", "everywhere", None)],
        at[7]: [("Child", "factory", at[0]), ("Common", "everywhere", None)],
        at[6]: [("Common", "everywhere", None)],
    }
    for address, abis in expected.items():
        contract = await _contract(there, address)
        registered = [(abi.name, abi.scope, abi.of) for abi in contract.abis if abi.scope != "built_in"]
        assert registered == abis, address
        answer = (await get(there, f"/api/v1/contracts/{address}/abi", One[ContractAbis])).data
        assert [(abi.name, abi.scope, abi.of) for abi in answer.abis if abi.scope != "built_in"] == abis
        assert all(abi.entries == ABI for abi in answer.abis if abi.scope != "built_in")
        built_in = {abi.name for abi in answer.abis if abi.scope == "built_in"}
        assert ("erc1967" in built_in) == (address in {at[0], at[3]})


async def test_child_of_a_factory_names_the_log_that_announced_it(
    there: aiohttp.ClientSession, contracts: tuple[Serving, list[str]]
) -> None:
    at = contracts[1]
    child = await _contract(there, at[7])
    assert child.factory is not None
    assert (child.factory.factory, child.factory.block_number, child.factory.log_index) == (at[0], 70, 1)
    listed = await get(there, "/api/v1/contracts?limit=1000", Listed[ContractSummary])
    labels = {contract.address: contract.label for contract in listed.data}
    assert (labels[at[0]], labels[at[7]]) == ("Vault", "Child")


async def test_labels_are_found_by_what_they_begin_with(
    there: aiohttp.ClientSession, contracts: tuple[Serving, list[str]]
) -> None:
    at = contracts[1]
    found = (await get(there, "/api/v1/search?q=vAULT", One[Search])).data
    labels = [each for each in found.results if isinstance(each, FoundLabel)]
    assert [(each.label, each.address, each.exact) for each in labels] == [
        ("Vault", at[0], True),
        ("Vault core", at[1], False),
        ("Vault core, later", at[1], False),
    ]
    assert found.redirect == f"/api/v1/contracts/{at[0]}"
    assert not (await get(there, "/api/v1/search?q=Vault%20old", One[Search])).data.results


async def test_calls_that_are_not_derived_are_refused(
    there: aiohttp.ClientSession, contracts: tuple[Serving, list[str]]
) -> None:
    details = await problem(there, f"/api/v1/contracts/{contracts[1][0]}/interactions", 404)
    assert details["type"] == "/problems/not-derived"
