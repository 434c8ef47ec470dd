"""Compiled ABI decoders against eth_abi: ERC-20 Transfer, Uniswap V2 Swap, an event of a string and bytes."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import eth_abi

from benchmarks.report import Figures, Report, note, options
from evm.abi.decoders import event_decoder
from evm.abi.entries import Event, Parameter
from evm.abi.reading import read_abi

Log = tuple[tuple[bytes, ...], bytes]
Decode = Callable[[Sequence[bytes], bytes], object]

LOGS = 1000
SECONDS, QUICK_SECONDS = 2.0, 0.2
SLICES = 10
TEXT = "Invoice 2024-17 for the north pool, approved"


@dataclass(frozen=True, slots=True)
class Subject:
    """An event, its logs as a chain has them, and how much faster the compiled decoder must be."""

    event: Event
    logs: Sequence[Log]
    target: float


def main() -> None:
    given = options(__doc__ or "", rounds=5)
    report = Report("decode", "Compiled ABI decoders against eth_abi", {"eth_abi": eth_abi.__version__})
    report.say(
        "Logs with other values each, as bytes. eth_abi decodes each topic and the data, as web3 lets it\n"
        "do; beside it, one call over topics and data joined, which only static types allow. Its results\n"
        "are Python values. Ours are JSON-ready text, checked as the decision says\n"
        "(`docs/decisions/0005-compiled-abi-decoders.md`). All decode in turn, a tenth of a round each."
    )
    seconds = QUICK_SECONDS if given.quick else SECONDS
    rows = [
        _measure(subject, report, given.rounds, seconds) for subject in (_transfer(), _swap(), _message())
    ]
    head = [
        "event",
        "eth_abi, logs/s",
        "compiled, logs/s",
        "ratio",
        "target",
        "eth_abi in one call",
        "ratio to it",
    ]
    report.table(head, rows)
    report.finish(given)


def _measure(subject: Subject, report: Report, rounds: int, seconds: float) -> list[str]:
    decoders = (_each_topic(subject.event), _one_call(subject.event), event_decoder(subject.event).decode)
    rates: tuple[list[float], ...] = ([], [], [])
    for round_ in range(rounds):
        spent, done = [0.0] * 3, [0] * 3
        for _ in range(SLICES):
            for at, decode in enumerate(decoders):
                begun, passed = time.perf_counter(), 0.0
                while passed < seconds / SLICES:
                    for topics, data in subject.logs:
                        decode(topics, data)
                    done[at] += len(subject.logs)
                    passed = time.perf_counter() - begun
                spent[at] += passed
        for at, kept in enumerate(rates):
            kept.append(done[at] / spent[at])
        shown = ", ".join(f"{kept[-1]:,.0f}" for kept in rates)
        note(f"{subject.event.name}, round {round_ + 1}: {shown} logs/s")
    theirs, joined, ours = (Figures(tuple(kept)) for kept in rates)
    ratio, ratio_joined = (
        Figures(tuple(b / a for a, b in zip(them.values, ours.values, strict=True)))
        for them in (theirs, joined)
    )
    report.data[subject.event.name] = {
        "eth_abi": theirs,
        "eth_abi_one_call": joined,
        "compiled": ours,
        "ratio": ratio,
        "ratio_one_call": ratio_joined,
        "target": subject.target,
    }
    rate = [
        subject.event.signature,
        theirs.show(),
        ours.show(),
        f"**{ratio.show(1)}**",
        f"≥ {subject.target:.0f}",
    ]
    return [*rate, joined.show(), ratio_joined.show(1)]


def _types(event: Event) -> tuple[list[str], list[str]]:
    """Of the indexed arguments and of those in the data."""
    indexed = [parameter.type.canonical for parameter in event.parameters if parameter.indexed]
    return indexed, [parameter.type.canonical for parameter in event.parameters if not parameter.indexed]


def _each_topic(event: Event) -> Decode:
    indexed, inside = _types(event)
    if not indexed:
        return _one_call(event)
    singles = [[kind] for kind in indexed]
    return lambda topics, data: (
        [eth_abi.decode(kind, topic) for kind, topic in zip(singles, topics[1:], strict=True)],
        eth_abi.decode(inside, data),
    )


def _one_call(event: Event) -> Decode:
    indexed, inside = _types(event)
    if not indexed:
        return lambda _, data: eth_abi.decode(inside, data)
    together = indexed + inside
    return lambda topics, data: eth_abi.decode(together, b"".join(topics[1:]) + data)


def _event(name: str, inputs: Sequence[tuple[str, str, bool]]) -> Event:
    fields = [{"name": n, "type": t, "indexed": i} for n, t, i in inputs]
    return read_abi(json.dumps([{"type": "event", "name": name, "inputs": fields}])).events[0]


def _transfer() -> Subject:
    event = _event(
        "Transfer", [("from", "address", True), ("to", "address", True), ("value", "uint256", False)]
    )
    return Subject(event, _logs(event, lambda at: (at * 10**18 + 7,)), 25)


def _swap() -> Subject:
    amounts = [(name, "uint256", False) for name in ("amount0In", "amount1In", "amount0Out", "amount1Out")]
    event = _event("Swap", [("sender", "address", True), *amounts, ("to", "address", True)])
    return Subject(event, _logs(event, lambda at: (at * 10**18, 0, 0, at * 10**12 + 3)), 25)


def _message() -> Subject:
    event = _event("Message", [("text", "string", False), ("payload", "bytes", False)])
    return Subject(event, _logs(event, lambda at: (f"{TEXT} {at}", at.to_bytes(2, "big") * 30)), 10)


def _logs(event: Event, values: Callable[[int], tuple[object, ...]]) -> list[Log]:
    inside: list[Parameter] = [parameter for parameter in event.parameters if not parameter.indexed]
    types = [parameter.type.canonical for parameter in inside]
    indexed = len(event.parameters) - len(inside)
    logs = []
    for at in range(1, LOGS + 1):
        addresses = (bytes(12) + (at * 2**144 + place).to_bytes(20, "big") for place in range(indexed))
        logs.append(((event.topic0, *addresses), eth_abi.encode(types, values(at))))
    return logs


if __name__ == "__main__":
    main()
