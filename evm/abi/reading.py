"""JSON ABIs, of today's compilers and of old ones, into values; whatever is wrong is told all at once.

Read is an array of entries, or a compiler's artifact that holds one under `abi`. Constructors, `receive` and
`fallback` are passed over: nothing on chain is decoded by them.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any, TypeVar

from evm.abi.entries import Abi, CustomError, Entry, Event, Function, Parameter
from evm.abi.errors import AbiFault, AbiInvalid
from evm.abi.types import (
    DEPTH_MAX,
    AbiType,
    Component,
    Tuple,
    TypeInvalid,
    elementary,
    make_arrays,
    shown,
    split_arrays,
)

NAME_CHARACTERS_MAX = 255
MEMBERS_MAX = 1024
_TITLE_CHARACTERS_MAX = 60

_JSON_DEPTH_MAX = 500

# Brackets, and texts to step over. One that is never closed reaches to the end: no place is read twice.
_MARKS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*", re.ASCII)
_MUTABILITIES = frozenset({"pure", "view", "nonpayable", "payable"})
_PASSED_OVER = frozenset({"constructor", "receive", "fallback"})
_TOPICS_MAX = 4
_Value = TypeVar("_Value")


class _Wrong(Exception):
    def __init__(self, where: str, problem: str) -> None:
        super().__init__(where, problem)
        self.where = where
        self.problem = problem


@dataclass(slots=True)
class _Found:
    events: dict[Event, None] = field(default_factory=dict)
    functions: dict[Function, None] = field(default_factory=dict)
    errors: dict[CustomError, None] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        match entry:
            case Event():
                self.events[entry] = None
            case Function():
                self.functions[entry] = None
            case CustomError():
                self.errors[entry] = None


def read_abi(text: str | bytes) -> Abi:
    """The ABI that `text` holds; an entry written twice counts once. Raises `AbiInvalid`."""
    try:
        document = _parse(text.decode("utf-8-sig") if isinstance(text, bytes) else text)
    except (ValueError, RecursionError) as error:
        raise AbiInvalid((AbiFault("", "", f"no JSON: {error}"),)) from error
    if isinstance(document, dict) and "abi" in document:
        document = document["abi"]
    if not isinstance(document, list):
        problem = (
            f"an array of entries was expected, or an object with one under `abi`; found {_kind(document)}"
        )
        raise AbiInvalid((AbiFault("", "", problem),))
    found, faults = _Found(), []
    for at, raw in enumerate(document):
        try:
            entry = _read_entry(raw)
        except _Wrong as wrong:
            faults.append(AbiFault(_title(at, raw), wrong.where, wrong.problem))
        else:
            if entry is not None:
                found.add(entry)
    if faults:
        raise AbiInvalid(tuple(faults))
    return Abi(tuple(found.events), tuple(found.functions), tuple(found.errors))


def _parse(text: str) -> Any:
    # A library may have raised Python's recursion limit (py_ecc does, which web3 brings). Then no parser
    # written in C stops at deep nesting: it overflows the stack, and the process ends.
    depth = 0
    for mark in _MARKS.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(mark[0], 0)
        if depth > _JSON_DEPTH_MAX:
            raise ValueError(f"it nests deeper than {_JSON_DEPTH_MAX}")
    return json.loads(text)


def _read_entry(raw: Any) -> Entry | None:
    if not isinstance(raw, dict):
        raise _Wrong("", f"an object was expected, found {_kind(raw)}")
    # The first compilers left `type` out where it was a function.
    match _field(raw, "", "type", str, "function"):
        case "event":
            return _read_event(raw)
        case "function":
            outputs = _read_components(raw, "", "outputs", 0) if "outputs" in raw else ()
            return Function(_name(raw, ""), _read_components(raw, "", "inputs", 0), outputs, _mutability(raw))
        case "error":
            return CustomError(_name(raw, ""), _read_components(raw, "", "inputs", 0))
        case kind if kind in _PASSED_OVER:
            return None
        case kind:
            raise _Wrong("type", f"{shown(kind)} is no kind of entry: expected event, function or error")


def _read_event(raw: dict[str, Any]) -> Event:
    parameters = []
    for where, member in _members(raw, "", "inputs"):
        component = _read_component(member, where, 0)
        indexed = _field(member, where, "indexed", bool)
        parameters.append(Parameter(component.name, component.type, indexed))
    event = Event(_name(raw, ""), tuple(parameters), _field(raw, "", "anonymous", bool, default=False))
    if event.topic_count > _TOPICS_MAX:
        held = "anonymous and has four" if event.anonymous else "not anonymous and has three"
        raise _Wrong(
            "inputs", f"{len(event.indexed_positions)} are indexed, but the event is {held} topics for them"
        )
    return event


def _mutability(raw: dict[str, Any]) -> str:
    """`stateMutability`; before Solidity 0.4.16 `constant` and `payable` said it."""
    if "stateMutability" in raw:
        mutability = _field(raw, "", "stateMutability", str)
        if mutability not in _MUTABILITIES:
            raise _Wrong(
                "stateMutability", f"{shown(mutability)} is none of {', '.join(sorted(_MUTABILITIES))}"
            )
        return mutability
    if _field(raw, "", "constant", bool, default=False):
        return "view"
    return "payable" if _field(raw, "", "payable", bool, default=False) else "nonpayable"


def _read_components(raw: dict[str, Any], where: str, key: str, depth: int) -> tuple[Component, ...]:
    return tuple(_read_component(member, place, depth) for place, member in _members(raw, where, key))


def _read_component(raw: dict[str, Any], where: str, depth: int) -> Component:
    text = _field(raw, where, "type", str)
    name = _field(raw, where, "name", str, "")
    if name:
        _check_name(name, f"{where}.name")
    try:
        base, dimensions = split_arrays(text)
        depth = _deeper(depth, len(dimensions) + 1)
        made: AbiType = _read_tuple(raw, where, depth) if base == "tuple" else elementary(base)
        return Component(name, make_arrays(made, dimensions))
    except TypeInvalid as invalid:
        raise _Wrong(f"{where}.type", str(invalid)) from invalid


def _deeper(depth: int, levels: int) -> int:
    if depth + levels > DEPTH_MAX:
        raise TypeInvalid(f"types nest deeper than {DEPTH_MAX}")
    return depth + levels


def _read_tuple(raw: dict[str, Any], where: str, depth: int) -> Tuple:
    components = _read_components(raw, where, "components", depth)
    if not components:
        # It would take no bytes, so that an array of any number of them fits into nothing.
        raise _Wrong(f"{where}.components", "a tuple has at least one component")
    return Tuple(components)


def _members(raw: dict[str, Any], where: str, key: str) -> list[tuple[str, dict[str, Any]]]:
    place = f"{where}.{key}" if where else key
    members = _field(raw, where, key, list)
    if len(members) > MEMBERS_MAX:
        raise _Wrong(place, f"{len(members)} members; at most {MEMBERS_MAX} are read")
    for at, member in enumerate(members):
        if not isinstance(member, dict):
            raise _Wrong(f"{place}[{at}]", f"an object was expected, found {_kind(member)}")
    return [(f"{place}[{at}]", member) for at, member in enumerate(members)]


def _name(raw: dict[str, Any], where: str) -> str:
    name = _field(raw, where, "name", str)
    _check_name(name, "name")
    return name


def _check_name(name: str, where: str) -> None:
    if len(name) > NAME_CHARACTERS_MAX:
        raise _Wrong(where, f"{len(name)} characters; names have at most {NAME_CHARACTERS_MAX}")
    if _IDENTIFIER.fullmatch(name) is None:
        raise _Wrong(where, f"{shown(name)} is no name: expected letters, digits, _ and $, a digit not first")


def _field(
    raw: dict[str, Any], where: str, key: str, kind: type[_Value], default: _Value | None = None
) -> _Value:
    place = f"{where}.{key}" if where else key
    if key not in raw:
        if default is None:
            raise _Wrong(place, "is missing")
        return default
    value = raw[key]
    if not isinstance(value, kind):
        raise _Wrong(place, f"expected {_NAMES[kind]}, found {_kind(value)}")
    return value


_NAMES: dict[type, str] = {
    str: "a text",
    bool: "true or false",
    list: "an array",
    dict: "an object",
    int: "a number",
    float: "a number",
    type(None): "null",
}


def _kind(value: object) -> str:
    return _NAMES[type(value)]


def _title(at: int, raw: Any) -> str:
    if not isinstance(raw, dict):
        return f"entry {at}"
    said = [raw.get("type", "function"), raw.get("name")]
    words = [part[:_TITLE_CHARACTERS_MAX] for part in said if isinstance(part, str) and part.isprintable()]
    return f"entry {at} ({' '.join(words)})" if words else f"entry {at}"
