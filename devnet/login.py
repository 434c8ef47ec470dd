"""Besu's login: a user name and a password buy an RS256 token of five minutes."""

import hmac
import time
from dataclasses import dataclass, field
from functools import cached_property

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
        }
        return jwt.encode(claims, self._private_key, algorithm="RS256")

    def admits(self, request: web.Request) -> bool:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
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
