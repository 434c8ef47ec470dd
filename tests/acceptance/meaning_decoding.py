"""Events and calls by web3's decoding, with the ABI that ought to read each.

Whose code emitted a log, a proxy's or a clone's say, is taken from the EVM's trace of its transaction.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from eth_utils.abi import abi_to_signature
from eth_utils.crypto import keccak

from tests.acceptance.contracts import UNISWAP, artifact
from tests.acceptance.meaning_cast import Cast
from tests.acceptance.meaning_node import Key, Node, Row, Seen, octets

_BUILT_IN = ("pend_pool", "erc20", "erc721", "erc1155", "erc1967", "openzeppelin")
_ABIS = Path(__file__).parents[2] / "evm" / "abis"


@dataclass(frozen=True)
class Abi:
    """The entries of one ABI, by what a log or a call shows of them."""

    name: str
    events: Mapping[tuple[bytes, int], Mapping[str, Any]]
    functions: Mapping[bytes, Mapping[str, Any]]


def named_abi(name: str, entries: Iterable[Mapping[str, Any]]) -> Abi:
    events, functions = {}, {}
    for entry in entries:
        if entry["type"] not in {"event", "function"}:
            continue
        digest = keccak(text=abi_to_signature(entry))  # type: ignore[arg-type]
        if entry["type"] == "function":
            functions[digest[:4]] = entry
        else:
            topics = 1 + sum(bool(each.get("indexed")) for each in entry["inputs"])
            events[digest, topics] = {"anonymous": False, **entry}
    return Abi(name, events, functions)


@cache
def built_in() -> tuple[Abi, ...]:
    return tuple(named_abi(name, json.loads((_ABIS / f"{name}.json").read_text())) for name in _BUILT_IN)


@dataclass(frozen=True)
class Shelf:
    """The ABIs that are registered, and from which block on code reached through a clone or beacon is known."""

    bound: Mapping[bytes, Abi]
    of_pairs: Abi | None = None
    known_from: Mapping[bytes, int] = field(default_factory=dict)

    def reading(
        self, address: bytes, code: bytes, block: int, children: Mapping[bytes, int]
    ) -> tuple[Abi, ...]:
        """Every ABI that could read a log of `address` (or a call to it) that `code` ran, the best first."""
        own = [self.bound[address]] if address in self.bound else []
        if code != address and code in self.bound and block >= self.known_from.get(address, 0):
            own.append(self.bound[code])
        if self.of_pairs and address in children and children[address] <= block:
            own.append(self.of_pairs)
        return (*own, *built_in())


NO_ABIS = Shelf({})


def shelf(files: Iterable[Path]) -> Shelf:
    """Of the files that were registered, each for the address it names, and of the factory's pairs."""
    documents = {file.stem: json.loads(file.read_text()) for file in files}
    bound = {octets(each["address"]): named_abi(name, each["abi"]) for name, each in documents.items()}
    return Shelf(bound, named_abi("pair", artifact(UNISWAP, "UniswapV2Pair")["abi"]))


def children(node: Node, cast: Cast, block: int) -> dict[bytes, int]:
    """The factory's pairs by its own events, and the block that made each."""
    event = cast.factory.events.PairCreated()
    return {
        octets(event.process_log(log)["args"]["pair"]): each.block
        for each in node.seen(block)
        for log in each.receipt["logs"]
        if log["address"] == cast.factory.address
    }


def events(node: Node, cast: Cast, by: Shelf, block: int) -> tuple[dict[Key, Row], Counter[bytes]]:
    """Every log by web3's decoding, and how many nobody could read, by first topic."""
    pairs = children(node, cast, block)
    found: dict[Key, Row] = {}
    unknown: Counter[bytes] = Counter()
    for each in node.seen(block):
        for log, code in each.logs():
            address = octets(log["address"])
            key = bytes(log["topics"][0]), len(log["topics"])
            abis = by.reading(address, code, each.block, pairs)
            abi = next((one for one in abis if key in one.events), None)
            if abi is None:
                unknown[key[0]] += 1
                continue
            entry: Any = abi.events[key]
            found[each.block, log["logIndex"]] = {
                "transaction_index": each.index,
                "address": address,
                "abi": abi.name,
                "name": entry["name"],
                "signature": abi_to_signature(entry),
                "arguments": _read_log(node, each, log, abi, entry),
            }
    return found, unknown


def calls(node: Node, cast: Cast, by: Shelf, block: int) -> dict[Key, Row]:
    """Every transaction whose method is known, by web3's decoding of its input."""
    pairs = children(node, cast, block)
    found: dict[Key, Row] = {}
    for each in node.seen(block):
        to, data = each.transaction.get("to"), bytes(each.transaction["input"])
        if not to or len(data) < 4:
            continue
        address = octets(to)
        abis = by.reading(address, _code_called(each.trace), each.block, pairs)
        abi = next((one for one in abis if data[:4] in one.functions), None)
        if abi is None:
            continue
        entry: Any = abi.functions[data[:4]]
        found[each.block, each.index] = {
            "address": address,
            "abi": abi.name,
            "name": entry["name"],
            "signature": abi_to_signature(entry),
            "arguments": _read_call(node, each, abi, entry),
        }
    return found


def _read_log(node: Node, of: Seen, log: Any, abi: Abi, entry: Any) -> Row:
    key = bytes(of.transaction["hash"]), int(log["logIndex"]), abi.name
    if key not in node.read:
        event = node.chain.web3.eth.contract(abi=[entry]).events[entry["name"]]()
        node.read[key] = _plain_all(entry["inputs"], event.process_log(log)["args"])
    return node.read[key]


def _read_call(node: Node, of: Seen, abi: Abi, entry: Any) -> Row:
    key = bytes(of.transaction["hash"]), None, abi.name
    if key not in node.read:
        contract = node.chain.web3.eth.contract(abi=[entry])
        _, arguments = contract.decode_function_input(of.transaction["input"])
        node.read[key] = _plain_all(entry["inputs"], arguments)
    return node.read[key]


def _code_called(trace: Mapping[str, Any]) -> bytes:
    """Whose code took the call: a proxy hands the same input on."""
    for called in trace.get("calls", ()):
        if called["type"] == "DELEGATECALL" and called["input"] == trace["input"]:
            return octets(called["to"])
    return octets(trace["to"])


def _plain_all(inputs: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any]) -> Row:
    """One argument may be without a name, as in Uniswap's PairCreated: its place is its name."""
    found = {}
    for place, each in enumerate(inputs):
        kind, value = each["type"], arguments[each["name"]]
        is_hash = each.get("indexed") and (kind in {"string", "bytes"} or kind.endswith("]"))
        read = {"hash": _plain("bytes32", value)} if is_hash else _plain(kind, value)
        found[each["name"] or f"arg{place}"] = read
    return found


def _plain(kind: str, value: Any) -> Any:
    """As the database shows a value: numbers as text, since JSON's own are not exact."""
    if kind.endswith("]"):
        return [_plain(kind[: kind.rindex("[")], each) for each in value]
    if kind == "address":
        return value.lower()
    if kind.startswith("bytes"):
        return "0x" + bytes(value).hex()
    return value if isinstance(value, bool | str) else str(value)
