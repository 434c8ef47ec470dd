"""What may still be served, over any history of announcements."""

from hypothesis import given
from hypothesis import strategies as st

from explorer_api.answer import Answer, Lifetime
from explorer_api.tip import Tip
from service.outbox import OutboxRow

KINDS = ("next", "reorg", "backfill", "derived", "decoded", "token", "fetched")


def row(sequence: int, kind: str, head: int) -> OutboxRow:
    """A row as a writer announces it on a chain whose highest block is `head`."""
    first, last = (head + 1, head + 1) if kind == "next" else (max(0, head - 2), head)
    name = "blocks" if kind in {"next", "backfill"} else kind
    return OutboxRow(sequence, sequence, name, first, last, None, None)


def answer(sequence: int, lifetime: Lifetime) -> Answer:
    return Answer(b"{}", sequence, lifetime, ttl_s=60.0, stored_at=0.0)


@given(
    kinds=st.lists(st.sampled_from(KINDS), max_size=30),
    read_at=st.integers(0, 30),
    lifetime=st.sampled_from([Lifetime.IMMUTABLE, Lifetime.FINAL, Lifetime.HEAD]),
)
def test_answer_is_served_until_something_is_announced_that_can_change_it(
    kinds: list[str], read_at: int, lifetime: Lifetime
) -> None:
    tip = Tip(sequence=100, disturbed=100, retracted=100, head=50)
    changing = {
        Lifetime.HEAD: set(KINDS),
        Lifetime.FINAL: set(KINDS) - {"next"},
        Lifetime.IMMUTABLE: {"reorg"},
    }[lifetime]
    kept = answer(100 + read_at, lifetime)
    for number, kind in enumerate(kinds, start=1):
        tip.hear(row(100 + number, kind, tip.head))
    changed = any(kind in changing for kind in kinds[read_at:])
    assert tip.admits(kept, now=1.0) is not changed
    assert not tip.admits(kept, now=60.0)


@given(kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=20))
def test_slow_read_that_ends_after_a_change_is_born_invalid(kinds: list[str]) -> None:
    tip = Tip(sequence=100, disturbed=100, retracted=100, head=50)
    slow = answer(100, Lifetime.HEAD)
    for number, kind in enumerate(kinds, start=1):
        tip.hear(row(100 + number, kind, tip.head))
    slow.stored_at = 5.0
    assert not tip.admits(slow, now=5.0)


def test_after_another_history_nothing_older_is_served() -> None:
    tip = Tip(sequence=100, disturbed=10, retracted=10, head=50)
    kept = [answer(100, lifetime) for lifetime in (Lifetime.IMMUTABLE, Lifetime.FINAL, Lifetime.HEAD)]
    assert all(tip.admits(each, now=1.0) for each in kept)
    tip.forget(101)
    assert not any(tip.admits(each, now=1.0) for each in kept)


def test_new_branch_after_a_reorg_is_blocks_on_top() -> None:
    tip = Tip(sequence=100, disturbed=100, retracted=100, head=50)
    tip.hear(OutboxRow(101, 101, "reorg", 48, 50, None, None))
    tip.hear(OutboxRow(102, 102, "blocks", 48, 51, None, None))
    assert (tip.head, tip.retracted, tip.disturbed) == (51, 101, 101)
