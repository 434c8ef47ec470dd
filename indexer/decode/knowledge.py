"""PURE: which ABIs are in force in one version, and which of them read a contract at a place in the chain."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from indexer.decode.abis import NamedAbi, built_in
from indexer.decode.reader import Reader, Shelf

# Block, transaction index and log index; a call stands before the logs of its transaction.
Place: TypeAlias = tuple[int, int, int]
BEFORE_LOGS = -1

_READERS_KEPT = 10_000
_ADDRESSES_KEPT = 50_000


@dataclass(frozen=True, slots=True)
class Pointer:
    """From this log on, `proxy` (or a beacon) pointed to `target`."""

    block: int
    transaction_index: int
    log_index: int
    is_beacon: bool
    target: bytes

    @property
    def effect(self) -> Place:
        """The first place behind the log."""
        return self.block, self.transaction_index, self.log_index + 1


@dataclass(frozen=True, slots=True)
class Code:
    """What a node said: what a contract is a clone of (EIP-1167), and where a beacon points."""

    clone_of: bytes | None
    beacon_implementation: bytes | None


class Knowledge:
    """The ABIs of one version, the newest first: of two that read one log alike, the newest counts."""

    def __init__(self, abis: Sequence[NamedAbi]) -> None:
        self.ids = tuple(each.id for each in abis)
        self.by_id = {each.id: each for each in abis}
        self.of_factories = tuple(each for each in abis if each.factory is not None)
        self.bound: dict[bytes, tuple[NamedAbi, ...]] = {}
        for each in abis:
            if each.address is not None:
                self.bound[each.address] = (*self.bound.get(each.address, ()), each)
        self._everywhere = tuple(each for each in abis if each.is_everywhere)
        self.boundaries = sorted({each.from_block for each in abis if each.from_block})
        self._readings: dict[int, Reading] = {}

    def at(self, block: int) -> "Reading":
        """What reads blocks from `block` up to the next of `boundaries`."""
        step = bisect_right(self.boundaries, block)
        if step not in self._readings:
            everywhere = [each for each in self._everywhere if each.from_block <= block]
            self._readings[step] = Reading(Shelf([*everywhere, *built_in()]))
        return self._readings[step]


NOTHING = Shelf(())


class Reading:
    """Readers by the ABIs that a contract has of its own."""

    def __init__(self, everywhere: Shelf) -> None:
        self._everywhere = everywhere
        self.common = Reader(NOTHING, everywhere)
        self._readers: dict[tuple[int, ...], Reader] = {}

    def reader(self, own: Sequence[NamedAbi]) -> Reader:
        if not own:
            return self.common
        key = tuple(each.id for each in own)
        if key not in self._readers:
            if len(self._readers) >= _READERS_KEPT:
                self._readers.clear()
            self._readers[key] = Reader(Shelf(own), self._everywhere)
        return self._readers[key]


@dataclass(slots=True)
class Contracts:
    """The contracts of a range of blocks between two boundaries: who is read by what, and from where on.

    `pointers` are all that touch the range, with the last one before it, of proxies and of their beacons, in
    order; `children` are the ABIs of a factory's child, and the block from which each reads it.
    """

    knowledge: Knowledge
    first: int
    pointers: Mapping[bytes, Sequence[Pointer]] = field(default_factory=dict)
    codes: Mapping[bytes, Code] = field(default_factory=dict)
    children: Mapping[bytes, Sequence[tuple[int, int]]] = field(default_factory=dict)
    constant: dict[bytes, Reader] = field(default_factory=dict)
    _changing: dict[bytes, tuple[list[Place], list[Reader]]] = field(default_factory=dict)

    @property
    def common(self) -> Reader:
        """By the ABIs for every contract."""
        return self.knowledge.at(self.first).common

    def find(self, address: bytes, place: Place) -> Reader:
        """The reader of a contract at a place; one that holds everywhere is in `constant` from then on."""
        held = self._changing.get(address)
        if held is None:
            if len(self.constant) >= _ADDRESSES_KEPT:
                self.constant.clear()
            places, readers = self._history(address)
            if len(readers) == 1:
                self.constant[address] = readers[0]
                return readers[0]
            held = self._changing[address] = places, readers
        places, readers = held
        return readers[bisect_right(places, place)]

    def _history(self, address: bytes) -> tuple[list[Place], list[Reader]]:
        """Places where the reader changes, and one reader more than places."""
        reading = self.knowledge.at(self.first)
        pointers = self.pointers.get(address, ())
        places = {each.effect for each in pointers}
        for each in pointers:
            if each.is_beacon:
                places |= {moved.effect for moved in self.pointers.get(each.target, ())}
        children = self.children.get(address, ())
        places |= {(block, BEFORE_LOGS, BEFORE_LOGS) for _, block in children if block > self.first}
        ordered = sorted(places)
        start: Place = (self.first, BEFORE_LOGS, BEFORE_LOGS)
        return ordered, [reading.reader(self._own(address, at)) for at in [_before(ordered, start), *ordered]]

    def _own(self, address: bytes, at: Place) -> list[NamedAbi]:
        bound = self.knowledge.bound
        target = self._target(address, at)
        own = list(bound.get(address, ()))
        if target is not None and target != address:
            own += bound.get(target, ())
        for abi_id, block in self.children.get(address, ()):
            if block <= at[0] and (abi := self.knowledge.by_id.get(abi_id)) is not None and abi not in own:
                own.append(abi)
        return [each for each in own if each.from_block <= self.first]

    def _target(self, address: bytes, at: Place) -> bytes | None:
        """The contract whose code runs: a proxy's implementation, its beacon's, or what it is a clone of."""
        pointer = _last(self.pointers.get(address, ()), at)
        if pointer is None:
            code = self.codes.get(address)
            return code.clone_of if code else None
        if not pointer.is_beacon:
            return pointer.target
        behind = _last(self.pointers.get(pointer.target, ()), at)
        if behind is not None:
            return None if behind.is_beacon else behind.target
        code = self.codes.get(pointer.target)
        return code.beacon_implementation if code else None


def _last(pointers: Iterable[Pointer], at: Place) -> Pointer | None:
    found = None
    for each in pointers:
        if each.effect > at:
            break
        found = each
    return found


def _before(places: Sequence[Place], start: Place) -> Place:
    """A place below every change: the start of the range, or what lies before a change that is older."""
    if not places or start < places[0]:
        return start
    return places[0][0], places[0][1], places[0][2] - 1
