"""How often a client may ask: so many in a window, so many in one second; exports apart, and less often."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from explorer_api.clients import Client
from explorer_api.problems import TooManyRequests
from explorer_api.settings import LimitsSection, Tier
from service.rate_limits import Allowed, Burst, Clock, SharedWindows, Window
from service.redis import RedisSettings

Header = tuple[bytes, bytes]

EXEMPT = frozenset({"/ping", "/metrics", "/health/live", "/health/ready", "/api/v1/health"})
"""Probes: what asks them decides whether this process lives."""
STRICT = "/api/v1/export"


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


class Limiter:
    """Counts requests. The burst is counted in each process, the window in all of them together.

    A request that is refused is not counted: whoever waits as told gets on.
    """

    def __init__(
        self,
        settings: LimitsSection,
        redis: RedisSettings | None = None,
        stem: Callable[[], str] = lambda: "pend",
        clock: Clock | None = None,
    ) -> None:
        self._enabled = settings.enabled
        self._tiers = settings.tiers()
        clock = Clock() if clock is None else clock
        self._now = clock.now
        self.shared = SharedWindows(redis if settings.enabled else None, stem, clock)

    def admit(self, client: Client, path: str, out: list[Header]) -> None:
        """Count a request; adds RateLimit-* headers. Raises `TooManyRequests`."""
        if not self._enabled or path in EXEMPT:
            return
        if path.startswith(STRICT):
            allowance = client.strict or self._strict(client)
        else:
            allowance = client.standard or self._standard(client)
        window, burst = allowance.window, allowance.burst
        now = self._now()
        left = window.left(now)
        if left <= 0:
            self._refuse(allowance, window.frees_at - now, out)
        if burst is not None:
            wait_s = burst.wait_s(now)
            if wait_s > 0:
                self._refuse(allowance, wait_s, out)
            burst.count(now)
        if window.count() and self.shared.is_shared:
            self.shared.changed(window)
        out += (
            allowance.limit,
            (b"ratelimit-remaining", b"%d" % (left - 1)),
            (b"ratelimit-reset", b"%d" % (window.frees_at - now + 1)),
            allowance.policy,
        )

    async def run(self) -> None:
        """Agree with all other processes, about once a second, for ever; ends at once without Redis."""
        await self.shared.run()

    def _standard(self, client: Client) -> Allowance:
        tier = self._tier(client)
        client.standard = Allowance.of(client.name, tier.window, tier.burst)
        return client.standard

    def _strict(self, client: Client) -> Allowance:
        client.strict = Allowance.of(f"{client.name}:export", self._tier(client).strict)
        return client.strict

    def _tier(self, client: Client) -> Tier:
        """A key of a tier that this version does not know counts as none."""
        return self._tiers.get(client.tier) or self._tiers["anonymous"]

    def _refuse(self, allowance: Allowance, seconds: float, out: list[Header]) -> None:
        wait_s = max(1, math.ceil(seconds))
        out += (
            allowance.limit,
            (b"ratelimit-remaining", b"0"),
            (b"ratelimit-reset", b"%d" % wait_s),
            allowance.policy,
        )
        raise TooManyRequests(
            f"the limit is {_worded(allowance)}; ask again in {wait_s} s", retry_after_s=wait_s
        )


def _worded(allowance: Allowance) -> str:
    window = allowance.window.allowed
    words = f"{window.count} requests in {window.seconds:g} s"
    if allowance.burst is not None:
        words += f" and {allowance.burst.allowed.count} in one second"
    return words
