from hypothesis import given
from hypothesis import strategies as st

from indexer.pruning import prunable_to

COUNTS = st.integers(0, 10**7)
KEPT = st.integers(1_000, 10**6)


@given(COUNTS, KEPT)
def test_prunable_to_without_a_relay_leaves_what_is_kept(newest: int, keep: int) -> None:
    assert newest - prunable_to(newest, keep, relays=False, relayed_to=None) == keep


@given(COUNTS, KEPT, st.none() | COUNTS)
def test_prunable_to_with_a_relay_leaves_what_it_was_not_told_up_to_a_bound(
    newest: int, keep: int, relayed_to: int | None
) -> None:
    highest = prunable_to(newest, keep, relays=True, relayed_to=relayed_to)
    assert keep <= newest - highest <= max(4 * keep, newest - (relayed_to or 0), keep)
    assert highest <= (relayed_to or 0) or newest - highest == 4 * keep
