"""PURE. Transfers within transactions, read from the traces of a block in either of the two formats.

`trace_block` (Besu, OpenEthereum) is a list in which each trace says its place; the `callTracer` of
`debug_traceBlockBy…` (geth, anvil, Besu) nests the calls. What the transaction itself moved is no trace here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from evm.primitives import Address, Hash32, MalformedHex, hex_to_bytes, hex_to_int

Type = Literal["call", "create", "selfdestruct"]

REVERTED_WITH_CALLER = "reverted with its caller"

_GAS_MAX = 2**63 - 1
_VALUE_MAX = 2**256 - 1
_ADDRESS_BYTES = 20
_ROOT: tuple[int, ...] = ()


class TraceMalformed(ValueError):
    """The traces are not those of this block, or not what the format promises; nothing of them is stored."""


@dataclass(frozen=True, slots=True)
class InternalTransfer:
    """One call below a transaction that moves value, creates or destroys; without `error` it took effect."""

    transaction_index: int
    trace_address: tuple[int, ...]
    type: Type
    from_address: Address
    to_address: Address | None
    value: int
    gas_used: int | None
    error: str | None


class TraceAction(msgspec.Struct, rename="camel", gc=False):
    """What a trace of `trace_block` did; which fields there are depends on its type."""

    from_: str | None = msgspec.field(default=None, name="from")
    to: str | None = None
    value: str | None = None
    call_type: str | None = None
    address: str | None = None
    refund_address: str | None = None
    balance: str | None = None


class TraceResult(msgspec.Struct, rename="camel", gc=False):
    gas_used: str | None = None
    address: str | None = None


class Trace(msgspec.Struct, rename="camel"):
    """One element of an answer to `trace_block`."""

    type: str
    action: TraceAction
    trace_address: list[int] = []
    result: TraceResult | None = None
    error: str | None = None
    transaction_position: int | None = None
    block_hash: str | None = None


class CallFrame(msgspec.Struct, rename="camel"):
    """One call of the `callTracer`."""

    type: str
    from_: str | None = msgspec.field(default=None, name="from")
    to: str | None = None
    value: str | None = None
    gas_used: str | None = None
    error: str | None = None
    calls: list["CallFrame"] = []


class TracedTransaction(msgspec.Struct, rename="camel"):
    """One element of an answer to `debug_traceBlockByNumber`."""

    tx_hash: str | None = None
    result: CallFrame | None = None
    error: str | None = None


def from_trace_block(
    traces: Sequence[Trace], block_hash: Hash32, transactions: int
) -> tuple[InternalTransfer, ...]:
    """The transfers of a block of `transactions` transactions. Raises TraceMalformed."""
    found: list[InternalTransfer] = []
    failed: set[tuple[int, ...]] = set()  # transaction and place of what failed, and with it all below
    rooted: set[int] = set()
    for trace in traces:
        if trace.block_hash is not None and _bytes(trace.block_hash, 32) != block_hash:
            raise TraceMalformed(f"a trace of {trace.block_hash:.80}, asked was 0x{block_hash.hex()}")
        position = trace.transaction_position
        if position is None or trace.type == "reward":
            continue
        if not 0 <= position < transactions:
            raise TraceMalformed(f"a trace is of transaction {position}, the block has {transactions}")
        place = tuple(trace.trace_address)
        path = (position, *place)
        if trace.error is not None:
            failed.add(path)
        if place == _ROOT:
            rooted.add(position)
        elif (transfer := _of_trace(trace, position, place)) is not None:
            above = any(path[:length] in failed for length in range(1, len(path)))
            found.append(_said(transfer, trace.error, above=above))
    if len(rooted) != transactions:
        raise TraceMalformed(f"{len(rooted)} transactions are traced, the block has {transactions}")
    return _unique(found)


def from_call_tracer(
    traced: Sequence[TracedTransaction], hashes: Sequence[Hash32]
) -> tuple[InternalTransfer, ...]:
    """The transfers of a block whose transactions are `hashes`, in their order. Raises TraceMalformed."""
    if len(traced) != len(hashes):
        raise TraceMalformed(f"{len(traced)} transactions are traced, the block has {len(hashes)}")
    found: list[InternalTransfer] = []
    for index, (transaction, hash_) in enumerate(zip(traced, hashes, strict=True)):
        if transaction.tx_hash is not None and _bytes(transaction.tx_hash, 32) != hash_:
            raise TraceMalformed(f"transaction {index} is traced as {transaction.tx_hash:.80}")
        if transaction.result is None:
            raise TraceMalformed(f"transaction {index} is not traced: {transaction.error or 'null'}")
        found += _of_frames(transaction.result, index)
    return _unique(found)


def _of_frames(root: CallFrame, index: int) -> Iterator[InternalTransfer]:
    """Depth first without recursion: a contract decides how deep it is."""
    waiting = [(root, _ROOT, False)]
    while waiting:
        frame, place, above = waiting.pop()
        if place != _ROOT and (transfer := _of_frame(frame, index, place)) is not None:
            yield _said(transfer, frame.error, above=above)
        below = above or frame.error is not None
        waiting += [
            (called, (*place, number), below) for number, called in reversed(list(enumerate(frame.calls)))
        ]


def _of_frame(frame: CallFrame, index: int, place: tuple[int, ...]) -> InternalTransfer | None:
    value = _number(frame.value, _VALUE_MAX) or 0
    match frame.type.upper():
        case "CALL" if value:
            type_: Type = "call"
        case "CREATE" | "CREATE2":
            type_ = "create"
        case "SELFDESTRUCT" | "SUICIDE":
            type_ = "selfdestruct"
        case _:
            return None
    created = None if frame.to is None else _address(frame.to)
    gas_used = _number(frame.gas_used, _GAS_MAX)
    return InternalTransfer(index, place, type_, _address(frame.from_), created, value, gas_used, None)


def _of_trace(trace: Trace, position: int, place: tuple[int, ...]) -> InternalTransfer | None:
    action = trace.action
    gas_used = None if trace.result is None else _number(trace.result.gas_used, _GAS_MAX)
    value = _number(action.value, _VALUE_MAX) or 0
    match trace.type:
        case "call" if value and action.call_type in (None, "call"):
            sender, receiver = _address(action.from_), _address(action.to)
            return InternalTransfer(position, place, "call", sender, receiver, value, gas_used, None)
        case "create":
            address = None if trace.result is None else trace.result.address
            created = None if address is None else _address(address)
            sender = _address(action.from_)
            return InternalTransfer(position, place, "create", sender, created, value, gas_used, None)
        case "suicide" | "selfdestruct":
            heir = None if action.refund_address is None else _address(action.refund_address)
            balance = _number(action.balance, _VALUE_MAX) or 0
            destroyed = _address(action.address)
            return InternalTransfer(position, place, "selfdestruct", destroyed, heir, balance, None, None)
    return None


def _said(transfer: InternalTransfer, error: str | None, *, above: bool) -> InternalTransfer:
    if error is None and not above:
        return transfer
    return InternalTransfer(
        transfer.transaction_index,
        transfer.trace_address,
        transfer.type,
        transfer.from_address,
        transfer.to_address,
        transfer.value,
        transfer.gas_used,
        error or (REVERTED_WITH_CALLER if above else "failed"),
    )


def _unique(found: Sequence[InternalTransfer]) -> tuple[InternalTransfer, ...]:
    places = {(transfer.transaction_index, transfer.trace_address) for transfer in found}
    if len(places) != len(found):
        raise TraceMalformed(f"{len(found)} traces share {len(places)} places")
    return tuple(found)


def _bytes(text: str | None, size: int) -> bytes:
    try:
        found = hex_to_bytes(text or "")
    except MalformedHex as error:
        raise TraceMalformed(str(error)) from error
    if len(found) != size:
        raise TraceMalformed(f"{len(found)} bytes where {size} are expected")
    return found


def _address(text: str | None) -> Address:
    return _bytes(text, _ADDRESS_BYTES)


def _number(text: str | None, greatest: int) -> int | None:
    if text is None:
        return None
    try:
        found = hex_to_int(text)
    except MalformedHex as error:
        raise TraceMalformed(str(error)) from error
    if found > greatest:
        raise TraceMalformed(f"a number of {found.bit_length()} bits where {greatest.bit_length()} are most")
    return found
