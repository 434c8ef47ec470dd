"""Besu's login: a user name and a password buy an RS256 token of five minutes."""

import hmac
import time
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count

import jwt
import msgspec
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from devnet import errors
from devnet.rpc import refusal

TOKEN_LIFETIME_S = 300


class Credentials(msgspec.Struct, frozen=True):
    username: str
    password: str


@dataclass
class Login:
    """Issues tokens and checks them; tokens of an earlier run are worthless, as with Besu."""

    username: str
    password: str = field(repr=False)
    token_lifetime_s: float = TOKEN_LIFETIME_S
    _serial: "count[int]" = field(default_factory=count, repr=False)
    _revoked: set[str] = field(default_factory=set, repr=False)

    @cached_property
    def _private_key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def issue(self, lifetime_s: float | None = None) -> str:
        """A token as `/login` gives it."""
        now = time.time()
        lifetime = self.token_lifetime_s if lifetime_s is None else lifetime_s
        claims = {
            "permissions": ["*:*"],
            "username": self.username,
            "iat": int(now),
            "exp": int(now + lifetime),
            "jti": str(next(self._serial)),  # no two tokens of one second are the same
        }
        return jwt.encode(claims, self._private_key, algorithm="RS256")

    def revoke(self, authorization: str) -> None:
        """Treat the token in this header as one that has expired."""
        self._revoked.add(authorization)

    def admits(self, request: web.Request) -> bool:
        authorization = request.headers.get("Authorization", "")
        scheme, _, token = authorization.partition(" ")
        if scheme != "Bearer" or authorization in self._revoked:
            return False
        try:
            jwt.decode(
                token, self._private_key.public_key(), algorithms=["RS256"], options={"require": ["exp"]}
            )
        except jwt.InvalidTokenError:
            return False
        return True

    async def handle(self, request: web.Request) -> web.Response:
        """POST /login."""
        try:
            given = msgspec.json.decode(await request.read(), type=Credentials)
        except msgspec.DecodeError:
            return unauthorized()
        known = hmac.compare_digest(given.username.encode(), self.username.encode())
        if not (hmac.compare_digest(given.password.encode(), self.password.encode()) and known):
            return unauthorized()
        return web.json_response({"token": self.issue()})


def unauthorized() -> web.Response:
    return web.Response(status=401, body=refusal(errors.unauthorized()), content_type="application/json")
