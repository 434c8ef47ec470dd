"""Which scope holds a block: the highest, as the definition says it block by block."""

from hypothesis import given
from hypothesis import strategies as st

from indexer.decode.scopes import ALL, Filter, Scope, segments

SOME = Filter(addresses=frozenset({b"a"}))

ranges = st.tuples(st.integers(0, 20), st.integers(0, 20)).map(sorted)
scopes_of_ids = st.lists(st.tuples(ranges, st.booleans()), max_size=6).map(
    lambda parts: [
        Scope(place, first, last, place, ALL if holds_all else SOME)
        for place, ((first, last), holds_all) in enumerate(parts)
    ]
)


def holding(scopes: list[Scope], block: int) -> list[int]:
    """By the definition."""
    ids = []
    for scope in sorted(scopes, key=lambda each: -each.id):
        if scope.first <= block <= scope.last:
            ids.append(scope.id)
            if scope.filter.holds_all:
                break
    return ids


@given(scopes_of_ids, ranges, st.sets(st.integers(0, 20)))
def test_segments_hold_each_block_as_the_definition_says(
    scopes: list[Scope], asked: list[int], boundaries: set[int]
) -> None:
    first, last = asked
    made = segments(scopes, first, last, boundaries)
    held = {
        block: [scope.id for scope in segment.scopes]
        for segment in made
        for block in range(segment.first, segment.last + 1)
    }
    assert sum(segment.last - segment.first + 1 for segment in made) == len(held)
    assert held == {block: ids for block in range(first, last + 1) if (ids := holding(scopes, block))}
    for segment in made:
        assert not {cut for cut in boundaries if segment.first < cut <= segment.last}


def test_filter_holds_by_every_part_it_has() -> None:
    both = Filter.of([b"a"], [b"t"], [b"sel1"])
    assert both.holds_log(b"a", b"t")
    assert not both.holds_log(b"a", None)
    assert not both.holds_log(b"b", b"t")
    assert both.holds_call(b"a", b"sel1", b"")
    assert both.holds_call(b"a", b"", b"sel1")
    assert not both.holds_call(None, b"sel1", b"")
    assert ALL.holds_all
    assert not Filter.of(None, [], None).holds_log(b"a", b"t")
