"""PURE: a slice of stored logs or calls into rows for COPY. This loop decides how fast decoding is.

What is too long to be read along with the others is given back, to be read one by one.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from evm.abi.outcome import Undecodable
from evm.abi.reverts import Revert
from indexer.decode import copy_rows
from indexer.decode.copy_rows import (
    ARGUMENTS_BYTES_MAX,
    NOTHING_READ,
    NULL,
    pack_event,
    pack_jsonb,
    text,
    to_json,
)
from indexer.decode.knowledge import BEFORE_LOGS, Contracts
from indexer.decode.reader import JUDGED, Reader
from indexer.decode.scopes import Filter

# Rows as the queries select_logs_after and select_calls_after give them.
LogRow: TypeAlias = Any
CallRow: TypeAlias = Any

_EVENT_COLUMNS = len(copy_rows.EVENT_COLUMNS)


@dataclass(frozen=True, slots=True)
class Lens:
    """The contracts of a segment as one scope knows them."""

    filter: Filter
    contracts: Contracts


@dataclass(slots=True)
class EventSlice:
    """What became of some logs: by first topic, how many have a row and how many no ABI knows."""

    rows: list[bytes] = field(default_factory=list)
    known: Counter[bytes] = field(default_factory=Counter)
    unknown: Counter[bytes] = field(default_factory=Counter)
    long: list[LogRow] = field(default_factory=list)


@dataclass(slots=True)
class CallSlice:
    """What became of some transactions."""

    rows: list[bytes] = field(default_factory=list)
    long: list[CallRow] = field(default_factory=list)
    count: int = 0


def decode_logs(records: Iterable[LogRow], lenses: Sequence[Lens]) -> EventSlice:
    """Rows of `decoded_events`. Logs that no lens holds are passed over."""
    made = EventSlice()
    add, known, unknown = made.rows.append, made.known, made.unknown
    only = _only(lenses)
    contracts = only or lenses[0].contracts
    constant = contracts.constant
    for record in records:
        block, index, transaction, address, topic0, topic1, topic2, topic3, data = record
        if only is None:
            chosen = _holding_log(lenses, address, topic0)
            if chosen is None:
                continue
            contracts, constant = chosen, chosen.constant
        reader = constant.get(address) or contracts.find(address, (block, transaction, index))
        topics: tuple[bytes, ...]
        if topic3 is not None:
            topics = (topic0, topic1, topic2, topic3)
        elif topic2 is not None:
            topics = (topic0, topic1, topic2)
        elif topic1 is not None:
            topics = (topic0, topic1)
        else:
            topics = () if topic0 is None else (topic0,)
        plan = reader.events[topic0, len(topics)]
        if plan is None:
            unknown[topic0 or b""] += 1
            continue
        if data is None:
            made.long.append(record)
            continue
        title, decode = plan
        if plan is JUDGED:
            judged = reader.judge(topics, data)
            if judged is None:
                unknown[topic0 or b""] += 1
                continue
            title, outcome = judged
        else:
            outcome = decode(topics, data)
        add(pack_event(_EVENT_COLUMNS, 8, block, 4, index, 4, transaction, 20, address))
        add(title)
        add(_outcome(outcome))
        known[topic0 or b""] += 1
    return made


def undecodable_log(record: LogRow, lenses: Sequence[Lens], reason: str) -> EventSlice:
    """The row of a log whose data is not read at all, where its event is known."""
    empty = decode_logs([(*record[:8], b"")], lenses)
    if empty.rows:
        block, index, transaction, address = record[:4]
        start = pack_event(_EVENT_COLUMNS, 8, block, 4, index, 4, transaction, 20, address)
        empty.rows = [start, empty.rows[1], NULL + text(reason)]
    return empty


def decode_calls(records: Iterable[CallRow], lenses: Sequence[Lens]) -> CallSlice:
    """Rows of `decoded_calls`, of those whose method or error is known."""
    made = CallSlice()
    only = _only(lenses)
    for record in records:
        block, index, recipient, selector, data, revert = record
        contracts = only or _holding_call(lenses, recipient, selector, revert[:4] if revert else b"")
        if contracts is None:
            continue
        reader = contracts.common if recipient is None else contracts.constant.get(recipient)
        reader = reader or contracts.find(recipient, (block, index, BEFORE_LOGS))
        method = b"" if len(selector) < 4 else _method(reader, selector, data)
        if method is None or revert is None:
            made.long.append(record)
            continue
        error = _error(reader, revert) if revert else b""
        if method or error:
            start = copy_rows.call_start(block, index, recipient)
            made.rows += (start, method or NOTHING_READ + NULL * 2, error or NULL * 5)
            made.count += 1
    return made


def undecodable_call(record: CallRow, lenses: Sequence[Lens], reason: str) -> CallSlice:
    """The row of a call whose bytes are not read at all, where its method is known."""
    block, index, recipient, selector, _, _ = record
    contracts = _holding_call(lenses, recipient, selector, b"")
    made = CallSlice()
    if contracts is None or recipient is None:
        return made
    plan = contracts.find(recipient, (block, index, BEFORE_LOGS)).calls[selector]
    if plan is not None:
        start = copy_rows.call_start(block, index, recipient)
        made.rows += (start, plan[0], NULL + text(reason), NULL * 5)
        made.count = 1
    return made


def _method(reader: Reader, selector: bytes, data: bytes | None) -> bytes | None:
    """The columns abi to undecodable; empty: unknown method, None: its bytes were left out."""
    plan = reader.calls[selector]
    if plan is None:
        return b""
    if data is None:
        return None
    title, decode = plan
    return title + _outcome(decode(data))


def _error(reader: Reader, revert: bytes) -> bytes:
    """The columns from error_name on; empty where the error is unknown."""
    found = reader.errors.read(revert)
    if found is None:
        return b""
    error, outcome = found
    name = text(error.name) + text(error.signature)
    if isinstance(outcome, Revert):
        return name + _jsonb(outcome.arguments) + text(outcome.reason) + NULL
    return name + NULL * 2 + text(outcome.reason)


def _outcome(outcome: dict[str, Any] | Undecodable) -> bytes:
    if isinstance(outcome, Undecodable):
        return NULL + text(outcome.reason)
    json = to_json(outcome)
    if len(json) > ARGUMENTS_BYTES_MAX:
        return NULL + text(copy_rows.too_long(len(json)))
    return pack_jsonb(len(json) + 1, 1) + json + NULL


def _jsonb(arguments: dict[str, Any]) -> bytes:
    json = to_json(arguments)
    return NULL if len(json) > ARGUMENTS_BYTES_MAX else pack_jsonb(len(json) + 1, 1) + json


def _only(lenses: Sequence[Lens]) -> Contracts | None:
    """What reads everything, where nothing has to be chosen."""
    return lenses[0].contracts if len(lenses) == 1 and lenses[0].filter.holds_all else None


def _holding_log(lenses: Sequence[Lens], address: bytes, topic0: bytes | None) -> Contracts | None:
    return next((lens.contracts for lens in lenses if lens.filter.holds_log(address, topic0)), None)


def _holding_call(
    lenses: Sequence[Lens], recipient: bytes | None, selector: bytes, error: bytes
) -> Contracts | None:
    return next(
        (lens.contracts for lens in lenses if lens.filter.holds_call(recipient, selector, error)), None
    )
