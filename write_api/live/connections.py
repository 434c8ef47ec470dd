"""Who is connected to this process."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from service.http.problems import TooManyRequests
from service.rate_limits import Allowed, Burst
from write_api.callers import Caller
from write_api.credentials.access_tokens import AccessClaims
from write_api.live.link import Link
from write_api.problems import NotSignedIn

ACCOUNT_MAX = 20
OPEN_MAX = 50
MESSAGES = Allowed(30, 10.0)
"""Of one account, however many connections it has."""


@dataclass(slots=True, eq=False)
class Connection:
    """`who` has claims: those of its latest token."""

    sid: str
    link: Link
    who: Caller
    permissions: frozenset[str]
    checked_at: float
    """When the database was asked for its session last, by the loop's clock."""
    rooms: set[str] = field(default_factory=set)
    open: set[UUID] = field(default_factory=set)
    """Applications."""
    typed_at: dict[UUID, float] = field(default_factory=dict)
    is_told_of_expiry: bool = False

    @property
    def claims(self) -> AccessClaims:
        assert self.who.claims is not None
        return self.who.claims

    @property
    def account(self) -> str:
        return self.who.name

    @property
    def is_admin(self) -> bool:
        return self.claims.kind == "admin"

    def expired_s(self, now: datetime) -> float:
        """Seconds since its token expired; negative before."""
        return (now - self.claims.expires_at).total_seconds()

    def require_token(self) -> None:
        """Raises `NotSignedIn`."""
        if self.expired_s(datetime.now(UTC)) >= 0:
            raise NotSignedIn("the access token has expired; send token:refresh with a new one")


class Connections:
    def __init__(self) -> None:
        self._by_sid: dict[str, Connection] = {}
        self._accounts: Counter[str] = Counter()
        self._messages: dict[str, Burst] = {}

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._by_sid.values()))

    def __len__(self) -> int:
        return len(self._by_sid)

    def get(self, sid: str) -> Connection | None:
        return self._by_sid.get(sid)

    def add(self, connection: Connection) -> None:
        """Raises `TooManyRequests`."""
        if self._accounts[connection.account] >= ACCOUNT_MAX:
            raise TooManyRequests(
                f"this account holds {ACCOUNT_MAX} connections, as many as it may; close one",
                retry_after_s=10,
            )
        self._by_sid[connection.sid] = connection
        self._accounts[connection.account] += 1

    def remove(self, sid: str) -> Connection | None:
        connection = self._by_sid.pop(sid, None)
        if connection is not None:
            self._accounts[connection.account] -= 1
            if not self._accounts[connection.account]:
                del self._accounts[connection.account]
                self._messages.pop(connection.account, None)
        return connection

    def count_message(self, connection: Connection, now: float) -> None:
        """Raises `TooManyRequests`."""
        burst = self._messages.setdefault(connection.account, Burst(MESSAGES))
        wait_s = burst.wait_s(now)
        if wait_s > 0:
            raise TooManyRequests(
                f"{MESSAGES.count} messages within {MESSAGES.seconds:g} s are as many as you may write",
                retry_after_s=int(wait_s) + 1,
            )
        burst.count(now)
