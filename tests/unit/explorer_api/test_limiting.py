"""Who is limited by which numbers, and what a refused one is told."""

import pytest

from explorer_api.clients import Client
from explorer_api.limiting import EXEMPT, Limiter
from explorer_api.settings import LimitsSection
from service.http.asgi import Header
from service.http.problems import TooManyRequests
from service.rate_limits import Clock


class Hand(Clock):
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = 1_700_000_000.0

    def now(self) -> float:
        return self.time


def _asked(limiter: Limiter, client: Client, path: str = "/api/v1/blocks") -> dict[bytes, bytes]:
    out: list[Header] = []
    limiter.admit(client, path, out)
    return dict(out)


def _refused(
    limiter: Limiter, client: Client, path: str = "/api/v1/blocks"
) -> tuple[int, dict[bytes, bytes]]:
    out: list[Header] = []
    with pytest.raises(TooManyRequests) as refused:
        limiter.admit(client, path, out)
    return refused.value.members["retry_after_s"], dict(out)


def test_preset_pend_is_ten_a_second_and_three_hundred_a_minute() -> None:
    clock = Hand()
    limiter, client = Limiter(LimitsSection(), clock=clock), Client("192.0.2.1", "anonymous")
    for second in range(30):
        clock.time += 1.0
        for request in range(10):
            headers = _asked(limiter, client)
            assert headers[b"ratelimit-remaining"] == b"%d" % (299 - second * 10 - request)
        if second < 29:
            assert _refused(limiter, client)[0] == 1
    assert headers[b"ratelimit-limit"] == b"300"
    assert headers[b"ratelimit-policy"] == b"300;w=60, 10;w=1"
    clock.time += 1.0
    wait_s, headers = _refused(limiter, client)
    assert 1 <= wait_s <= 65
    assert headers[b"ratelimit-remaining"] == b"0"
    assert headers[b"ratelimit-reset"] == b"%d" % wait_s
    clock.time += wait_s
    _asked(limiter, client)
    _asked(limiter, Client("192.0.2.2", "anonymous"))  # another one is not concerned


def test_preset_seed_is_a_hundred_in_fifteen_minutes() -> None:
    clock = Hand()
    limiter, client = Limiter(LimitsSection(preset="seed"), clock=clock), Client("192.0.2.1", "anonymous")
    for _ in range(100):
        clock.time += 0.125
        headers = _asked(limiter, client)
    assert headers[b"ratelimit-policy"] == b"100;w=900, 10;w=1"
    clock.time += 1.0
    assert _refused(limiter, client)[0] > 800


def test_exports_are_counted_apart_and_strictly() -> None:
    clock = Hand()
    limiter, client = Limiter(LimitsSection(), clock=clock), Client("192.0.2.1", "anonymous")
    for _ in range(20):
        headers = _asked(limiter, client, "/api/v1/export/transactions")
    assert headers[b"ratelimit-policy"] == b"20;w=900"
    assert _refused(limiter, client, "/api/v1/export/events")[0] >= 900
    _asked(limiter, client)


def test_keys_have_tiers_of_their_own() -> None:
    limiter = Limiter(LimitsSection(key_requests_per_minute=50, partner_burst_per_s=7), clock=Hand())
    assert _asked(limiter, Client("key:a", "standard"))[b"ratelimit-policy"] == b"50;w=60, 100;w=1"
    assert _asked(limiter, Client("key:b", "partner"))[b"ratelimit-policy"] == b"30000;w=60, 7;w=1"
    assert _asked(limiter, Client("key:c", "of tomorrow"))[b"ratelimit-policy"] == b"300;w=60, 10;w=1"


def test_own_numbers_go_before_the_preset_s() -> None:
    limits = LimitsSection(preset="seed", requests_per_minute=5, burst_per_s=3, strict_per_15_minutes=2)
    limiter, client = Limiter(limits, clock=Hand()), Client("192.0.2.1", "anonymous")
    assert _asked(limiter, client)[b"ratelimit-policy"] == b"5;w=60, 3;w=1"
    assert _asked(limiter, client, "/api/v1/export/x")[b"ratelimit-policy"] == b"2;w=900"


def test_probes_and_whoever_is_not_limited_get_no_header() -> None:
    limiter, client = Limiter(LimitsSection(requests_per_minute=1), clock=Hand()), Client("a", "anonymous")
    for path in EXEMPT:
        assert _asked(limiter, client, path) == {}
    _asked(limiter, client)
    _refused(limiter, client)
    free = Limiter(LimitsSection(enabled=False, requests_per_minute=1), clock=Hand())
    assert [_asked(free, client) for _ in range(5)] == [{}] * 5
