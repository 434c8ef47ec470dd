"""Where the bearer token of an endpoint comes from: nowhere, a setting, a file, or Besu's POST /login.

Besu issues tokens for five minutes, signed with a key of its own per port: HTTP and WebSocket log in apart.
"""

import asyncio
import time
from pathlib import Path
from typing import Protocol

import aiohttp
import jwt
import msgspec
from yarl import URL

from node.errors import AccessDenied, AnswerTooLarge, NodeRefused
from node.settings import NodeSettings
from node.transport import post

# A token is renewed when this share of its life is over, so that no request in flight outlives it.
_USABLE_SHARE = 0.8
_LIFETIME_UNKNOWN_S = 300.0  # Besu's own lifetime
_LIFETIME_MIN_S = 5.0  # a clock far off must not make every request log in
_ANSWER_BYTES_MAX = 64 * 1024


class TokenSource(Protocol):
    async def token(self) -> str | None:
        """The token to send, None for none."""

    async def renew(self, refused: str | None) -> bool:
        """Whether another token than the `refused` one can be had now."""


class GivenToken:
    """One token, or none, from the settings."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    async def token(self) -> str | None:
        return self._token

    async def renew(self, refused: str | None) -> bool:
        return refused != self._token


class TokenFile:
    """A token that something else writes to a file; read again when it is refused."""

    def __init__(self, path: Path, host: str) -> None:
        self._path = path
        self._host = host
        self._token: str | None = None

    async def token(self) -> str | None:
        if self._token is None:
            self._token = self._read()
        return self._token

    async def renew(self, refused: str | None) -> bool:
        self._token = self._read()
        return self._token != refused

    def _read(self) -> str:
        try:
            return self._path.read_text().strip()
        except OSError as error:
            raise AccessDenied(
                self._host, f"token file {self._path} cannot be read: {error.strerror}"
            ) from error


class BesuLogin:
    """Tokens from POST /login at the root of the host; one login at a time."""

    def __init__(self, session: aiohttp.ClientSession, url: URL, username: str, password: str) -> None:
        self._session = session
        self._url = url.origin() / "login"
        self._host = host_of(url)
        self._credentials = msgspec.json.encode({"username": username, "password": password})
        self._lock = asyncio.Lock()
        self._token: str | None = None
        self._renew_at_s = 0.0

    async def token(self) -> str | None:
        if self._token is None or time.monotonic() >= self._renew_at_s:
            async with self._lock:
                if self._token is None or time.monotonic() >= self._renew_at_s:
                    await self._log_in()
        return self._token

    async def renew(self, refused: str | None) -> bool:
        async with self._lock:
            if self._token == refused:
                await self._log_in()
        return True

    async def _log_in(self) -> None:
        try:
            status, raw = await post(
                self._session,
                self._url,
                self._credentials,
                headers={"Content-Type": "application/json"},
                endpoint=self._host,
                method="login",
                response_bytes_max=_ANSWER_BYTES_MAX,
            )
        except AnswerTooLarge as error:  # no smaller batch would make it smaller
            raise NodeRefused(self._host, "login", status=error.status, detail=error.detail) from None
        if status in (401, 403):
            raise AccessDenied(self._host, f"login refused with HTTP {status}: check user name and password")
        if status in (404, 405):
            raise AccessDenied(
                self._host,
                f"login answered with HTTP {status}: start Besu with --rpc-http-authentication-enabled "
                "and a credentials file, or remove the user name",
            )
        if status != 200:
            raise NodeRefused(self._host, "login", status=status)
        try:
            token = msgspec.json.decode(raw, type=dict[str, str])["token"]
        except (msgspec.DecodeError, KeyError, RecursionError):
            raise NodeRefused(self._host, "login", status=status, detail="the answer has no token") from None
        self._token = token
        self._renew_at_s = time.monotonic() + usable_seconds(token, now_s=time.time())


def token_source(settings: NodeSettings, session: aiohttp.ClientSession, url: URL) -> TokenSource:
    """What the settings name, in the order login, file, token; `url` may be the WebSocket's."""
    if settings.username is not None:
        if url.scheme in ("ws", "wss"):
            url = url.with_scheme("https" if url.scheme == "wss" else "http")
        return BesuLogin(session, url, settings.username, settings.password or "")
    if settings.jwt_token_file is not None:
        return TokenFile(settings.jwt_token_file, host_of(url))
    return GivenToken(settings.jwt_token)


def usable_seconds(token: str, *, now_s: float) -> float:
    """How long to use a token before renewing it, by its own `exp` and `iat`."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
        expires_s = float(claims["exp"])
        # Both by the node's clock, so that ours being off does not matter.
        lifetime_s = expires_s - float(claims.get("iat", now_s))
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError):
        lifetime_s = _LIFETIME_UNKNOWN_S
    return max(lifetime_s * _USABLE_SHARE, _LIFETIME_MIN_S)


def host_of(url: URL) -> str:
    """`host:port`: all that may be logged of a URL, whose path, query or user may hold a key."""
    return f"{url.host}:{url.port}"
