"""A node's transactions with the EVM's own traces of them, as web3 hands them out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_typing import ChecksumAddress

from tests.acceptance.contracts import Chain

Row = dict[str, Any]
Key = tuple[Any, ...]

ZERO = bytes(20)


@dataclass(frozen=True)
class Seen:
    """A transaction as the node has it; `trace` is the callTracer's, with logs."""

    transaction: Mapping[str, Any]
    receipt: Mapping[str, Any]
    trace: Mapping[str, Any]

    @property
    def block(self) -> int:
        return int(self.receipt["blockNumber"])

    @property
    def index(self) -> int:
        return int(self.receipt["transactionIndex"])

    @property
    def created(self) -> bytes | None:
        address = self.receipt.get("contractAddress")
        return octets(address) if address and self.receipt["status"] else None

    def logs(self) -> Iterator[tuple[Mapping[str, Any], bytes]]:
        """Each log with the address whose code emitted it."""
        codes = {log["index"]: octets(frame["to"]) for frame in frames(self.trace) for log in _logs(frame)}
        first = min((log["logIndex"] for log in self.receipt["logs"]), default=0)
        for log in self.receipt["logs"]:
            yield log, codes[hex(log["logIndex"] - first)]


@dataclass
class Node:
    """The transactions of a chain; each block is fetched once, whatever becomes of it."""

    chain: Chain
    _seen: dict[bytes, list[Seen]] = field(default_factory=dict)
    read: dict[Key, Row] = field(default_factory=dict)

    def seen(self, last: int) -> list[Seen]:
        """Every transaction up to a block, in order."""
        eth = self.chain.web3.eth
        above: list[Mapping[str, Any]] = []
        block: Mapping[str, Any] = eth.get_block(last, full_transactions=True)
        while bytes(block["hash"]) not in self._seen and block["number"]:
            above.append(block)
            block = eth.get_block(block["number"] - 1, full_transactions=True)
        found = self._seen.setdefault(bytes(block["hash"]), [])
        for each in reversed(above):
            found = self._seen[bytes(each["hash"])] = [*found, *map(self._transaction, each["transactions"])]
        return found

    def _transaction(self, transaction: Mapping[str, Any]) -> Seen:
        receipt: Any = self.chain.web3.eth.get_transaction_receipt(transaction["hash"])
        return Seen(transaction, receipt, self._trace(bytes(transaction["hash"])))

    def _trace(self, transaction_hash: bytes) -> Mapping[str, Any]:
        options = {"tracer": "callTracer", "tracerConfig": {"withLog": True}}
        trace: Mapping[str, Any] = self.chain.request(
            "debug_traceTransaction", "0x" + transaction_hash.hex(), options
        )
        return trace

    def text(self, address: bytes) -> ChecksumAddress:
        return self.chain.web3.to_checksum_address(address)

    def each(self, calls: Sequence[Any]) -> list[Any]:
        """What contract functions or methods answer, asked together; given as functions without arguments."""
        answers: list[Any] = []
        for at in range(0, len(calls), 200):
            with self.chain.web3.batch_requests() as batch:
                for call in calls[at : at + 200]:
                    batch.add(call())
                answers += batch.execute()
        return answers


def octets(value: Any) -> bytes:
    return bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else bytes(value)


def people(transactions: Iterable[Seen]) -> set[bytes]:
    """Every address that any trace, receipt or log names, in any role."""
    found: set[bytes] = {ZERO}
    for each in transactions:
        for frame in frames(each.trace):
            found |= {octets(frame[side]) for side in ("from", "to") if frame.get(side)}
        for log in each.receipt["logs"]:
            found.add(octets(log["address"]))
            found |= {bytes(topic)[12:] for topic in log["topics"][1:] if not any(bytes(topic)[:12])}
    return found


def frames(trace: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield trace
    for called in trace.get("calls", ()):
        yield from frames(called)


def placed(
    frame: Mapping[str, Any], place: tuple[int, ...], *, fails: bool = False
) -> Iterator[tuple[tuple[int, ...], Mapping[str, Any], bool]]:
    fails = fails or "error" in frame
    yield place, frame, fails
    for number, called in enumerate(frame.get("calls", ())):
        yield from placed(called, (*place, number), fails=fails)


def _logs(frame: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    logs: Sequence[Mapping[str, Any]] = frame.get("logs", ())
    return logs
