"""Which block deriving waits for, and how an operator reads it."""

import pytest

from indexer.coverage import Covered
from indexer.derive.deriver import Position
from indexer.derived_status import (
    DerivedStatus,
    UnknownTopic,
    WaitsFor,
    as_lines,
    behind_blocks,
    missing_block,
)


def _covered(*ranges: tuple[int, int]) -> list[Covered]:
    return [Covered(first, last, b"", b"") for first, last in ranges]


def _positions(*derived_to: int, first: int = 0) -> tuple[Position, ...]:
    return tuple(Position(f"d{index}", first, each) for index, each in enumerate(derived_to))


@pytest.mark.parametrize(
    ("derived_to", "ranges", "missing"),
    [
        ((9, 9), ((0, 9),), None),
        ((9, 9), ((0, 9), (12, 20)), 10),
        ((4, 9), ((0, 9), (12, 20)), 10),
        ((4, 9), ((0, 9),), None),
        ((-1, -1), ((3, 9),), 0),
        ((4, 4), ((0, 9), (11, 11)), 10),
        ((9,), (), None),
        ((), ((0, 9),), None),
    ],
)
def test_missing_block_is_the_lowest_hole_above_what_is_derived(
    derived_to: tuple[int, ...], ranges: tuple[tuple[int, int], ...], missing: int | None
) -> None:
    assert missing_block(_positions(*derived_to), _covered(*ranges)) == missing


def test_blocks_behind_are_counted_from_the_furthest_behind_to_the_highest_stored() -> None:
    assert behind_blocks(_positions(4, 9), _covered((0, 9), (12, 20))) == 16
    assert behind_blocks(_positions(9), _covered((0, 9))) == 0
    assert behind_blocks((), _covered((0, 9))) == 0


def _status(*derivations: Position, waits_for: WaitsFor | None = None) -> DerivedStatus:
    return DerivedStatus(derivations, 0, waits_for, (), 0, 0)


def test_derivations_that_are_equally_far_are_one_range() -> None:
    assert as_lines(_status(*_positions(1234, 1234))) == ["derived      0…1234"]


def test_derivations_that_differ_are_named() -> None:
    assert as_lines(_status(*_positions(9, 4, 9))) == ["derived      0…4 (d1), 0…9 (d0, d2)"]


def test_derivation_that_has_derived_nothing_says_where_it_begins() -> None:
    assert as_lines(_status(*_positions(6, first=7))) == ["derived      nothing yet, from block 7 on"]
    assert as_lines(_status()) == ["derived      none"]


@pytest.mark.parametrize(
    ("waits_for", "said"),
    [
        (WaitsFor(7, None, None), "  waits for block 7, which is not stored"),
        (
            WaitsFor(7, "bloom", "block 7 lies"),
            "  waits for block 7, which is quarantined: bloom: block 7 lies",
        ),
    ],
)
def test_what_deriving_waits_for_is_said(waits_for: WaitsFor, said: str) -> None:
    assert as_lines(_status(*_positions(6), waits_for=waits_for))[1] == said


def test_unknown_topics_are_shown_with_how_many_more_there_are() -> None:
    topics = (UnknownTopic("0xab", 40), UnknownTopic("0x", 2))
    assert as_lines(DerivedStatus(_positions(9), 0, None, topics, 3, 43))[1:] == [
        "unknown      43 logs of 3 event topics that no ABI knows",
        "  0xab: 40 logs",
        "  no topic: 2 logs",
        "  and 1 more topics",
    ]
