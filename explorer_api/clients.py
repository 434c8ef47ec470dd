"""Who asks: an API key, or an address behind the proxies that are trusted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Any

from explorer_api.api_keys import ApiKeys
from service.http.addresses import address_of, network_of

if TYPE_CHECKING:
    from service.http.limiting import Allowance


@dataclass(slots=True)
class Client:
    """One who is counted: `name` is the key's id or the address. `expensive` counts what it runs now."""

    name: str
    tier: str
    expensive: int = 0
    standard: "Allowance | None" = None
    strict: "Allowance | None" = None


_GENERATION_MAX = 25_000
ANONYMOUS = "anonymous"


@dataclass(slots=True)
class Clients:
    """Every client seen lately, 50,000 at most: those not seen for a whole generation are forgotten."""

    trusted_proxies: Sequence[IPv4Network | IPv6Network]
    keys: ApiKeys
    generation_max: int = _GENERATION_MAX
    _seen: dict[str, Client] = field(default_factory=dict)
    _before: dict[str, Client] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._seen) + len(self._before)

    def of(self, scope: Any, headers: dict[bytes, bytes]) -> Client:
        """The client of a request; a key that is not in force makes nobody: such a one counts by address."""
        given = headers.get(b"x-api-key") or _bearer(headers) or _etherscan_key(scope)
        if given is not None:
            key = self.keys.find(sha256(given).digest())
            if key is not None:
                return self._client(f"key:{key.id}", key.tier)
        address = address_of(scope, headers, self.trusted_proxies)
        return self._client(address if ":" not in address else network_of(address), ANONYMOUS)

    def _client(self, name: str, tier: str) -> Client:
        client = self._seen.get(name)
        if client is not None and client.tier == tier:
            return client
        client = self._before.get(name)
        if client is None or client.tier != tier:
            client = Client(name, tier)
        if len(self._seen) >= self.generation_max:
            self._before, self._seen = self._seen, {}
        self._seen[name] = client
        return client


def _bearer(headers: dict[bytes, bytes]) -> bytes | None:
    given = headers.get(b"authorization", b"")
    return given[7:] if given[:7].lower() == b"bearer " else None


def _etherscan_key(scope: Any) -> bytes | None:
    """Clients of Etherscan send their key in the query."""
    query: bytes = scope["query_string"]
    if b"apikey=" not in query.lower():
        return None
    for part in query.split(b"&"):
        if part.lower().startswith(b"apikey="):
            return part[7:] or None
    return None
