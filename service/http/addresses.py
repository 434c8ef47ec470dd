"""The address of who asks, behind the proxies that are trusted."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

_IPV6_BITS = 64


def address_of(
    scope: Any, headers: dict[bytes, bytes], trusted_proxies: Sequence[IPv4Network | IPv6Network]
) -> str:
    """The peer's address, or behind trusted proxies the one they name; "unknown" where there is none."""
    peer: str = scope["client"][0] if scope.get("client") else "unknown"
    forwarded = headers.get(b"x-forwarded-for")
    return peer if forwarded is None else _forwarded(peer, forwarded, trusted_proxies)


@lru_cache(maxsize=50_000)
def network_of(address: str) -> str:
    """One who has an IPv6 address has a whole network of them: it counts as one."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed), _IPV6_BITS), strict=False))


def _forwarded(peer: str, forwarded: bytes, trusted_proxies: Sequence[IPv4Network | IPv6Network]) -> str:
    """The first address from the right that is no trusted proxy."""
    if not trusted_proxies or not _is_trusted(peer, trusted_proxies):
        return peer
    for part in reversed(forwarded.decode("latin-1").split(",")):
        address = part.strip()
        try:
            ip_address(address)
        except ValueError:
            return peer
        if not _is_trusted(address, trusted_proxies):
            return address
        peer = address
    return peer


def _is_trusted(address: str, trusted_proxies: Sequence[IPv4Network | IPv6Network]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in trusted_proxies)
