"""PURE. Which blocks to look through next: what is new first, then back to the lowest stored block."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Blocks:
    """Blocks `first`…`last`; none where `last` is below `first`."""

    first: int
    last: int


def newer(looked: Blocks, covered: Blocks, blocks_max: int) -> tuple[Blocks, Blocks] | None:
    """The next blocks above those looked through, and what is looked through then; None: nothing is new.

    `covered` is the highest stored range. Where it lies apart from `looked`, looking begins at its top:
    what is looked through twice costs time only.
    """
    if covered.last < covered.first:
        return None
    if looked.last < looked.first or looked.last + 1 < covered.first or looked.first > covered.last + 1:
        part = Blocks(max(covered.first, covered.last - blocks_max + 1), covered.last)
        return part, part
    if looked.last >= covered.last:
        return None
    part = Blocks(looked.last + 1, min(looked.last + blocks_max, covered.last))
    return part, Blocks(looked.first, part.last)


def older(looked: Blocks, covered: Blocks, blocks_max: int) -> tuple[Blocks, Blocks] | None:
    """The next blocks below those looked through, and what is looked through then; None: all are."""
    if looked.last < looked.first or looked.first <= covered.first or looked.first > covered.last + 1:
        return None
    part = Blocks(max(covered.first, looked.first - blocks_max), looked.first - 1)
    return part, Blocks(part.first, looked.last)
