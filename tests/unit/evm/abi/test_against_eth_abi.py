"""The compiled decoders and eth_abi, an independent library, over random types, values and damaged bytes."""

from contextlib import suppress
from typing import Any

from eth_abi import abi as eth_abi
from eth_abi.exceptions import InsufficientDataBytes, InvalidPointer, NonEmptyPaddingBytes
from eth_utils.abi import event_signature_to_log_topic, function_signature_to_4byte_selector
from hypothesis import given, settings
from hypothesis import strategies as st

from evm.abi.decoders import event_decoder, function_decoder
from evm.abi.entries import Event, Function, Parameter, argument_names
from evm.abi.outcome import Arguments, Fault, Undecodable
from evm.abi.types import Array, Component, Tuple
from tests.unit.evm.abi import solidity_rules
from tests.unit.evm.abi.random_abis import (
    components,
    ours,
    reference_type,
    solidity_components,
    theirs,
    values,
)

Members = tuple[Component, ...]

_WORDS = st.one_of(
    st.integers(0, 40).map(lambda at: at * 32),
    st.integers(0, 300),
    st.sampled_from([2**255, 2**256 - 1, 2**256 - 32, 2**160, 2**64, 2**63 - 1, 2**31, 2, 1]),
).map(lambda number: number.to_bytes(32, "big"))


@st.composite
def encoded(
    draw: st.DrawFn, of: st.SearchStrategy[Members] = components
) -> tuple[Members, tuple[Any, ...], bytes]:
    members = draw(of)
    drawn = tuple(draw(values(member.type)) for member in members)
    return members, drawn, eth_abi.encode([reference_type(member.type) for member in members], drawn)


@st.composite
def damaged(draw: st.DrawFn, of: st.SearchStrategy[Members]) -> tuple[Members, bytes]:
    """An encoding after one to four of: another word, another byte, an end cut off, bytes behind it."""
    members, _, made = draw(encoded(of))
    data = bytearray(made)
    for _ in range(draw(st.integers(1, 4))):
        match draw(st.sampled_from(["word", "word", "byte", "cut", "more"])):
            case "word" if len(data) >= 32:
                at = draw(st.integers(0, len(data) // 32 - 1)) * 32
                data[at : at + 32] = draw(_WORDS)
            case "byte" if data:
                data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
            case "cut" if data:
                del data[draw(st.integers(0, len(data) - 1)) :]
            case _:
                data += draw(st.binary(max_size=40))
    return members, bytes(data)


def decode(members: Members, data: bytes) -> Arguments | Undecodable:
    return function_decoder(Function("f", (), members, "view")).decode_result(data)


def expected(members: Members, found: tuple[Any, ...]) -> Arguments:
    made = (ours(member.type, value) for member, value in zip(members, found, strict=True))
    return dict(zip(argument_names(members), made, strict=True))


@settings(deadline=None)
@given(encoded(), st.binary(max_size=40))
def test_decoder_on_any_encoding_gives_its_values_whatever_follows(
    sample: tuple[Members, tuple[Any, ...], bytes], more: bytes
) -> None:
    members, drawn, data = sample
    assert decode(members, data + more) == expected(members, drawn)


@settings(deadline=None)
@given(damaged(components))
def test_decoder_on_damaged_bytes_agrees_with_eth_abi(sample: tuple[Members, bytes]) -> None:
    members, data = sample
    types = [reference_type(member.type) for member in members]
    outcome = decode(members, data)
    # As Solidity's, our decoder lets an offset point into heads, and looks at no padding of bytes and strings.
    with suppress(InvalidPointer, InsufficientDataBytes, NonEmptyPaddingBytes, OverflowError):
        reference = expected(members, eth_abi.decode(types, data))
        assert outcome in (reference, Undecodable(Fault.OVERLAP, getattr(outcome, "argument", "")))
    if isinstance(outcome, Undecodable):
        return
    given_back = (theirs(member.type, value) for member, value in zip(members, outcome.values(), strict=True))
    canonical = eth_abi.encode(types, tuple(given_back))
    assert expected(members, eth_abi.decode(types, canonical)) == outcome
    assert decode(members, canonical) == outcome


@settings(deadline=None, max_examples=200)
@given(damaged(solidity_components))
def test_decoder_on_damaged_bytes_accepts_what_solidity_does(sample: tuple[Members, bytes]) -> None:
    members, data = sample
    outcome = decode(members, data)
    try:
        wanted = expected(members, solidity_rules.decode(members, data))
    except solidity_rules.Refused:
        assert isinstance(outcome, Undecodable)
    else:
        assert outcome in (wanted, Undecodable(Fault.OVERLAP, getattr(outcome, "argument", "")))


@st.composite
def logged(draw: st.DrawFn) -> tuple[Event, list[bytes], bytes, Arguments]:
    """An event with up to three indexed arguments, and one of its logs."""
    members, drawn, _ = draw(encoded())
    places = st.sets(st.integers(0, max(len(members) - 1, 0)), max_size=3)
    indexed = draw(places) if members else set()
    parameters = tuple(
        Parameter(member.name, member.type, at in indexed) for at, member in enumerate(members)
    )
    event = Event("E", parameters)
    topics, wanted = [event_signature_to_log_topic(event.signature)], expected(members, drawn)
    inside: list[tuple[str, Any]] = []
    for at, (name, parameter) in enumerate(zip(argument_names(parameters), parameters, strict=True)):
        kind = parameter.type
        if at not in indexed:
            inside.append((reference_type(kind), drawn[at]))
        elif kind.is_dynamic or isinstance(kind, Array | Tuple):
            topics.append(draw(st.binary(min_size=32, max_size=32)))
            wanted[name] = {"hash": "0x" + topics[-1].hex()}
        else:
            topics.append(eth_abi.encode([kind.canonical], [drawn[at]]))
    data = eth_abi.encode([kind for kind, _ in inside], [value for _, value in inside])
    return event, topics, data, wanted


@settings(deadline=None)
@given(logged())
def test_event_decoder_on_any_log_gives_indexed_and_other_arguments_in_order(
    sample: tuple[Event, list[bytes], bytes, Arguments],
) -> None:
    event, topics, data, wanted = sample
    decoder = event_decoder(event)
    outcome = decoder.decode(topics, data)
    assert outcome == wanted
    assert list(outcome) == list(argument_names(event.parameters))
    for others in (
        topics[:-1],
        [*topics, bytes(32)],
        [bytes(32), *topics[1:]],
        [*topics[:-1], topics[-1][:31]],
    ):
        assert decoder.decode(others, data) in {Undecodable(Fault.TOPICS, path) for path in ("", *wanted)}


@settings(deadline=None)
@given(encoded())
def test_call_decoder_on_any_input_wants_its_selector(sample: tuple[Members, tuple[Any, ...], bytes]) -> None:
    members, drawn, data = sample
    function = Function("f", members, (), "nonpayable")
    decoder = function_decoder(function)
    selector = function_signature_to_4byte_selector(function.signature)
    assert decoder.decode_call(selector + data) == expected(members, drawn)
    assert decoder.decode_call(bytes([selector[0] ^ 1]) + selector[1:] + data) == Undecodable(Fault.SELECTOR)
    assert decoder.decode_call(selector[:3]) == Undecodable(Fault.SELECTOR)
