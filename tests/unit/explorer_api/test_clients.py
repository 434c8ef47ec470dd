"""Who a request counts for."""

from hashlib import sha256
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any

import pytest

from explorer_api.api_keys import ApiKey
from explorer_api.clients import Clients


def _clients(*proxies: str, **options: Any) -> Clients:
    known = {sha256(b"pend_known").digest(): ApiKey("known000", "partner", None)}
    keys: Any = SimpleNamespace(find=known.get)
    return Clients(tuple(ip_network(each) for each in proxies), keys, **options)


def _scope(peer: str | None, query: bytes = b"") -> dict[str, Any]:
    return {"client": (peer, 1) if peer else None, "query_string": query}


@pytest.mark.parametrize(
    ("peer", "forwarded", "name"),
    [
        ("192.0.2.9", None, "192.0.2.9"),
        ("192.0.2.9", b"198.51.100.1", "192.0.2.9"),  # not a proxy of ours: it may say what it likes
        ("10.0.0.1", b"198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", b"203.0.113.7, 198.51.100.1", "198.51.100.1"),  # what stands before was not ours to see
        ("10.0.0.1", b"198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", b"198.51.100.1, nonsense", "10.0.0.1"),
        ("10.0.0.1", b"10.0.0.3", "10.0.0.3"),
        ("10.0.0.1", b"2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", None, "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.9", None, "192.0.2.9"),
        (None, None, "unknown"),
    ],
)
def test_client_is_the_address_that_is_known_for_sure(
    peer: str | None, forwarded: bytes | None, name: str
) -> None:
    headers = {} if forwarded is None else {b"x-forwarded-for": forwarded}
    assert _clients("10.0.0.0/8").of(_scope(peer), headers).name == name


def test_client_with_a_key_in_force_is_the_key() -> None:
    clients = _clients()
    by_header = clients.of(_scope("192.0.2.1"), {b"x-api-key": b"pend_known"})
    assert (by_header.name, by_header.tier) == ("key:known000", "partner")
    assert clients.of(_scope("192.0.2.2"), {b"authorization": b"Bearer pend_known"}) is by_header
    assert clients.of(_scope("192.0.2.3", b"module=account&apikey=pend_known"), {}) is by_header
    other = clients.of(_scope("192.0.2.1"), {b"x-api-key": b"pend_other"})
    assert (other.name, other.tier) == ("192.0.2.1", "anonymous")


def test_clients_are_bounded_and_the_busy_ones_stay() -> None:
    clients = _clients(generation_max=10)
    busy = clients.of(_scope("192.0.2.1"), {})
    for number in range(1_000):
        clients.of(_scope(f"10.0.{number // 250}.{number % 250}"), {})
        assert clients.of(_scope("192.0.2.1"), {}) is busy
        assert len(clients) <= 20
