"""Bytes made to crash a decoder, or to cost it more than they cost their sender."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evm.abi.decoders import event_decoder
from evm.abi.entries import Event
from evm.abi.outcome import Arguments, Fault, Undecodable
from tests.unit.evm.abi.abis import event, member

ENDLESS = 2**255


def words(*values: int) -> bytes:
    return b"".join((value % 2**256).to_bytes(32, "big") for value in values)


def decode(data: bytes, *inputs: str | dict[str, Any]) -> Arguments | Undecodable:
    made = event("E", *inputs)
    return event_decoder(made).decode([made.topic0], data)


KINDS = ["string x", "bytes x", "uint256[] x", "string[] x", "uint8[2][] x", "string[2] x", "bytes[][] x"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("offset", [ENDLESS, 2**256 - 32, 2**64, 2**63, 2**31, 96, 65])
def test_offset_outside_the_data_is_undecodable(kind: str, offset: int) -> None:
    outcome = decode(words(offset, 0, 0), kind)
    assert isinstance(outcome, Undecodable)
    assert (outcome.fault, outcome.argument) == (Fault.OFFSET, "x")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "string[2] x"])
@pytest.mark.parametrize("length", [ENDLESS, 2**256 - 1, 2**64, 2**59, 2**32, 97])
def test_length_beyond_the_data_is_undecodable(kind: str, length: int) -> None:
    outcome = decode(words(32, length, 0, 0, 0), kind)
    assert isinstance(outcome, Undecodable)
    assert (outcome.fault, outcome.argument) == (Fault.LENGTH, "x")


def test_offset_inside_an_element_leads_nowhere_else_than_its_own_array() -> None:
    assert decode(words(32, 1, ENDLESS), "string[] x") == Undecodable(Fault.OFFSET, "x[]")
    assert decode(words(32, 1, 2**256 - 64), "string[] x") == Undecodable(Fault.OFFSET, "x[]")


def test_offset_into_itself_ends_where_the_type_ends() -> None:
    # The offset is read once more, as the length it points to; Solidity's decoder does the same.
    assert decode(words(0), "bytes x") == {"x": "0x"}
    assert decode(words(0), "uint256[][][] x") == {"x": []}
    pair = member("tuple t", [member("bytes a"), member("bytes b")])
    assert decode(words(0, 0), pair) == {"t": {"a": "0x", "b": "0x"}}
    assert decode(words(32, 1, 0), "string[] x") == {"x": [""]}


@pytest.mark.parametrize("data", [b"", b"\0", bytes(31), bytes(63)])
def test_data_shorter_than_the_heads_is_undecodable(data: bytes) -> None:
    assert decode(data, "uint256 a", "uint256 b") == Undecodable(Fault.SHORT)
    assert decode(data, "uint256 a", "string b") == Undecodable(Fault.SHORT)
    assert decode(data, "uint256[1000000] a") == Undecodable(Fault.SHORT)


def test_fixed_array_larger_than_the_data_is_undecodable_at_once() -> None:
    assert decode(words(32, 0), "string[60000000] a") == Undecodable(Fault.OFFSET, "a")
    inner = member("tuple[] a", [member("uint256[60000000] b")])
    assert decode(words(32, 1), inner) == Undecodable(Fault.LENGTH, "a")


def fan(levels: int, width: int) -> bytes:
    """Arrays of `width` offsets that all point to the one next array: width ** levels values."""
    data = words(32)
    for _ in range(levels - 1):
        data += words(width, *[width * 32] * width)
    return data + words(width, *range(width))


def test_counts_that_multiply_over_the_same_bytes_are_undecodable() -> None:
    outcome = decode(fan(8, 40), "uint256" + "[]" * 8 + " x")
    assert isinstance(outcome, Undecodable)
    assert outcome.fault is Fault.OVERLAP


def test_strings_that_share_their_bytes_are_read_each() -> None:
    shared = words(64, 64, 3) + b"abc"
    assert decode(shared, "string a", "string b") == {"a": "abc", "b": "abc"}
    assert decode(words(32, 3, 96, 96, 96, 1) + b"z", "string[] x") == {"x": ["z", "z", "z"]}


def test_one_long_string_behind_many_offsets_is_undecodable() -> None:
    count = 200
    data = words(32, count, *[count * 32] * count, 6400) + b"y" * 6400
    assert decode(data, "string[] x") == Undecodable(Fault.OVERLAP, "x[]")
    assert decode(data[:32] + data[64:], f"string[{count}] x") == Undecodable(Fault.OVERLAP, "x[]")
    inputs = [f"string s{at}" for at in range(count)]
    heads = words(*[count * 32] * count, 6400) + b"y" * 6400
    outcome = decode(heads, *inputs)
    assert isinstance(outcome, Undecodable)
    assert outcome.fault is Fault.OVERLAP


BOMBS: list[tuple[Callable[[int], bytes], str | dict[str, Any]]] = [
    (lambda width: fan(2, width), "uint256[][] x"),
    (lambda width: fan(6, width), "uint256[][][][][][] x"),
    (lambda width: fan(3, width), member("tuple[][][] x", [member("bool a"), member("int256 b")])),
    (lambda width: words(32, width, *[width * 32] * width, width * 32) + b"y" * width * 32, "bytes[] x"),
    (lambda width: words(32, width, *[0] * width), "string[] x"),
    (lambda width: words(32, width * 8) + bytes(width * 256), "bool[] x"),
    (lambda width: words(32, width * 8) + b"\xff" * width * 256, member("tuple[] x", [member("int256 a")])),
]


@pytest.mark.parametrize(("bomb", "kind"), BOMBS)
def test_memory_follows_the_length_of_the_data(
    bomb: Callable[[int], bytes], kind: str | dict[str, Any]
) -> None:
    made = event("E", kind)
    decoder = event_decoder(made)
    for width in (20, 200, 800):
        data = bomb(width)
        tracemalloc.start()
        outcome = decoder.decode([made.topic0], data)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 100 * len(data) + 20_000
        del outcome


_TYPES = st.sampled_from([*KINDS, "uint256 x", "bytes32[3][] x", "address[2] x", "bool[][2] x"])


@settings(deadline=None)
@given(st.lists(_TYPES, max_size=4), st.binary(max_size=400), st.lists(st.binary(max_size=40), max_size=4))
def test_decoder_on_any_bytes_and_topics_at_all_raises_nothing(
    kinds: list[str], data: bytes, topics: list[bytes]
) -> None:
    made = event("E", *kinds)
    for given_topics in (topics, [made.topic0, *topics], [made.topic0]):
        assert isinstance(event_decoder(made).decode(given_topics, data), dict | Undecodable)


def test_name_that_is_a_python_keyword_or_our_own_variable_stays_a_name() -> None:
    names = ["class", "data", "topics", "size", "w0", "Malformed", "None", "number", "o", "n"]
    made = event("lambda", *[f"uint256 {name}" for name in names])
    assert isinstance(made, Event)
    outcome = event_decoder(made).decode([made.topic0], words(*range(len(names))))
    assert outcome == {name: str(at) for at, name in enumerate(names)}
