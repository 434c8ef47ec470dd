"""Who asks: the caller of a request as far as it is known before the database is asked."""

from dataclasses import dataclass
from typing import Any

from litestar import Request

from write_api.credentials.access_tokens import AccessClaims, AccessTokens, TokenExpired, TokenRefused
from write_api.problems import NotSignedIn

_BEARER = b"bearer "


@dataclass(slots=True)
class Caller:
    """`claims` are those of a token that was signed by us and has not expired; its session may have ended."""

    request_id: str
    address: str
    user_agent: str
    claims: AccessClaims | None = None
    refusal: NotSignedIn | None = None

    @property
    def name(self) -> str:
        """Whom requests are counted for."""
        return self.address if self.claims is None else f"{self.claims.kind}:{self.claims.subject}"

    def signed_in(self) -> AccessClaims:
        """Raises `NotSignedIn`."""
        if self.claims is not None:
            return self.claims
        raise self.refusal or NotSignedIn("this needs an access token: Authorization: Bearer …")


def caller_of(headers: dict[bytes, bytes], request_id: str, address: str, tokens: AccessTokens) -> Caller:
    """A token that is wrong makes nobody; routes that need somebody say why."""
    agent = headers.get(b"user-agent", b"").decode("latin-1")[:400]
    caller = Caller(request_id, address, agent)
    given = headers.get(b"authorization")
    if given is None:
        return caller
    if given[: len(_BEARER)].lower() != _BEARER:
        caller.refusal = NotSignedIn("Authorization takes a bearer token here, nothing else")
        return caller
    return signed_in_by(given[len(_BEARER) :].strip().decode("latin-1"), request_id, address, agent, tokens)


def signed_in_by(token: str, request_id: str, address: str, agent: str, tokens: AccessTokens) -> Caller:
    """Whoever the token names; `signed_in` says why it is nobody."""
    caller = Caller(request_id, address, agent)
    try:
        caller.claims = tokens.verify(token)
    except TokenExpired:
        caller.refusal = NotSignedIn("the access token has expired; refresh it")
    except TokenRefused:
        caller.refusal = NotSignedIn("the access token is not one of ours; sign in again")
    return caller


def caller(request: Request[Any, Any, Any]) -> Caller:
    """The caller of a request, as the edge found it."""
    found: Caller = request.scope["pend.caller"]  # type: ignore[typeddict-item]
    return found
