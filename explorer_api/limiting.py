"""How often a client may ask: so many a minute, and so many in one second."""

import time
from dataclasses import dataclass, field

from explorer_api.clients import Client
from explorer_api.problems import TooManyRequests
from explorer_api.settings import LimitsSection

Header = tuple[bytes, bytes]


@dataclass(slots=True)
class Limiter:
    """Counts in this process."""

    settings: LimitsSection
    _windows: dict[str, tuple[int, int]] = field(default_factory=dict)

    def admit(self, client: Client, path: str, out: list[Header]) -> None:
        """Count a request; adds RateLimit-* headers. Raises `TooManyRequests`."""
        if not self.settings.enabled or path in _EXEMPT:
            return
        now = int(time.time())
        minute, used = self._windows.get(client.name, (now // 60, 0))
        if minute != now // 60:
            used = 0
        used += 1
        self._windows[client.name] = (now // 60, used)
        limit = self.settings.requests_per_minute or 300
        out.append((b"ratelimit-limit", b"%d" % limit))
        out.append((b"ratelimit-remaining", b"%d" % max(0, limit - used)))
        out.append((b"ratelimit-reset", b"%d" % (60 - now % 60)))
        if used > limit:
            raise TooManyRequests(
                f"{used} requests in this minute, {limit} are allowed", retry_after_s=60 - now % 60
            )


_EXEMPT = frozenset({"/ping", "/metrics", "/health/live", "/health/ready", "/api/v1/health"})
