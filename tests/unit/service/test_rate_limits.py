"""Limits in memory: never more than allowed in any window, whatever the times, and how processes agree."""

from itertools import accumulate

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.rate_limits import SLOTS, Allowed, Burst, Window

_STEPS = st.lists(
    st.one_of(st.just(0.0), st.floats(0, 0.5), st.floats(0, 30), st.sampled_from([1.0, 5.0, 60.0, 65.0])),
    max_size=200,
)


def _most_within(times: list[float], seconds: float) -> int:
    return max((sum(begin <= time < begin + seconds for time in times) for begin in times), default=0)


@given(steps=_STEPS, count=st.integers(1, 12), seconds=st.sampled_from([1.0, 0.25, 10.0]))
def test_burst_never_exceeds_its_count_in_any_window(steps: list[float], count: int, seconds: float) -> None:
    burst = Burst(Allowed(count, seconds))
    admitted = []
    for now in accumulate(steps, initial=1_000.0):
        if burst.wait_s(now) == 0:
            burst.count(now)
            admitted.append(now)
    assert _most_within(admitted, seconds) <= count


@given(steps=_STEPS, count=st.integers(1, 6))
def test_burst_admits_whoever_waits_as_told(steps: list[float], count: int) -> None:
    burst = Burst(Allowed(count, 1.0))
    now = 1_000.0
    for step in steps:
        now += step
        wait_s = burst.wait_s(now)
        assert wait_s <= 1.0 + 1e-9
        now += wait_s + 1e-6
        assert burst.wait_s(now) == 0
        burst.count(now)


@given(steps=_STEPS, count=st.integers(1, 20), seconds=st.sampled_from([60.0, 900.0, 1.0]))
@example(steps=[59.99, 0.0, 0.02], count=2, seconds=60.0)
def test_window_never_exceeds_its_count_in_any_window(steps: list[float], count: int, seconds: float) -> None:
    window = Window("client", Allowed(count, seconds))
    admitted = []
    for now in accumulate(steps, initial=1_700_000_000.0):
        left = window.left(now)
        assert 0 <= left <= count
        if left:
            window.count()
            admitted.append(now)
            assert window.left(now) == left - 1
    assert _most_within(admitted, seconds) <= count


@given(count=st.integers(1, 5), begun=st.floats(1_700_000_000, 1_700_000_100))
def test_window_that_is_used_up_says_when_it_frees(count: int, begun: float) -> None:
    window = Window("client", Allowed(count, 60.0))
    for _ in range(count):
        assert window.left(begun) > 0
        window.count()
    assert window.left(begun) == 0
    wait_s = window.frees_at - begun
    assert wait_s + 1e-3 >= 60.0
    assert wait_s <= 60.0 * (SLOTS + 1) / SLOTS + 1e-3
    assert window.left(window.frees_at - 0.01) == 0
    assert window.left(window.frees_at + 0.01) == count


@given(
    turns=st.lists(st.tuples(st.integers(0, 2), st.floats(0, 3), st.booleans()), max_size=150),
    count=st.integers(1, 30),
)
def test_windows_that_hear_of_each_other_know_everyone_s_count(
    turns: list[tuple[int, float, bool]], count: int
) -> None:
    """Three processes and one store: after all have told and heard, each knows the sum of the last slots."""
    windows = [Window("client", Allowed(count, 60.0)) for _ in range(3)]
    store: dict[int, int] = {}
    now = 1_700_000_000.0
    admitted: list[int] = []

    def reconcile(window: Window) -> None:
        for slot, sent in window.take().items():
            store[slot] = store.get(slot, 0) + sent
        for slot in range(window.slot - SLOTS, window.slot + 1):
            if slot in store:
                window.hear(slot, store[slot])

    for who, step, tells in turns:
        now += step
        window = windows[who]
        if window.left(now) > 0:
            window.count()
            admitted.append(window.slot)
        if tells:
            reconcile(window)
    for window in windows * 2:
        window.left(now)
        reconcile(window)
    slot = windows[0].slot
    total = sum(each >= slot - SLOTS for each in admitted)
    assert [window.total for window in windows] == [total] * 3


def test_window_counts_only_what_it_has_not_sent() -> None:
    window = Window("client", Allowed(10, 60.0))
    assert window.left(600.0) == 10
    assert [window.count(), window.count()] == [True, False]
    assert window.take() == {120: 2}
    assert window.take() == {}
    assert window.count()
    window.hear(120, 7)
    assert (window.total, window.left(600.0)) == (8, 2)
    window.hear(120, 3)  # a store that was emptied takes nothing back
    assert window.total == 8
    window.hear(10, 5)  # long ago
    assert window.total == 8


@pytest.mark.parametrize(
    ("allowed", "policy"),
    [(Allowed(300, 60), b"300;w=60"), (Allowed(10, 1), b"10;w=1"), (Allowed(20, 900), b"20;w=900")],
)
def test_policy_is_spelt_for_the_header(allowed: Allowed, policy: bytes) -> None:
    assert allowed.policy == policy
