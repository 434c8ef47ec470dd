"""How often a caller may ask: at all, for what costs much, and to sign in. Shared through Redis."""

from collections import OrderedDict
from collections.abc import Callable

from service.http.addresses import network_of
from service.http.asgi import Header
from service.http.limiting import Allowance, admit
from service.rate_limits import Clock, SharedWindows
from service.redis import RedisSettings
from write_api.callers import Caller
from write_api.settings import ProtectionSection

STRICT, AUTH = "strict", "auth"
EXEMPT = frozenset({"/ping", "/metrics", "/health/live", "/health/ready", "/api/v1/health"})
_CALLERS_MAX = 50_000


class Limiter:
    """Those who are not seen for long are forgotten first."""

    def __init__(self, settings: ProtectionSection, redis: RedisSettings | None) -> None:
        self._settings = settings
        self._clock = Clock()
        self.shared = SharedWindows(redis if settings.enabled else None, lambda: "pend:write", self._clock)
        self._known: OrderedDict[str, Allowance] = OrderedDict()

    def admit(self, caller: Caller, out: list[Header]) -> None:
        """Count a request. Raises `TooManyRequests`."""
        window, burst = self._settings.standard
        self._count(_counted(caller), lambda name: Allowance.of(name, window, burst), out)

    def admit_kind(self, kind: str, caller: Caller, route: str) -> None:
        """Count one that is counted apart: attempts to sign in by network, the rest by who asks."""
        allowed = self._settings.auth if kind == AUTH else self._settings.strict
        who = network_of(caller.address) if kind == AUTH else _counted(caller)
        self._count(
            f"{who}:{kind}:{route if kind == AUTH else ''}", lambda name: Allowance.of(name, allowed), []
        )

    async def run(self) -> None:
        """Agree with all other processes, about once a second, for ever; ends at once without Redis."""
        await self.shared.run()

    def _count(self, name: str, make: Callable[[str], Allowance], out: list[Header]) -> None:
        if not self._settings.enabled:
            return
        allowance = self._known.get(name)
        if allowance is None:
            allowance = self._known[name] = make(name)
            if len(self._known) > _CALLERS_MAX:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(name)
        admit(allowance, self._clock.now(), self.shared, out)


def _counted(caller: Caller) -> str:
    """An account, else a network: whoever has one IPv6 address has 2**64 of them."""
    return network_of(caller.address) if caller.claims is None else caller.name
