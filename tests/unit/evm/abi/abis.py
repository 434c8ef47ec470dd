"""Short ABIs for tests: `event("Transfer", "address indexed from", …)` and the like."""

import json
from typing import Any

from evm.abi.entries import Abi, CustomError, Event, Function
from evm.abi.reading import read_abi


def member(text: str, components: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """`type [indexed] [name]` as its JSON."""
    kind, *rest = text.split()
    made: dict[str, Any] = {"type": kind, "name": rest[-1] if rest and rest[-1] != "indexed" else ""}
    made["indexed"] = "indexed" in rest
    if components is not None:
        made["components"] = components
    return made


def members(*texts: str | dict[str, Any]) -> list[dict[str, Any]]:
    return [member(text) if isinstance(text, str) else text for text in texts]


def read(*entries: dict[str, Any]) -> Abi:
    return read_abi(json.dumps(entries))


def event(name: str, *inputs: str | dict[str, Any], anonymous: bool = False) -> Event:
    return read({"type": "event", "name": name, "inputs": members(*inputs), "anonymous": anonymous}).events[0]


def function(
    name: str, *inputs: str | dict[str, Any], outputs: tuple[str | dict[str, Any], ...] = ()
) -> Function:
    entry = {"type": "function", "name": name, "inputs": members(*inputs), "outputs": members(*outputs)}
    return read({**entry, "stateMutability": "view"}).functions[0]


def error(name: str, *inputs: str | dict[str, Any]) -> CustomError:
    return read({"type": "error", "name": name, "inputs": members(*inputs)}).errors[0]
