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
    """The newest stored blocks, contiguous and linked, lowest first; empty before the first block.

    Nothing at or below `finalized` may ever change; -1 when nothing is final.
    `max_reorg_depth` is the number of blocks that one reorg may remove.
    """

    links: tuple[Link, ...]
    finalized: int
    max_reorg_depth: int
    by_number: dict[int, Link] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for below, above in zip(self.links, self.links[1:], strict=False):
            if above.number != below.number + 1 or above.parent_hash != below.hash:
                raise ValueError(
                    f"window is not linked: block {above.number} does not follow block {below.number}"
                )
        object.__setattr__(self, "by_number", {link.number: link for link in self.links})

    @property
    def tip(self) -> Link | None:
        return self.links[-1] if self.links else None

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
    window; all stored; partly stored; competing.
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
    fork = next((link for link in branch if _stored_hash(window, link.number) != link.hash), None)
    if fork is None:
        return Duplicate()
    if fork is not lowest:
        return _above(window, window.by_number[fork.number - 1], fork.hash)
    parent = window.by_number.get(lowest.number - 1)
    if parent is not None and parent.hash == lowest.parent_hash:
        return _above(window, parent, lowest.hash)
    return _need_parent(window, tip, lowest, parent)


def _stored_hash(window: Window, number: int) -> bytes | None:
    link = window.by_number.get(number)
    return link.hash if link is not None else None


def _above(window: Window, ancestor: Link, offered: bytes) -> Placement:
    tip = window.links[-1]
    if ancestor.number == tip.number:
        return Extend(tip)
    depth = tip.number - ancestor.number
    removed = window.by_number[ancestor.number + 1]
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
    if parent is None or depth > window.max_reorg_depth:
        return TooDeep(number, stored, lowest.parent_hash, depth, final=False)
    return NeedParent(number, lowest.parent_hash)


def linked_prefix(links: Sequence[Link]) -> int:
    """How many of `links` from the first on are contiguous and linked; 0 only for none."""
    for index in range(1, len(links)):
        below, above = links[index - 1], links[index]
        if above.number != below.number + 1 or above.parent_hash != below.hash:
            return index
    return len(links)
