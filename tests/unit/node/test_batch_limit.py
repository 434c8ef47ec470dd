from hypothesis import given
from hypothesis import strategies as st

from node.batch_limit import BatchLimit

QUICK_S, SLOW_S = 0.1, 20.0


def limited(maximum: int = 100) -> BatchLimit:
    return BatchLimit(maximum, slow_s=7.5)


def run(limit: BatchLimit, batches: int, *, node_takes: int) -> list[int]:
    """The sizes that the node refused within so many full batches."""
    refused = []
    for _ in range(batches):
        if limit.size > node_takes:
            refused.append(limit.size)
            limit.refused(limit.size)
        else:
            limit.answered(limit.size, QUICK_S)
    return refused


def test_batch_limit_refused_halves_what_was_refused() -> None:
    limit = limited()
    limit.refused(100)
    assert limit.size == 50
    limit.refused(50)
    assert limit.size == 25


def test_batch_limit_refused_late_does_not_shrink_again() -> None:
    """Requests in flight are refused after others have already made the limit smaller."""
    limit = limited()
    for _ in range(8):
        limit.refused(100)
        limit.strained(100)
        limit.answered(100, SLOW_S)
    assert limit.size == 50


def test_batch_limit_at_one_stays_one() -> None:
    limit = limited(1)
    limit.refused(1)
    limit.strained(1)
    limit.answered(1, SLOW_S)
    assert limit.size == 1
    run(limit, 1000, node_takes=1)
    assert limit.size == 1


def test_batch_limit_after_an_outage_grows_back_to_the_maximum() -> None:
    limit = limited()
    while limit.size > 1:
        limit.strained(limit.size)
    assert run(limit, 400, node_takes=100) == []
    assert limit.size == 100


def test_batch_limit_grows_by_full_batches_only() -> None:
    limit = limited()
    limit.strained(100)
    for _ in range(1000):
        limit.answered(3, QUICK_S)
    assert limit.size == 50


def test_batch_limit_remembers_the_lowest_refused_and_settles_below_it() -> None:
    limit = limited()
    refused = run(limit, 1000, node_takes=37)
    assert refused[:1] == [100]
    assert limit.size == 37
    assert len(refused) <= 8
    assert run(limit, 20_000, node_takes=37) in ([38] * times for times in range(8))


def test_batch_limit_forgets_a_limit_that_was_lifted() -> None:
    limit = limited()
    run(limit, 1000, node_takes=10)
    run(limit, 20_000, node_takes=100)
    assert limit.size == 100


def test_batch_limit_slow_shrinks_in_proportion_and_remembers_nothing() -> None:
    limit = limited()
    limit.answered(100, 10.0)
    assert limit.size == 75
    limit.answered(75, 1000.0)
    assert limit.size == 37
    assert limit.refused_at is None


def test_batch_limit_near_the_target_time_does_not_grow() -> None:
    limit = limited()
    limit.strained(100)
    for _ in range(1000):
        limit.answered(50, 5.0)
    assert limit.size == 50


@given(
    st.integers(1, 1000),
    st.lists(st.tuples(st.sampled_from(["refused", "strained", "slow", "well"]), st.integers(1, 1000))),
)
def test_batch_limit_is_always_between_one_and_the_maximum(
    maximum: int, events: list[tuple[str, int]]
) -> None:
    limit = limited(maximum)
    for kind, count in events:
        match kind:
            case "refused":
                limit.refused(count)
            case "strained":
                limit.strained(count)
            case "slow":
                limit.answered(count, SLOW_S)
            case _:
                limit.answered(limit.size, QUICK_S)
        assert 1 <= limit.size <= maximum
