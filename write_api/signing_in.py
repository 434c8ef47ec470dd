"""What every way to sign in has in common: locks after failures, equal answers, a session at the end."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from litestar import Request

from service.http.problems import TooManyRequests
from write_api.acting import Act, queries
from write_api.answers.tokens import Tokens
from write_api.callers import caller
from write_api.credentials import refresh_tokens
from write_api.desk import Desk
from write_api.problems import SignInFailed

_SEVERE_FROM = 5


@dataclass(slots=True)
class Attempt:
    """One attempt to sign in as `subject`: an e-mail or wallet, whether or not there is such an account."""

    desk: Desk
    request: Request[Any, Any, Any]
    subject: bytes

    @classmethod
    def of(cls, desk: Desk, request: Request[Any, Any, Any], kind: str, subject: str) -> "Attempt":
        return cls(desk, request, desk.keys.keyed_hash(f"sign-in:{kind}", subject))

    async def begin(self) -> None:
        """Raises `TooManyRequests` while the subject is locked."""

        async def look(act: Act) -> datetime | None:
            found: datetime | None = await act.value(queries.sign_in_lock, self.subject)
            return found

        until = await self.desk.office.run(self.request, look)
        if until is not None:
            seconds = max(1, round((until - datetime.now(UTC)).total_seconds()))
            raise TooManyRequests(
                f"too many failed attempts; try again in {seconds} s", retry_after_s=seconds
            )

    async def fail(self, why: str, *, user: UUID | None = None, admin: UUID | None = None) -> SignInFailed:
        """Count it, note it, and give back what is raised: the same whatever was wrong."""

        async def count(act: Act) -> None:
            row = await act.one(queries.sign_in_failed, self.subject)
            assert row is not None
            await act.security_event(
                "failed_login",
                "medium" if row["failures"] >= _SEVERE_FROM else "low",
                user=user,
                admin=admin,
                taken="locked" if row["locked_until"] is not None else None,
                reason=why,
                failures=row["failures"],
            )

        await self.desk.office.run(self.request, count)
        return SignInFailed()


def new_tokens(desk: Desk, kind: str, principal: UUID, session: UUID, version: int, refresh: str) -> Tokens:
    """The answer of a sign-in or refresh."""
    access = desk.tokens.issue(
        principal, "user" if kind == "user" else "admin", session, version, datetime.now(UTC)
    )
    return Tokens(access, refresh, "Bearer", desk.settings.sign_in.access_s, session)


def refresh_hash(token: str) -> bytes:
    """What the database keeps of a refresh token."""
    return refresh_tokens.digest(refresh_tokens.parse(token)[1])


def client_of(request: Request[Any, Any, Any]) -> str:
    """What a list of sessions shows of a client."""
    return caller(request).user_agent[:200]
