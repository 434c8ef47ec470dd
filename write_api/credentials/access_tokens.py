"""Access tokens: JWTs of RFC 9068, signed with Ed25519 and with nothing else, whatever their header says."""

import re
import time
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, NoReturn
from uuid import UUID, uuid4

import jwt
import msgspec

from write_api.credentials.signing_key_file import from_base64url
from write_api.credentials.signing_keys import SigningKeys

Kind = Literal["user", "admin"]

TOKEN_BYTES_MAX: Final = 2048
_LEEWAY_S: Final = 5
_KEPT_S: Final = 15.0
_KEPT_MAX: Final = 10_000
_TIME_MAX: Final = 253_402_300_799  # the last second of year 9999
_TYPE: Final = "at+jwt"
_TOKEN: Final = re.compile(r"([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_REQUIRED: Final = ("iss", "aud", "sub", "exp", "iat", "nbf", "jti")
# What a library says of a token that someone made up: its own errors, and those of the parsers below it.
_FOREIGN: Final = (jwt.PyJWTError, msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError)


class TokenRefused(Exception):
    """A token that is not taken; `reason` is for the log, the client hears nothing of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"access token refused: {reason}")
        self.reason = reason


class TokenExpired(TokenRefused):
    """A token of ours that was good once: the client may refresh it."""


class AccessClaims(msgspec.Struct, frozen=True):
    subject: UUID
    kind: Kind
    session: UUID
    session_version: int
    expires_at: datetime
    jti: UUID


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that a header of ours holds; `jwk`, `x5u`, `crit` and their like are refused unread."""

    alg: Literal["EdDSA"]
    kid: str
    typ: Literal["at+jwt"]


class _Claims(msgspec.Struct, frozen=True):
    sub: UUID
    kind: Kind
    sid: UUID
    ver: Annotated[int, msgspec.Meta(ge=0)]
    exp: Annotated[int, msgspec.Meta(ge=0, le=_TIME_MAX)]
    jti: UUID


class AccessTokens:
    """Issues and verifies the tokens of one issuer for one audience."""

    def __init__(self, keys: SigningKeys, issuer: str, audience: str, lifetime_s: int = 900) -> None:
        self.lifetime_s = lifetime_s
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._header = msgspec.json.Decoder(_Header)
        self._kept: OrderedDict[str, tuple[AccessClaims, float]] = OrderedDict()

    def issue(self, subject: UUID, kind: Kind, session: UUID, session_version: int, now: datetime) -> str:
        issued_at = int(now.timestamp())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(subject),
            "kind": kind,
            "sid": str(session),
            "ver": session_version,
            "iat": issued_at,
            "nbf": issued_at,
            "exp": issued_at + self.lifetime_s,
            "jti": str(uuid4()),
        }
        key = self._keys.current()
        return jwt.encode(claims, key.private, algorithm="EdDSA", headers={"kid": key.kid, "typ": _TYPE})

    def verify(self, token: str) -> AccessClaims:
        """The claims of a token of ours that is valid now. Raises `TokenRefused` or `TokenExpired`.

        One that was verified is remembered for some seconds, never for longer than it holds: its session is
        checked with every request all the same.
        """
        kept = self._kept.get(token)
        if kept is not None and time.monotonic() < kept[1]:
            return kept[0]
        found = self._verify(token)
        lives_s = (found.expires_at - datetime.now(UTC)).total_seconds()
        self._kept[token] = found, time.monotonic() + min(_KEPT_S, lives_s)
        if len(self._kept) > _KEPT_MAX:
            self._kept.popitem(last=False)
        return found

    def _verify(self, token: str) -> AccessClaims:
        if len(token) > TOKEN_BYTES_MAX:
            raise TokenRefused(f"{len(token)} characters, at most {TOKEN_BYTES_MAX} are read")
        parts = _TOKEN.fullmatch(token)
        if parts is None:
            raise TokenRefused("not three parts of base64url")
        try:
            claims = self._claims(token, parts[1])
        except jwt.ExpiredSignatureError as error:
            raise TokenExpired("expired") from error
        except _FOREIGN as error:
            _refuse(error)
        expires_at = datetime.fromtimestamp(claims.exp, tz=UTC)
        return AccessClaims(claims.sub, claims.kind, claims.sid, claims.ver, expires_at, claims.jti)

    def _claims(self, token: str, header: str) -> _Claims:
        kid = self._header.decode(from_base64url(header)).kid
        key = self._keys.find(kid)
        if key is None:
            raise TokenRefused("its key is unknown, or retired for too long")
        payload: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=["EdDSA"],
            audience=self._audience,
            issuer=self._issuer,
            leeway=timedelta(seconds=_LEEWAY_S),
            options={"require": list(_REQUIRED), "strict_aud": True},
        )
        return msgspec.convert(payload, _Claims)


def _refuse(error: BaseException) -> NoReturn:
    raise TokenRefused(f"{type(error).__name__}: {error}") from error
