"""Looking through blocks: every stored block once, whatever is stored meanwhile, new ones first."""

from hypothesis import given
from hypothesis import strategies as st

from indexer.fetched.looked import Blocks, newer, older

EMPTY = Blocks(0, -1)


def test_first_look_begins_at_the_top() -> None:
    assert newer(EMPTY, Blocks(0, 250), 100) == (Blocks(151, 250), Blocks(151, 250))
    assert newer(EMPTY, Blocks(40, 60), 100) == (Blocks(40, 60), Blocks(40, 60))
    assert older(EMPTY, Blocks(0, 250), 100) is None


def test_new_blocks_come_before_old_ones_and_none_twice() -> None:
    looked = Blocks(151, 250)
    assert newer(looked, Blocks(0, 255), 100) == (Blocks(251, 255), Blocks(151, 255))
    assert newer(looked, Blocks(0, 250), 100) is None
    assert older(looked, Blocks(0, 250), 100) == (Blocks(51, 150), Blocks(51, 250))
    assert older(Blocks(0, 250), Blocks(0, 250), 100) is None


def test_range_that_lies_apart_is_begun_at_its_own_top() -> None:
    assert newer(Blocks(0, 10), Blocks(500, 520), 100) == (Blocks(500, 520), Blocks(500, 520))
    assert older(Blocks(0, 10), Blocks(500, 520), 100) is None


@given(
    steps=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=1, max_size=8),
    blocks_max=st.integers(1, 50),
)
def test_looking_until_nothing_is_left_reaches_every_stored_block(
    steps: list[tuple[int, int]], blocks_max: int
) -> None:
    looked, seen = EMPTY, set[int]()
    for one, other in steps:
        covered = Blocks(min(one, other), max(one, other))
        if looked.last > covered.last:  # a reorg cuts what was looked through
            looked = Blocks(min(looked.first, covered.last + 1), covered.last)
        while next_ := newer(looked, covered, blocks_max) or older(looked, covered, blocks_max):
            part, looked = next_
            assert part.last - part.first < blocks_max
            seen |= set(range(part.first, part.last + 1))
        assert set(range(covered.first, covered.last + 1)) <= seen
