"""What one contract's logs, calls and reverts are read by: decoders, each with its row's fixed columns.

A reader is made once for a set of ABIs and kept. What nobody knows is not remembered: whoever emits logs
chooses their topics.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from evm.abi.decoders import EventDecoder, error_decoder, function_decoder
from evm.abi.entries import CustomError, Event, Function
from evm.abi.outcome import Arguments, Undecodable
from evm.abi.reverts import ERROR, PANIC, Revert, decode_revert
from indexer.decode.abis import NamedAbi
from indexer.decode.copy_rows import title
from indexer.decode.matching import DecodedLog, EventSet, decode_log

Outcome: TypeAlias = Arguments | Undecodable
DecodeEvent: TypeAlias = Callable[[Sequence[bytes], bytes], Outcome]
DecodeCall: TypeAlias = Callable[[bytes], Outcome]
# The columns abi, name and signature, and what gives the arguments. Without columns, `judge` gives both.
EventPlan: TypeAlias = tuple[bytes, DecodeEvent]
CallPlan: TypeAlias = tuple[bytes, DecodeCall]
Judge: TypeAlias = Callable[[Sequence[bytes], bytes], tuple[bytes, Outcome] | None]

_SELECTORS_BUILT_IN = frozenset({ERROR.error.selector, PANIC.error.selector})


class Shelf:
    """Some ABIs side by side; of what two of them declare alike, the first one's counts."""

    def __init__(self, abis: Iterable[NamedAbi]) -> None:
        self.functions: dict[bytes, tuple[Function, str]] = {}
        self.errors: dict[bytes, CustomError] = {}
        self.owners: dict[Event, str] = {}
        for each in abis:
            for event in each.abi.events:
                self.owners.setdefault(event, each.name)
            for function in each.abi.functions:
                self.functions.setdefault(function.selector, (function, each.name))
            for error in each.abi.errors:
                self.errors.setdefault(error.selector, error)
        self.events = EventSet(self.owners)


class Reader:
    """Reads by a contract's own ABIs first, then by those for every contract."""

    __slots__ = ("calls", "errors", "events", "judge")

    def __init__(self, own: Shelf, everywhere: Shelf) -> None:
        self.events = _Events(own, everywhere)
        self.calls = _Calls(own, everywhere)
        self.errors = _Errors(own, everywhere)
        self.judge = _judge(own, everywhere)


class _Events(dict[tuple[bytes | None, int], EventPlan | None]):
    """By first topic and number of topics. `None`, where there is a plan at all, asks for `judge`."""

    def __init__(self, own: Shelf, everywhere: Shelf) -> None:
        super().__init__()
        self._own, self._everywhere = own, everywhere

    def __missing__(self, key: tuple[bytes | None, int]) -> EventPlan | None:
        topic0, count = key
        topics = [topic0 or b""] * count
        for shelf in (self._own, self._everywhere):
            named = shelf.events.named(topics)
            if len(named) == 1:
                plan = (_title(shelf, named[0].event), named[0].decode)
                self[key] = plan
                return plan
            if named:
                self[key] = JUDGED
                return JUDGED
        # Any first topic at all may be an anonymous event's: not remembered.
        return JUDGED if self._own.events.anonymous(topics) else None


class _Calls(dict[bytes, CallPlan | None]):
    """By selector."""

    def __init__(self, own: Shelf, everywhere: Shelf) -> None:
        super().__init__()
        self._own, self._everywhere = own, everywhere

    def __missing__(self, selector: bytes) -> CallPlan | None:
        found = self._own.functions.get(selector) or self._everywhere.functions.get(selector)
        if found is None:
            return None
        function, abi = found
        plan = (title(abi, function.name, function.signature), function_decoder(function).decode_call)
        self[selector] = plan
        return plan


class _Errors:
    """What revert data says by the errors of the contract, of every contract, and of the language."""

    def __init__(self, own: Shelf, everywhere: Shelf) -> None:
        self._own, self._everywhere = own.errors, everywhere.errors

    def read(self, data: bytes) -> tuple[CustomError, Revert | Undecodable] | None:
        selector = data[:4]
        error = self._own.get(selector) or self._everywhere.get(selector)
        if selector in _SELECTORS_BUILT_IN:
            error = ERROR.error if selector == ERROR.error.selector else PANIC.error
        if error is None:
            return None
        outcome = decode_revert(data, {selector: error_decoder(error)})
        return None if outcome is None else (error, outcome)


def _never(_topics: Sequence[bytes], _data: bytes) -> Outcome:
    raise AssertionError("a judged log has no decoder of its own")


JUDGED: EventPlan = (b"", _never)
"""Several events, or anonymous ones, may be meant: the log itself decides."""


def _judge(own: Shelf, everywhere: Shelf) -> Judge:
    def judge(topics: Sequence[bytes], data: bytes) -> tuple[bytes, Outcome] | None:
        found = decode_log(own.events, everywhere.events, topics, data)
        if found is None:
            return None
        shelf = own if found.event in own.owners else everywhere
        outcome: Outcome = found.arguments if isinstance(found, DecodedLog) else found.outcome
        return _title(shelf, found.event), outcome

    return judge


def _title(shelf: Shelf, event: Event) -> bytes:
    return title(shelf.owners[event], event.name, event.signature)


__all__ = ["JUDGED", "CallPlan", "EventDecoder", "EventPlan", "Reader", "Shelf"]
