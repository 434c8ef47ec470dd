import json
from typing import Any

import pytest

from evm.abi.entries import Abi, argument_names
from evm.abi.errors import AbiInvalid
from evm.abi.reading import read_abi
from evm.abi.types import Array, Blob, Component, Kind, Tuple, Word
from tests.unit.evm.abi.abis import event, function, member, read

UINT = Word(Kind.UINT, 256)


@pytest.mark.parametrize(
    ("text", "topic"),
    [  # EIP-20, EIP-1155 and Uniswap V2, as every explorer shows them.
        (
            "Transfer(address,address,uint256)",
            "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
        ),
        (
            "TransferBatch(address,address,address,uint256[],uint256[])",
            "4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb",
        ),
        (
            "Swap(address,uint256,uint256,uint256,uint256,address)",
            "d78ad95fa46c994b6551d0da85fc275fe613ce37657fb8d5e3d130840159d822",
        ),
    ],
)
def test_event_of_a_standard_has_its_published_topic(text: str, topic: str) -> None:
    name, _, kinds = text.rstrip(")").partition("(")
    made = event(name, *kinds.split(","))
    assert (made.signature, made.topic0.hex()) == (text, topic)


def test_function_of_a_standard_has_its_published_selector() -> None:
    made = function("transfer", "address to", "uint256 value")
    assert (made.signature, made.selector.hex()) == ("transfer(address,uint256)", "a9059cbb")


def test_types_of_every_kind_become_values_and_canonical_text() -> None:
    inner = [member("uint"), member("function[2][]")]
    made = function("f", "int", "bytes", "string[]", "bytes32[3]", "ufixed", member("tuple[2]", inner))
    kinds = [component.type for component in made.inputs]
    assert kinds == [
        Word(Kind.INT, 256),
        Blob(is_text=False),
        Array(Blob(is_text=True), None),
        Array(Word(Kind.BYTES, 32), 3),
        Word(Kind.UFIXED, 128, 18),
        Array(
            Tuple((Component("", UINT), Component("", Array(Array(Word(Kind.FUNCTION, 24), 2), None)))),
            2,
        ),
    ]
    assert made.signature == "f(int256,bytes,string[],bytes32[3],ufixed128x18,(uint256,function[2][])[2])"


def test_entries_of_the_first_compilers_are_read() -> None:
    text = json.dumps(
        [
            {"name": "total", "constant": True, "inputs": [], "outputs": [{"type": "uint"}]},
            {"name": "buy", "type": "function", "constant": False, "payable": True, "inputs": []},
            {"name": "set", "constant": False, "inputs": [{"name": "x", "type": "int"}], "outputs": []},
            {"type": "fallback", "payable": True},
            {"type": "constructor", "inputs": [{"name": "x", "type": "no matter"}]},
        ]
    )
    functions = read_abi(text).functions
    assert [(one.signature, one.mutability) for one in functions] == [
        ("total()", "view"),
        ("buy()", "payable"),
        ("set(int256)", "nonpayable"),
    ]
    assert functions[0].outputs == (Component("", UINT),)


def test_artifact_of_a_compiler_is_read_for_its_abi() -> None:
    entry = {"type": "event", "name": "E", "inputs": []}
    assert read_abi(json.dumps({"contractName": "C", "abi": [entry]})) == read(entry)


def test_overloads_stand_side_by_side_and_repeated_entries_once() -> None:
    first = {"type": "event", "name": "E", "inputs": [member("uint256 a")]}
    second = {"type": "event", "name": "E", "inputs": [member("address a")]}
    assert [one.signature for one in read(first, second, first).events] == ["E(uint256)", "E(address)"]
    assert read() == Abi()


def test_arguments_without_a_name_or_with_one_twice_get_names_of_their_own() -> None:
    names = ["", "x", "x", "arg3", "", "x_2", "x", "arg0"]
    components = [Component(name, UINT) for name in names]
    assert argument_names(components) == ("arg0_2", "x", "x_3", "arg3", "arg4", "x_2", "x_4", "arg0")


EVENT = {"type": "event", "name": "E", "anonymous": False}


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (7, "entry 0: an object was expected, found a number"),
        ({"type": "modifier"}, "entry 0 (modifier): type: 'modifier' is no kind of entry"),
        ({"type": None}, "entry 0: type: expected a text, found null"),
        ({"type": "event", "inputs": []}, "entry 0 (event): name: is missing"),
        ({**EVENT}, "entry 0 (event E): inputs: is missing"),
        ({**EVENT, "inputs": {}}, "inputs: expected an array, found an object"),
        ({**EVENT, "inputs": ["uint"]}, "inputs[0]: an object was expected, found a text"),
        ({**EVENT, "inputs": [{"type": "uint", "name": "x"}]}, "inputs[0].indexed: is missing"),
        ({**EVENT, "inputs": [{"indexed": False}]}, "inputs[0].type: is missing"),
        ({**EVENT, "inputs": [member("uint x-y")]}, "inputs[0].name: 'x-y' is no name"),
        ({**EVENT, "inputs": [member("uint " + "x" * 300)]}, "inputs[0].name: 300 characters"),
        ({**EVENT, "name": "E(uint256)", "inputs": []}, "name: 'E(uint256)' is no name"),
        ({**EVENT, "name": "é", "inputs": []}, "name: 'é' is no name"),
        ({**EVENT, "inputs": [member("uint indexed")] * 4}, "4 are indexed, but the event is not anonymous"),
        ({**EVENT, "anonymous": True, "inputs": [member("uint indexed")] * 5}, "5 are indexed"),
        ({**EVENT, "anonymous": "no", "inputs": []}, "anonymous: expected true or false, found a text"),
        ({**EVENT, "inputs": [member("uint7")]}, "inputs[0].type: 'uint7': 7 bits"),
        ({**EVENT, "inputs": [member("uint264")]}, "264 bits"),
        ({**EVENT, "inputs": [member("uint08")]}, "'uint08' is not a type"),
        ({**EVENT, "inputs": [member("bytes0")]}, "bytes1 to bytes32"),
        ({**EVENT, "inputs": [member("bytes33")]}, "bytes1 to bytes32"),
        ({**EVENT, "inputs": [member("fixed128")]}, "'fixed128' is not a type"),
        ({**EVENT, "inputs": [member("fixed128x81")]}, "81 decimal places"),
        ({**EVENT, "inputs": [member("uint256x2")]}, "'uint256x2' is not a type"),
        ({**EVENT, "inputs": [member("Lib.State")]}, "inputs[0].type: 'Lib.State' is not a type"),
        ({**EVENT, "inputs": [member("uint" + "9" * 5000)]}, "…' is not a type"),
        ({**EVENT, "inputs": [member("uint[x]")]}, "expected array dimensions"),
        ({**EVENT, "inputs": [member("uint[-1]")]}, "expected array dimensions"),
        ({**EVENT, "inputs": [member("uint[][")]}, "expected array dimensions"),
        ({**EVENT, "inputs": [member("uint[0]")]}, "fixed arrays have 1 to"),
        ({**EVENT, "inputs": [member("uint[" + "9" * 5000 + "]")]}, "fixed arrays have 1 to"),
        ({**EVENT, "inputs": [member("uint[999999999]")]}, "no log or call can hold it"),
        ({**EVENT, "inputs": [member("uint[99999][99999]")]}, "no log or call can hold it"),
        ({**EVENT, "inputs": [member("uint" + "[]" * 40)]}, "types nest deeper than 32"),
        ({**EVENT, "inputs": [member("tuple")]}, "inputs[0].components: is missing"),
        ({**EVENT, "inputs": [member("tuple", [])]}, "a tuple has at least one component"),
        (
            {**EVENT, "inputs": [member("tuple t", [member("uint a"), member("tuple b", [member("u c")])])]},
            "entry 0 (event E): inputs[0].components[1].components[0].type: 'u' is not a type",
        ),
        ({**EVENT, "inputs": [member("uint")] * 1025}, "1025 members; at most 1024 are read"),
        ({"name": "f", "inputs": [], "stateMutability": "free"}, "stateMutability: 'free' is none of"),
        ({"name": "f", "inputs": [], "constant": 1}, "constant: expected true or false, found a number"),
    ],
)
def test_entry_that_is_wrong_is_named_with_its_field(entry: Any, told: str) -> None:
    with pytest.raises(AbiInvalid) as raised:
        read_abi(json.dumps([entry]))
    assert told in str(raised.value)
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize(
    "text", ["", "{", b"\xff", "[" * 100_000, '{"a":' * 50_000, "{}", '{"abi": {}}', "null", '"abi"', "7"]
)
def test_text_that_is_no_abi_is_refused(text: str | bytes) -> None:
    with pytest.raises(AbiInvalid):
        read_abi(text)


def test_texts_full_of_brackets_and_quotes_are_stepped_over() -> None:
    odd = '[{"' * 1000 + "\\"
    entry = {"type": "event", "name": "E", "inputs": [], "documentation": odd}
    assert read(entry) == read_abi(b"\xef\xbb\xbf" + json.dumps([{**entry, "anonymous": False}]).encode())
    with pytest.raises(AbiInvalid, match="no JSON"):
        read_abi('["' + '\\"' * 100_000)


def test_tuples_nested_beyond_any_contract_are_refused() -> None:
    inner = member("uint")
    for _ in range(200):
        inner = member("tuple", [inner])
    with pytest.raises(AbiInvalid, match="nest deeper than 32"):
        event("E", inner)


def test_faults_of_all_entries_are_told_together() -> None:
    with pytest.raises(AbiInvalid) as raised:
        read({"name": "a", "inputs": [member("x")]}, {"name": "b", "inputs": []}, {"type": "error"})
    assert [(fault.entry, fault.field) for fault in raised.value.faults] == [
        ("entry 0 (function a)", "inputs[0].type"),
        ("entry 2 (error)", "name"),
    ]
    with pytest.raises(AbiInvalid, match="and 80 more"):
        read(*[{"type": "error"}] * 100)
