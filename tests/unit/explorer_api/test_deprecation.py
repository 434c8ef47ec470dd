"""A route that will go says so for at least a year, in each of its answers."""

from datetime import UTC, datetime, timedelta

import pytest

from explorer_api.deprecation import DEPRECATED, Deprecation, SunsetTooSoon, headers_by_route

SINCE = datetime(2027, 1, 31, tzinfo=UTC)


def test_deprecated_route_tells_since_when_until_when_and_what_instead() -> None:
    going = Deprecation("/api/v1/old", SINCE, SINCE + timedelta(days=400), "/api/v2/new")
    assert dict(headers_by_route([going])["/api/v1/old"]) == {
        b"deprecation": b"@1801353600",
        b"sunset": b"Mon, 06 Mar 2028 00:00:00 GMT",
        b"link": b'</api/v2/new>; rel="successor-version"',
    }


def test_route_stays_for_a_year() -> None:
    with pytest.raises(SunsetTooSoon, match="after 364 days, 365 are promised"):
        Deprecation("/api/v1/old", SINCE, SINCE + timedelta(days=364), "/api/v2/new")


def test_nothing_is_deprecated_yet() -> None:
    assert DEPRECATED == ()
