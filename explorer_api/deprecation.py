"""What of the API will go away, when, and what takes its place (docs/api.md, "How long it stays").

A route stays for at least twelve months after it was announced as deprecated. From that day on each of its
answers says so: `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and a link to the successor.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from service.http.asgi import Header

STAYS_FOR = timedelta(days=365)


class SunsetTooSoon(ValueError):
    """A route would go away earlier than was promised."""


@dataclass(frozen=True, slots=True)
class Deprecation:
    """One route, by its template. Raises `SunsetTooSoon`."""

    route: str
    since: datetime
    sunset: datetime
    successor: str

    def __post_init__(self) -> None:
        if self.sunset - self.since < STAYS_FOR:
            raise SunsetTooSoon(
                f"{self.route} would go after {(self.sunset - self.since).days} days,"
                f" {STAYS_FOR.days} are promised"
            )

    def headers(self) -> tuple[Header, ...]:
        return (
            (b"deprecation", b"@%d" % self.since.timestamp()),
            (b"sunset", format_datetime(self.sunset.astimezone(UTC), usegmt=True).encode()),
            (b"link", f'<{self.successor}>; rel="successor-version"'.encode()),
        )


DEPRECATED: tuple[Deprecation, ...] = ()
"""Nothing yet."""


def headers_by_route(deprecated: Iterable[Deprecation] = DEPRECATED) -> dict[str, tuple[Header, ...]]:
    return {each.route: each.headers() for each in deprecated}
