from node.batch_limit import BatchLimit


def test_batch_limit_refused_halves_what_was_refused() -> None:
    limit = BatchLimit(100)
    limit.refused(100)
    assert limit.size == 50
    limit.refused(50)
    assert limit.size == 25


def test_batch_limit_refused_late_does_not_grow() -> None:
    """Requests in flight are refused after others have already made the limit smaller."""
    limit = BatchLimit(100)
    limit.refused(10)
    limit.refused(100)
    assert limit.size == 5


def test_batch_limit_refused_at_one_stays_one() -> None:
    limit = BatchLimit(1)
    limit.refused(1)
    assert limit.size == 1


def test_batch_limit_accepted_grows_slowly_and_only_with_full_batches() -> None:
    limit = BatchLimit(8)
    limit.refused(8)
    for _ in range(1000):
        limit.accepted(3)
    assert limit.size == 4
    sizes = []
    for _ in range(200):
        limit.accepted(limit.size)
        sizes.append(limit.size)
    assert sizes == sorted(sizes)
    assert sizes[30] == 4
    assert sizes[31] == 5
    assert sizes[-1] == 8
