"""Which event a log is: by first topic and number of topics, an anonymous one only by the log's contract.

ERC-20 and ERC-721 share the first topic of `Transfer`; the number of indexed arguments tells them apart.
"""

from collections.abc import Iterable, Sequence

import msgspec

from evm.abi.decoders import EventDecoder, event_decoder
from evm.abi.entries import Event
from evm.abi.outcome import Arguments, Fault, Undecodable


class DecodedLog(msgspec.Struct, frozen=True, gc=False):
    """A log, read."""

    event: Event
    arguments: Arguments


class UndecodedLog(msgspec.Struct, frozen=True, gc=False):
    """A log of a known event whose bytes are not what the event says; `event` is the first that was tried."""

    event: Event
    outcome: Undecodable


class EventSet:
    """The events of some ABIs. Of two that differ in nothing but names, the first one given counts."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._named: dict[tuple[bytes, int], list[EventDecoder]] = {}
        self._anonymous: dict[int, list[EventDecoder]] = {}
        seen = set()
        for event in events:
            # Types as well: anonymous events have no topic of their own to differ by.
            layout = (event.anonymous, event.signature, event.indexed_positions)
            if layout in seen:
                continue
            seen.add(layout)
            if event.anonymous:
                self._anonymous.setdefault(event.topic_count, []).append(event_decoder(event))
            else:
                key = (event.topic0, event.topic_count)
                self._named.setdefault(key, []).append(event_decoder(event))

    def named(self, topics: Sequence[bytes]) -> Sequence[EventDecoder]:
        return self._named.get((topics[0], len(topics)), ()) if topics else ()

    def anonymous(self, topics: Sequence[bytes]) -> Sequence[EventDecoder]:
        return self._anonymous.get(len(topics), ())


NOTHING = EventSet(())


def decode_log(
    own: EventSet, everywhere: EventSet, topics: Sequence[bytes], data: bytes
) -> DecodedLog | UndecodedLog | None:
    """The log by the ABIs of its contract, else by those for any contract; None when no event is known.

    A first topic says more than a number of topics, so anonymous events come last. One that does not fit
    is no evidence that the log was meant to be it: the log stays unknown.
    """
    for candidates in (own.named(topics), everywhere.named(topics)):
        if candidates:
            return _only_one(candidates, topics, data)
    anonymous = own.anonymous(topics)
    if anonymous:
        outcome = _only_one(anonymous, topics, data)
        if isinstance(outcome, DecodedLog) or outcome.outcome.fault is Fault.AMBIGUOUS:
            return outcome
    return None


def _only_one(
    candidates: Sequence[EventDecoder], topics: Sequence[bytes], data: bytes
) -> DecodedLog | UndecodedLog:
    """What the one candidate says that fits. Which of two would be meant the log itself does not tell."""
    fitting = []
    wrong: Undecodable | None = None
    for decoder in candidates:
        outcome = decoder.decode(topics, data)
        if isinstance(outcome, Undecodable):
            wrong = wrong or outcome
        else:
            fitting.append(DecodedLog(decoder.event, outcome))
    if len(fitting) == 1:
        return fitting[0]
    return UndecodedLog(candidates[0].event, wrong if wrong and not fitting else Undecodable(Fault.AMBIGUOUS))
