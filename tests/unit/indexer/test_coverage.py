"""Ranges of stored blocks: how they merge, what they lack, how work is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.coverage import Covered, gaps, merge, segments
from indexer.errors import CoverageConflict, SeamMismatch


def name(number: int) -> bytes:
    return f"hash of {number}".encode()


def covered(first: int, last: int) -> Covered:
    return Covered(first, last, name(first - 1), name(last))


def test_merge_alone_stays_as_it_is() -> None:
    assert merge(covered(5, 9), []) == covered(5, 9)


def test_merge_between_two_neighbours_becomes_one_range() -> None:
    assert merge(covered(5, 9), [covered(10, 12), covered(0, 4)]) == covered(0, 12)


def test_merge_overlap_is_a_conflict() -> None:
    with pytest.raises(CoverageConflict, match="blocks 5 to 9 overlap blocks 9 to 12"):
        merge(covered(5, 9), [covered(9, 12)])


def test_merge_above_another_branch_is_a_seam_mismatch() -> None:
    below = Covered(0, 4, name(-1), b"another branch")
    with pytest.raises(SeamMismatch) as caught:
        merge(covered(5, 9), [below])
    assert (caught.value.number, caught.value.expected_parent) == (5, b"another branch")


def test_merge_below_another_branch_is_a_seam_mismatch() -> None:
    above = Covered(10, 12, b"another branch", name(12))
    with pytest.raises(SeamMismatch) as caught:
        merge(covered(5, 9), [above])
    assert caught.value.number == 10


def test_merge_with_a_range_that_does_not_touch_is_a_defect() -> None:
    with pytest.raises(ValueError, match="does not touch"):
        merge(covered(5, 9), [covered(11, 12)])


RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 8)), max_size=10)


@given(ranges=RANGES, first=st.integers(0, 40), length=st.integers(1, 40))
def test_gaps_are_exactly_the_numbers_that_no_range_holds(
    ranges: list[tuple[int, int]], first: int, length: int
) -> None:
    stored = {number for start, count in ranges for number in range(start, start + count)}
    last = first + length - 1
    missing = gaps([covered(start, start + count - 1) for start, count in ranges], first, last)
    listed = [number for low, high in missing for number in range(low, high + 1)]
    assert listed == [number for number in range(first, last + 1) if number not in stored]


@given(missing=RANGES, size=st.integers(1, 9))
def test_segments_hold_the_same_blocks_and_never_cross_a_multiple(
    missing: list[tuple[int, int]], size: int
) -> None:
    ranges = [(start, start + count - 1) for start, count in missing]
    cut = segments(ranges, size)
    assert [n for low, high in cut for n in range(low, high + 1)] == [
        n for low, high in ranges for n in range(low, high + 1)
    ]
    assert all(low // size == high // size for low, high in cut)


@given(order=st.permutations(range(6)), blocks=st.integers(1, 4))
def test_merge_segments_in_any_order_end_as_one_range(order: list[int], blocks: int) -> None:
    stored: list[Covered] = []
    for index in order:
        new = covered(index * blocks, index * blocks + blocks - 1)
        touching = [item for item in stored if item.last + 1 >= new.first and new.last + 1 >= item.first]
        stored = [item for item in stored if item not in touching] + [merge(new, touching)]
    assert stored == [covered(0, 6 * blocks - 1)]
