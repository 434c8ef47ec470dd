from node.errors import BlockMissing, NodeInconsistent, NodeRefused, WrongGenesis
from node.health import Health

REFUSED = NodeRefused("host", "eth_call", status=503)
FOREIGN = WrongGenesis("host", "0xaa", "0xbb")
INCONSISTENT = NodeInconsistent("logs_bloom", 5, "0xcc", "no")


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def health_of(clock: Clock) -> Health:
    return Health(failures_max=3, wait_initial_s=1.0, wait_max_s=8.0, clock=clock)


def shut(clock: Clock) -> Health:
    health = health_of(clock)
    for _ in range(3):
        health.failed(REFUSED)
    assert health.shut
    return health


def test_health_after_one_failure_is_set_aside_but_not_shut() -> None:
    health = health_of(Clock())
    assert health.failed(REFUSED)
    assert not health.in_use
    assert not health.shut
    assert 0.75 <= health.wait_s <= 1.0


def test_health_after_failures_in_a_row_is_shut_and_says_why() -> None:
    health = health_of(Clock())
    assert [health.failed(REFUSED) for _ in range(4)] == [True, False, True, False]
    assert health.shut
    assert health.error is REFUSED


def test_health_success_between_failures_keeps_it_from_shutting() -> None:
    health = health_of(Clock())
    for _ in range(10):
        health.failed(REFUSED)
        health.failed(REFUSED)
        health.succeeded()
    assert health.in_use
    assert health.error is None


def test_health_of_another_network_is_shut_at_once() -> None:
    health = health_of(Clock())
    assert health.failed(FOREIGN)
    assert health.shut


def test_health_wrong_about_blocks_is_set_aside_and_never_shut() -> None:
    """A poison block must not keep its neighbours from being fetched."""
    health = health_of(Clock())
    for _ in range(100):
        health.failed(INCONSISTENT)
    assert not health.in_use
    assert not health.shut


def test_health_many_failures_in_flight_wait_once() -> None:
    clock = Clock()
    health = health_of(clock)
    for _ in range(100):
        health.failed(REFUSED)
    assert health.wait_s <= 1.0


def test_health_probe_that_fails_doubles_the_wait_up_to_the_maximum() -> None:
    clock = Clock()
    health = shut(clock)
    waits = []
    for _ in range(6):
        clock.now_s += health.wait_s
        assert health.wait_s == 0
        health.failed(REFUSED)
        waits.append(health.wait_s)
    for wait_s, expected in zip(waits, [2.0, 4.0, 8.0, 8.0, 8.0, 8.0], strict=True):
        assert 0.75 * expected <= wait_s <= expected


def test_health_probe_that_passes_brings_it_back_and_one_failure_shuts_it_again() -> None:
    clock = Clock()
    health = shut(clock)
    clock.now_s += health.wait_s
    health.passed()
    assert health.in_use
    health.failed(REFUSED)
    assert health.shut
    assert health.wait_s > 1.0


def test_health_success_after_a_probe_forgets_everything() -> None:
    clock = Clock()
    health = shut(clock)
    health.passed()
    health.succeeded()
    health.failed(BlockMissing("host", 1))
    assert not health.shut
    assert health.wait_s <= 1.0


def test_health_answer_between_failures_begins_the_waits_anew_and_leaves_it_shut() -> None:
    """A node that gives blocks but not their receipts is not one that is away."""
    clock = Clock()
    health = shut(clock)
    for _ in range(4):
        clock.now_s += health.wait_s
        health.failed(REFUSED)
    assert health.wait_s > 4
    health.answered()
    assert health.shut
    clock.now_s += health.wait_s
    health.failed(REFUSED)
    assert health.wait_s <= 1
