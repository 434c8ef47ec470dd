"""ABIs that cannot be registered are refused with what is wrong and what to do."""

import json
from pathlib import Path
from typing import Any

import pytest

from evm.abi.reading import read_abi
from indexer.decode.abis import built_in, content_of
from indexer.decode.candidates import (
    FILE_BYTES_MAX,
    parse_address,
    parse_announcement,
    read_candidate,
    resolve,
)
from indexer.decode.errors import AddressRefused, FactoryRefused
from indexer.errors import Refused
from tests.unit.evm.abi.abis import event

FACTORY = "0x" + "f0" * 20
CHECKSUMMED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"  # EIP-55
PING = [{"type": "event", "name": "Ping", "inputs": [{"name": "n", "type": "uint256", "indexed": False}]}]
CREATED = event("Created", "address indexed child")


def written(folder: Path, document: Any) -> Path:
    path = folder / "ping.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


@pytest.mark.parametrize(
    ("options", "document", "part"),
    [
        ({}, "no array", "no JSON"),
        ({}, '"text"', "an array of entries was expected"),
        ({}, [], "declares no event, function or error"),
        ({}, [{"type": "event", "name": "A", "inputs": [{"type": "uint7", "indexed": False}]}], "7 bits"),
        ({"name": "erc20"}, PING, "a built-in ABI is called so"),
        ({"name": "7"}, PING, "a letter or _ first"),
        ({"name": "a" * 101}, PING, "101 of 100 characters"),
        ({"name": "a b"}, PING, "letters, digits"),
        ({"address": "0x12"}, PING, "1 bytes instead of 20"),
        ({"address": "12"}, PING, "expected 0x"),
        ({"address": CHECKSUMMED[:-1] + "D"}, PING, "its checksum is wrong"),
        ({"factory": "0x12"}, PING, "three parts with colons"),
        ({"factory": "0x12:A:b"}, PING, "1 bytes instead of 20"),
        ({"address": FACTORY, "factory": f"{FACTORY}:A:b"}, PING, "not for both"),
        ({}, {"abi": PING, "fromBlock": "x"}, "`fromBlock`"),
        ({}, {"abi": PING, "fromBlock": -1}, "`fromBlock`"),
        ({}, {"abi": PING, "fromBlock": True}, "`fromBlock`"),
        ({}, {"abi": PING, "address": 5}, "`address`"),
        ({}, " " * (FILE_BYTES_MAX + 1), "larger than"),
    ],
)
def test_candidate_that_cannot_be_is_refused(
    tmp_path: Path, options: dict[str, str], document: Any, part: str
) -> None:
    with pytest.raises(Refused, match=part) as raised:
        read_candidate(written(tmp_path, document), **options)  # type: ignore[arg-type]
    assert raised.value.next_step


def test_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="No such file"):
        read_candidate(tmp_path / "none.json")


def test_what_stands_beside_the_abi_counts_where_no_option_is_given(tmp_path: Path) -> None:
    path = written(tmp_path, {"abi": PING, "address": CHECKSUMMED, "fromBlock": 7})
    beside = read_candidate(path)
    assert (beside.name, beside.address, beside.from_block) == ("ping", bytes.fromhex(CHECKSUMMED[2:]), 7)
    given = read_candidate(path, factory=f"{FACTORY}:Created:child", from_block=0)
    assert (given.address, str(given.announcement), given.from_block) == (None, f"{FACTORY}:Created:child", 0)


@pytest.mark.parametrize("text", [CHECKSUMMED, CHECKSUMMED.lower(), "0x" + CHECKSUMMED[2:].upper()])
def test_address_is_taken_in_one_case_or_with_its_checksum(text: str) -> None:
    assert parse_address(text, "address") == bytes.fromhex(CHECKSUMMED[2:])


def test_address_in_another_mixture_of_cases_is_refused() -> None:
    with pytest.raises(AddressRefused):
        parse_address("0x" + CHECKSUMMED[2:].swapcase(), "address")


@pytest.mark.parametrize("name", ["Created", "Created(address)", "Created( address )"])
def test_announcement_finds_its_event_by_name_or_signature(name: str) -> None:
    announcement = parse_announcement(f"{FACTORY}:{name}:child")
    other = event("Created", "address indexed child", "uint256 salt")
    found = resolve(announcement, ([], [CREATED], [other]))
    assert (found.event, found.argument, found.address) == (CREATED, "child", bytes.fromhex(FACTORY[2:]))


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        ([], "no known ABI"),
        ([CREATED, event("Created", "address child")], "several events are meant"),
        ([event("Created", "address pair")], "has the arguments pair"),
        ([event("Created", "uint256 child")], "is uint256, expected address"),
        ([event("Created", "address child", anonymous=True)], "is anonymous"),
    ],
)
def test_announcement_that_cannot_be_read_is_refused(declared: list[Any], reason: str) -> None:
    with pytest.raises(FactoryRefused, match=reason):
        resolve(parse_announcement(f"{FACTORY}:Created:child"), (declared,))


def test_stored_content_of_every_shape_is_read_back_as_it_was() -> None:
    inner = {"name": "p", "type": "tuple[2][]", "indexed": False, "components": [
        {"name": "x", "type": "uint"}, {"name": "q", "type": "tuple", "components": [{"name": "", "type": "bytes4[3]"}]},
    ]}  # fmt: skip
    document = [
        {"type": "event", "name": "A", "anonymous": True, "inputs": [inner]},
        {"type": "error", "name": "E", "inputs": [{"name": "f", "type": "fixed"}]},
        {"name": "old", "constant": True, "inputs": [], "outputs": [{"name": "", "type": "string"}]},
    ]
    abi = read_abi(json.dumps(document))
    assert read_abi(content_of(abi)) == abi
    assert [read_abi(content_of(each.abi)) for each in built_in()] == [each.abi for each in built_in()]
