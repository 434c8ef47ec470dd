"""PURE: the ranges of blocks that are stored, and how they join (invariants 2 and 4)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from indexer.errors import CoverageConflict, SeamMismatch


@dataclass(frozen=True, slots=True)
class Covered:
    """Blocks `first`…`last`, both included, stored and linked."""

    first: int
    last: int
    first_parent_hash: bytes
    last_hash: bytes

    @property
    def blocks(self) -> int:
        return self.last - self.first + 1


def merge(new: Covered, neighbours: Iterable[Covered]) -> Covered:
    """`new` joined with the stored ranges that touch it.

    Raises `SeamMismatch` where two ranges that touch are not parent and child, and
    `CoverageConflict` where they overlap: somebody else stored these blocks meanwhile.
    """
    merged = new
    for other in sorted(neighbours, key=lambda covered: covered.first):
        if other.first <= new.last and new.first <= other.last:
            raise CoverageConflict(new.first, new.last, other.first, other.last)
        if other.last + 1 == new.first:
            if other.last_hash != new.first_parent_hash:
                raise SeamMismatch(
                    new.first, expected_parent=other.last_hash, got_parent=new.first_parent_hash
                )
            merged = Covered(other.first, merged.last, other.first_parent_hash, merged.last_hash)
        elif new.last + 1 == other.first:
            if other.first_parent_hash != new.last_hash:
                raise SeamMismatch(
                    other.first, expected_parent=new.last_hash, got_parent=other.first_parent_hash
                )
            merged = Covered(merged.first, other.last, merged.first_parent_hash, other.last_hash)
        else:
            raise ValueError(
                f"range {other.first}…{other.last} does not touch {new.first}…{new.last}; ask for neighbours"
            )
    return merged


def gaps(covered: Sequence[Covered], first: int, last: int) -> list[tuple[int, int]]:
    """The ranges within `first`…`last` that no stored range covers, lowest first."""
    missing: list[tuple[int, int]] = []
    next_missing = first
    for stored in sorted(covered, key=lambda item: item.first):
        if stored.last < next_missing:
            continue
        if stored.first > last:
            break
        if stored.first > next_missing:
            missing.append((next_missing, stored.first - 1))
        next_missing = stored.last + 1
    if next_missing <= last:
        missing.append((next_missing, last))
    return missing


def segments(missing: Iterable[tuple[int, int]], segment_blocks: int) -> list[tuple[int, int]]:
    """`missing` cut at multiples of `segment_blocks`, so that two backfills cut alike."""
    cut: list[tuple[int, int]] = []
    for first, last in missing:
        start = first
        while start <= last:
            end = min(last, (start // segment_blocks + 1) * segment_blocks - 1)
            cut.append((start, end))
            start = end + 1
    return cut
