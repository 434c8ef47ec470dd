import json
from collections.abc import Sequence
from typing import Any

import pytest
from eth_abi import abi as eth_abi
from web3 import Web3

from evm.abi.decoders import error_decoder, event_decoder, function_decoder
from evm.abi.entries import Event
from evm.abi.outcome import Arguments, Fault, Undecodable
from tests.unit.evm.abi.abis import error, event, function, member

ADDRESS = bytes(range(1, 21))
MAX = 2**256 - 1


def word(value: int | bytes) -> bytes:
    return value.rjust(32, b"\0") if isinstance(value, bytes) else (value % 2**256).to_bytes(32, "big")


def decode(made: Event, indexed: Sequence[bytes], data: bytes) -> Arguments | Undecodable:
    return event_decoder(made).decode([made.topic0, *indexed], data)


def decode_data(data: bytes, *inputs: str | dict[str, Any]) -> Arguments | Undecodable:
    return decode(event("E", *inputs), [], data)


def test_transfer_gives_lower_case_addresses_and_an_exact_decimal_amount() -> None:
    made = event("Transfer", "address indexed from", "address indexed to", "uint256 value")
    assert decode(made, [word(0), word(b"\xab" * 20)], word(MAX)) == {
        "from": "0x" + "00" * 20,
        "to": "0x" + "ab" * 20,
        "value": str(MAX),
    }


def test_numbers_small_and_large_are_all_decimal_text() -> None:
    data = b"".join(map(word, [0, 255, -128, -1, -(2**255), 2**255 - 1]))
    kinds = ["uint8 a", "uint8 b", "int8 c", "int256 d", "int256 e", "int256 f"]
    assert decode_data(data, *kinds) == {
        "a": "0",
        "b": "255",
        "c": "-128",
        "d": "-1",
        "e": str(-(2**255)),
        "f": str(2**255 - 1),
    }


def test_fixed_point_numbers_keep_all_their_places() -> None:
    data = b"".join(map(word, [-5, 10**18, 0]))
    outcome = decode_data(data, "fixed168x10 a", "ufixed b", "fixed8x1 c")
    assert outcome == {"a": "-0.0000000005", "b": "1.000000000000000000", "c": "0.0"}


def test_tuple_is_an_object_only_when_all_its_components_have_names() -> None:
    named = member("tuple point", [member("uint8 x"), member("bool y")])
    unnamed = member("tuple", [member("uint8 x"), member("bool")])
    assert decode_data(b"".join(map(word, [1, 1, 2, 0])), named, unnamed) == {
        "point": {"x": "1", "y": True},
        "arg1": ["2", False],
    }


def test_indexed_argument_of_more_than_a_word_is_marked_as_a_hash() -> None:
    pair = member("tuple indexed pair", [member("uint256 a")])
    made = event("E", "string indexed text", pair, "uint8[2] indexed bytes_", "bytes rest")
    hashes = [bytes([number]) * 32 for number in (1, 2, 3)]
    assert decode(made, hashes, eth_abi.encode(["bytes"], [b"\1"])) == {
        "text": {"hash": "0x" + "01" * 32},
        "pair": {"hash": "0x" + "02" * 32},
        "bytes_": {"hash": "0x" + "03" * 32},
        "rest": "0x01",
    }


def test_anonymous_event_has_all_four_topics_for_its_arguments() -> None:
    # ds-note, whose data a compiler of that time left without padding.
    inputs = ["bytes4 indexed sig", "address indexed guy", "bytes32 indexed foo", "bytes32 indexed bar"]
    made = event("LogNote", *inputs, "uint256 wad", "bytes fax", anonymous=True)
    topics = [b"\x12\x34\x56\x78" + bytes(28), word(ADDRESS), bytes(32), b"\xff" * 32]
    data = word(7) + word(64) + word(3) + b"abc"
    assert event_decoder(made).decode(topics, data) == {
        "sig": "0x12345678",
        "guy": "0x" + ADDRESS.hex(),
        "foo": "0x" + "00" * 32,
        "bar": "0x" + "ff" * 32,
        "wad": "7",
        "fax": "0x616263",
    }


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"\xed\xa0\x80", b"nul \0 inside", b"\xc0\x80"])
def test_string_that_jsonb_cannot_hold_is_marked_and_kept_as_hex(raw: bytes) -> None:
    data = eth_abi.encode(["bytes", "bytes"], [raw, "Ünïcode 🎉".encode()])
    assert decode_data(data, "string a", "string b") == {"a": {"hex": "0x" + raw.hex()}, "b": "Ünïcode 🎉"}


@pytest.mark.parametrize(
    ("kind", "value", "fault"),
    [
        ("address", word(2**160), Fault.PADDING),
        ("bool", word(2), Fault.RANGE),
        ("uint8", word(256), Fault.RANGE),
        ("uint248", word(MAX), Fault.RANGE),
        ("int8", word(128), Fault.RANGE),
        ("int8", word(-129), Fault.RANGE),
        ("ufixed8x1", word(256), Fault.RANGE),
        ("bytes4", b"abcd" + bytes(27) + b"\1", Fault.PADDING),
        ("bytes31", b"\1" * 32, Fault.PADDING),
        ("function", b"\1" * 25 + bytes(7), Fault.PADDING),
    ],
)
def test_word_with_bits_beside_its_value_is_undecodable_wherever_it_stands(
    kind: str, value: bytes, fault: Fault
) -> None:
    assert decode_data(value, f"{kind} x") == Undecodable(fault, "x")
    assert decode(event("E", f"{kind} indexed x"), [value], b"") == Undecodable(fault, "x")
    one = word(32) + word(1)
    assert decode_data(one + value, f"{kind}[] x") == Undecodable(fault, "x[]")
    assert decode_data(value, f"{kind}[1] x") == Undecodable(fault, "x[]")
    pair = member("tuple[] x", [member(f"{kind} y")])
    assert decode_data(one + value, pair) == Undecodable(fault, "x[].y")


def test_call_and_result_are_decoded_by_one_function() -> None:
    made = function("swap", "uint256[] amounts", "bytes", outputs=("bool", "string why"))
    decoder = function_decoder(made)
    data = eth_abi.encode(["uint256[]", "bytes"], [[1, 2], b"\xaa"])
    assert decoder.decode_call(made.selector + data) == {"amounts": ["1", "2"], "arg1": "0xaa"}
    assert decoder.decode_call(data) == Undecodable(Fault.SELECTOR)
    assert decoder.decode_result(eth_abi.encode(["bool", "string"], [True, "done"])) == {
        "arg0": True,
        "why": "done",
    }


def test_call_without_arguments_wants_nothing_but_its_selector() -> None:
    made = function("pause")
    assert function_decoder(made).decode_call(made.selector) == {}
    assert function_decoder(made).decode_call(made.selector + b"more") == {}
    assert function_decoder(made).decode_call(b"") == Undecodable(Fault.SELECTOR)


def test_custom_error_is_decoded_behind_its_selector() -> None:
    made = error("Short", "uint256 have", "uint256 want")
    assert error_decoder(made).decode(made.selector + word(1) + word(2)) == {"have": "1", "want": "2"}
    assert error_decoder(made).decode(made.selector + word(1)) == Undecodable(Fault.SHORT)


def test_reason_names_the_argument_and_what_is_wrong() -> None:
    outcome = decode_data(word(2), "bool paid")
    assert isinstance(outcome, Undecodable)
    assert outcome.reason == "paid: the number is out of its type's range"


def test_event_decodes_as_web3_does() -> None:
    orders = member("tuple[] orders", [member("address maker"), member("uint96[2][] steps")])
    made = event("Placed", "address indexed by", orders, "string note", "int64 indexed delta")
    entry = {"type": "event", "name": "Placed", "anonymous": False}
    entry["inputs"] = [
        member("address indexed by"),
        orders,
        member("string note"),
        member("int64 indexed delta"),
    ]
    values = [[(ADDRESS, [[1, 2], [3, 4]]), (bytes(20), [])], "hello"]
    data = eth_abi.encode(["(address,uint96[2][])[]", "string"], values)
    topics = [made.topic0, word(ADDRESS), word(-3)]
    log: Any = {"topics": topics, "data": data, "address": "0x" + "11" * 20}
    log |= dict.fromkeys(["blockNumber", "transactionIndex", "logIndex"], 0)
    log |= dict.fromkeys(["blockHash", "transactionHash"], bytes(32))
    contract = Web3().eth.contract(abi=json.loads(json.dumps([entry])))
    theirs = contract.events.Placed().process_log(log)["args"]
    ours = event_decoder(made).decode(topics, data)
    assert isinstance(ours, dict)
    assert ours["by"] == theirs["by"].lower()
    assert (ours["note"], ours["delta"]) == (theirs["note"], str(theirs["delta"]))
    assert ours["orders"] == [
        {"maker": one["maker"].lower(), "steps": [[str(step) for step in steps] for steps in one["steps"]]}
        for one in theirs["orders"]
    ]
