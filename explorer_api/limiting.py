"""How often a client may ask: so many in a window, so many in one second; exports apart, and less often."""

from collections.abc import Callable

from explorer_api.clients import Client
from explorer_api.settings import LimitsSection, Tier
from service.http.asgi import Header
from service.http.limiting import Allowance, admit
from service.rate_limits import Clock, SharedWindows
from service.redis import RedisSettings

EXEMPT = frozenset({"/ping", "/metrics", "/health/live", "/health/ready", "/api/v1/health"})
"""Probes: what asks them decides whether this process lives."""
STRICT = "/api/v1/export"


class Limiter:
    """Which of its limits a client's request is counted by."""

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
        admit(allowance, self._now(), self.shared, out)

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
