"""One of a client's limits: counts a request, and says in the answer's headers what is left of it."""

import math
from dataclasses import dataclass

from service.http.asgi import Header
from service.http.problems import TooManyRequests
from service.rate_limits import Allowed, Burst, SharedWindows, Window


@dataclass(slots=True)
class Allowance:
    """What one client has left of one of its limits, and the headers that say which they are."""

    window: Window
    burst: Burst | None
    limit: Header
    policy: Header

    @classmethod
    def of(cls, name: str, window: Allowed, burst: Allowed | None = None) -> "Allowance":
        policy = b", ".join(allowed.policy for allowed in (window, burst) if allowed is not None)
        return cls(
            Window(name, window),
            None if burst is None else Burst(burst),
            (b"ratelimit-limit", b"%d" % window.count),
            (b"ratelimit-policy", policy),
        )


def admit(allowance: Allowance, now: float, shared: SharedWindows, out: list[Header]) -> None:
    """Count a request; adds RateLimit-* headers. Raises `TooManyRequests`.

    One that is refused is not counted: whoever waits as told gets on. The burst is counted in each process,
    the window in all of them together.
    """
    window, burst = allowance.window, allowance.burst
    left = window.left(now)
    if left <= 0:
        _refuse(allowance, window.frees_at - now, out)
    if burst is not None:
        wait_s = burst.wait_s(now)
        if wait_s > 0:
            _refuse(allowance, wait_s, out)
        burst.count(now)
    if window.count() and shared.is_shared:
        shared.changed(window)
    out += (
        allowance.limit,
        (b"ratelimit-remaining", b"%d" % (left - 1)),
        (b"ratelimit-reset", b"%d" % (window.frees_at - now + 1)),
        allowance.policy,
    )


def _refuse(allowance: Allowance, seconds: float, out: list[Header]) -> None:
    wait_s = max(1, math.ceil(seconds))
    out += (
        allowance.limit,
        (b"ratelimit-remaining", b"0"),
        (b"ratelimit-reset", b"%d" % wait_s),
        allowance.policy,
    )
    raise TooManyRequests(f"the limit is {_worded(allowance)}; ask again in {wait_s} s", retry_after_s=wait_s)


def _worded(allowance: Allowance) -> str:
    window = allowance.window.allowed
    words = f"{window.count} requests in {window.seconds:g} s"
    if allowance.burst is not None:
        words += f" and {allowance.burst.allowed.count} in one second"
    return words
