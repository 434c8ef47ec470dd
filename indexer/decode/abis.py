"""ABIs under the names that decoded rows carry: those that ship with the code, and the registered ones."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import evm
from evm.abi.entries import Abi, CustomError, Event, Function, Parameter
from evm.abi.reading import read_abi
from evm.abi.types import AbiType, Array, Component, Tuple
from evm.primitives import keccak256

FOLDER = Path(evm.__file__).parent / "abis"

# Of two built-in events with one layout the first is taken.
_BUILT_IN = ("pend_pool", "erc20", "erc721", "erc1155", "erc1967", "openzeppelin")


@dataclass(frozen=True, slots=True)
class Factory:
    """A contract whose `event` names its children in `argument`."""

    address: bytes
    event: Event
    argument: str


@dataclass(frozen=True, slots=True, eq=False)
class NamedAbi:
    """An ABI and whom it reads: one contract, the children of a factory, or, with neither, every contract."""

    id: int
    name: str
    abi: Abi
    address: bytes | None = None
    factory: Factory | None = None
    from_block: int = 0

    @property
    def is_everywhere(self) -> bool:
        return self.address is None and self.factory is None


@cache
def built_in() -> tuple[NamedAbi, ...]:
    """The ABIs that ship with the code, for every contract; registered ones come before them."""
    return tuple(NamedAbi(0, name, read_abi((FOLDER / f"{name}.json").read_bytes())) for name in _BUILT_IN)


def built_in_names() -> frozenset[str]:
    return frozenset(_BUILT_IN)


def content_of(abi: Abi) -> str:
    """The ABI as JSON with nothing in it but what decoding needs: one spelling for equal ABIs."""
    entries = [
        *map(event_entry, abi.events),
        *map(_function_entry, abi.functions),
        *map(_error_entry, abi.errors),
    ]
    return json.dumps(entries, separators=(",", ":"))


def content_hash(content: str) -> bytes:
    return keccak256(content.encode())


def event_entry(event: Event) -> dict[str, Any]:
    return {
        "type": "event",
        "name": event.name,
        "inputs": [_component(each) for each in event.parameters],
        "anonymous": event.anonymous,
    }


def event_from_entry(entry: str) -> Event:
    """The one event of `event_entry`'s JSON."""
    (event,) = read_abi(f"[{entry}]").events
    return event


def _function_entry(function: Function) -> dict[str, Any]:
    return {
        "type": "function",
        "name": function.name,
        "inputs": _components(function.inputs),
        "outputs": _components(function.outputs),
        "stateMutability": function.mutability,
    }


def _error_entry(error: CustomError) -> dict[str, Any]:
    return {"type": "error", "name": error.name, "inputs": _components(error.inputs)}


def _components(components: Sequence[Component]) -> list[dict[str, Any]]:
    return [_component(each) for each in components]


def _component(component: Component) -> dict[str, Any]:
    text, members = _type(component.type)
    made: dict[str, Any] = {"name": component.name, "type": text}
    if members is not None:
        made["components"] = members
    if isinstance(component, Parameter):
        made["indexed"] = component.indexed
    return made


def _type(kind: AbiType) -> tuple[str, list[dict[str, Any]] | None]:
    match kind:
        case Tuple(components):
            return "tuple", _components(components)
        case Array(element, length):
            text, members = _type(element)
            return f"{text}[{'' if length is None else length}]", members
        case _:
            return kind.canonical, None
