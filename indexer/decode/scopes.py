"""PURE: which knowledge reads which block. A scope says: these blocks, or some contracts, by this version.

Of several scopes that hold a log or a call, the highest counts: it was made last.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

ABOVE_ALL = 2**62
"""The id of a scope that is not recorded yet: whatever is known, it knows."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Some logs by address and first topic, some calls by recipient and selector; None holds all."""

    addresses: frozenset[bytes] | None = None
    topics: frozenset[bytes] | None = None
    selectors: frozenset[bytes] | None = None

    @classmethod
    def of(cls, *parts: Sequence[bytes] | None) -> "Filter":
        """From arrays of the database."""
        return cls(*(None if part is None else frozenset(part) for part in parts))

    @property
    def holds_all(self) -> bool:
        return self.addresses is None and self.topics is None and self.selectors is None

    def holds_log(self, address: bytes, topic0: bytes | None) -> bool:
        return (self.addresses is None or address in self.addresses) and (
            self.topics is None or topic0 in self.topics
        )

    def holds_call(self, recipient: bytes | None, selector: bytes, error: bytes) -> bool:
        return (self.addresses is None or recipient in self.addresses) and (
            self.selectors is None or selector in self.selectors or error in self.selectors
        )


ALL = Filter()


@dataclass(frozen=True, slots=True)
class Scope:
    """Blocks `first`…`last` as far as `filter` holds them, read by the ABIs of `version`."""

    id: int
    first: int
    last: int
    version: int
    filter: Filter = ALL


@dataclass(frozen=True, slots=True)
class Segment:
    """Blocks that the same scopes hold, the highest first; nothing below one that holds all counts."""

    first: int
    last: int
    scopes: tuple[Scope, ...]


def segments(scopes: Sequence[Scope], first: int, last: int, boundaries: Iterable[int] = ()) -> list[Segment]:
    """`first`…`last` in pieces, cut where a scope begins or ends and at `boundaries`; not what none holds."""
    cuts = {first, *(each for each in boundaries if first < each <= last)}
    for scope in scopes:
        cuts |= {cut for cut in (scope.first, scope.last + 1) if first < cut <= last}
    begins = sorted(cuts)
    ends = [*(begin - 1 for begin in begins[1:]), last]
    highest_first = sorted(scopes, key=lambda scope: scope.id, reverse=True)
    made = []
    for begin, end in zip(begins, ends, strict=True):
        holding: list[Scope] = []
        for scope in highest_first:
            if scope.first <= begin and end <= scope.last:
                holding.append(scope)
                if scope.filter.holds_all:
                    break
        if holding:
            made.append(Segment(begin, end, tuple(holding)))
    return made
