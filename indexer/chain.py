"""PURE: where a branch of headers belongs on the chain that is stored (invariants 2, 3 and 6).

No I/O, no clock. The follower asks `place` after each header it learns and does what the answer says.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Link:
    """What linking needs of a header."""

    number: int
    hash: bytes
    parent_hash: bytes


@dataclass(frozen=True, slots=True)
class Window:
    """The newest stored blocks, lowest first, neighbours linked; empty before the first block.

    A hole within is what a backfill above the tip has left out so far. Nothing at or below `finalized` may
    ever change; -1 when nothing is final. `max_reorg_depth` is how many blocks one reorg may remove.
    """

    links: tuple[Link, ...]
    finalized: int
    max_reorg_depth: int
    by_number: dict[int, Link] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for below, above in zip(self.links, self.links[1:], strict=False):
            is_child = above.number == below.number + 1 and above.parent_hash == below.hash
            if not is_child and above.number <= below.number + 1:
                raise ValueError(
                    f"window is not linked: block {above.number} does not follow block {below.number}"
                )
        object.__setattr__(self, "by_number", {link.number: link for link in self.links})

    @property
    def tip(self) -> Link | None:
        return self.links[-1] if self.links else None

    @property
    def unbroken_from(self) -> int:
        """The lowest block from which on nothing is missing up to the tip. Not for an empty window."""
        lowest = self.links[-1].number
        while lowest - 1 in self.by_number:
            lowest -= 1
        return lowest

    def extended(self, links: Iterable[Link], *, ancestor: Link | None, finalized: int) -> "Window":
        """The window after `links` were stored above `ancestor` (None: the store was empty)."""
        kept = tuple(link for link in self.links if ancestor is not None and link.number <= ancestor.number)
        newest = (kept + tuple(links))[-(self.max_reorg_depth + 1) :]
        return Window(newest, max(self.finalized, finalized), self.max_reorg_depth)


@dataclass(frozen=True, slots=True)
class Extend:
    """The branch continues the tip (None: the store is empty and the branch starts it)."""

    ancestor: Link | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Blocks `first`…`last` lie between the tip and the branch and must come first."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class NeedParent:
    """The branch competes with stored blocks; its lowest parent must be known to judge."""

    number: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Rollback:
    """The branch replaces the `depth` stored blocks above `ancestor`."""

    ancestor: Link
    depth: int


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The whole branch is stored already: a repeated head, or a node that lags."""


@dataclass(frozen=True, slots=True)
class BelowWindow:
    """The branch lies below the window: a node that lags far, or another chain; the store must be asked."""

    number: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class TooDeep:
    """The branch would change block `number`, which is final or deeper than a reorg may go.

    `stored` is the hash that stands at `number` (None: older than the window), `offered` the node's.
    """

    number: int
    stored: bytes | None
    offered: bytes
    depth: int
    final: bool


Placement = Extend | Gap | NeedParent | Rollback | Duplicate | BelowWindow | TooDeep


def place(window: Window, branch: Sequence[Link]) -> Placement:
    """Say what must happen for `branch` to become the chain.

    `branch` is contiguous and linked, lowest first, and ends at the head that the node named.
    Cases, in order: nothing stored; above the tip with a hole; right above the tip; older than the
    window; nothing contradicted; partly stored; competing. A block that falls into a hole contradicts
    nothing: the tip that is above it came from the same chain, or will be contradicted itself.
    """
    lowest, tip = branch[0], window.tip
    if tip is None:
        return Extend(None)
    if lowest.number > tip.number + 1:
        return Gap(tip.number + 1, lowest.number - 1)
    if lowest.number == tip.number + 1 and lowest.parent_hash == tip.hash:
        return Extend(tip)
    if branch[-1].number < window.links[0].number:
        return BelowWindow(branch[-1].number, branch[-1].hash)
    fork = next((link for link in branch if _competes(window, tip, link)), None)
    if fork is None:
        return Duplicate()
    shared = [link for link in branch if link.number < fork.number and link.number in window.by_number]
    if shared:
        return _above(window, shared[-1], fork.hash)
    parent = window.by_number.get(lowest.number - 1)
    if parent is not None and parent.hash == lowest.parent_hash:
        return _above(window, parent, fork.hash)
    return _need_parent(window, tip, lowest, parent)


def _competes(window: Window, tip: Link, link: Link) -> bool:
    stored = window.by_number.get(link.number)
    return link.number > tip.number if stored is None else stored.hash != link.hash


def _above(window: Window, ancestor: Link, offered: bytes) -> Placement:
    tip = window.links[-1]
    if ancestor.number == tip.number:
        return Extend(tip)
    depth = tip.number - ancestor.number
    removed = next(link for link in window.links if link.number > ancestor.number)
    if ancestor.number < window.finalized:
        return TooDeep(removed.number, removed.hash, offered, depth, final=True)
    if depth > window.max_reorg_depth:
        return TooDeep(removed.number, removed.hash, offered, depth, final=False)
    return Rollback(ancestor, depth)


def _need_parent(window: Window, tip: Link, lowest: Link, parent: Link | None) -> Placement:
    """The stored block below the branch is another one (or unknown): may it be replaced?"""
    number = lowest.number - 1
    depth = tip.number - number + 1
    stored = parent.hash if parent is not None else None
    if number <= window.finalized:
        return TooDeep(number, stored, lowest.parent_hash, depth, final=True)
    if number < window.links[0].number or depth > window.max_reorg_depth:
        return TooDeep(number, stored, lowest.parent_hash, depth, final=False)
    return NeedParent(number, lowest.parent_hash)


def linked_prefix(links: Sequence[Link]) -> int:
    """How many of `links` from the first on are contiguous and linked; 0 only for none."""
    for index in range(1, len(links)):
        below, above = links[index - 1], links[index]
        if above.number != below.number + 1 or above.parent_hash != below.hash:
            return index
    return len(links)
