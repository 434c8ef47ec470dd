"""Who asks: an API key, or an address behind the proxies that are trusted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from explorer_api.api_keys import ApiKeys


@dataclass(slots=True)
class Client:
    """One who is counted: `name` is the key's id or the address. `expensive` counts what it runs now."""

    name: str
    tier: str
    expensive: int = 0


_CLIENTS_MAX = 50_000
ANONYMOUS = "anonymous"


@dataclass(slots=True)
class Clients:
    """Every client seen lately, the one seen longest ago forgotten first."""

    trusted_proxies: Sequence[IPv4Network | IPv6Network]
    keys: ApiKeys
    _seen: dict[str, Client] = field(default_factory=dict)

    def of(self, scope: Any, headers: dict[bytes, bytes]) -> Client:
        """The client of a request; a key that is not in force makes nobody: such a one counts by address."""
        given = headers.get(b"x-api-key") or _bearer(headers) or _etherscan_key(scope)
        if given is not None:
            key = self.keys.find(sha256(given).digest())
            if key is not None:
                return self._client(f"key:{key.id}", key.tier)
        peer = scope["client"][0] if scope.get("client") else "unknown"
        return self._client(self._address(peer, headers.get(b"x-forwarded-for")), ANONYMOUS)

    def _client(self, name: str, tier: str) -> Client:
        client = self._seen.get(name)
        if client is None or client.tier != tier:
            client = self._seen[name] = Client(name, tier)
            if len(self._seen) > _CLIENTS_MAX:
                del self._seen[next(iter(self._seen))]
        return client

    def _address(self, peer: str, forwarded: bytes | None) -> str:
        """The first address from the right that is no trusted proxy."""
        if forwarded is None or not self.trusted_proxies or not self._is_trusted(peer):
            return peer
        for part in reversed(forwarded.decode("latin-1").split(",")):
            address = part.strip()
            try:
                ip_address(address)
            except ValueError:
                return peer
            if not self._is_trusted(address):
                return address
            peer = address
        return peer

    def _is_trusted(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self.trusted_proxies)


def _bearer(headers: dict[bytes, bytes]) -> bytes | None:
    given = headers.get(b"authorization", b"")
    return given[7:] if given[:7].lower() == b"bearer " else None


def _etherscan_key(scope: Any) -> bytes | None:
    """Clients of Etherscan send their key in the query."""
    query: bytes = scope["query_string"]
    if b"apikey=" not in query:
        return None
    for part in query.split(b"&"):
        if part.startswith(b"apikey="):
            return part[7:] or None
    return None
