"""Refresh tokens: opaque text of a session and a secret, of which only the digest is kept.

Rotation and the detection of reuse belong to where sessions are stored.
"""

import hashlib
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

_SECRET_BYTES = 32
# 16 bytes of session and 32 of secret: 64 characters without padding, so each token has one spelling.
_TOKEN = re.compile("[A-Za-z0-9_-]{64}")


class RefreshTokenMalformed(Exception):
    """Text that no `new` has made; it is never shown."""

    def __init__(self) -> None:
        super().__init__("the refresh token is malformed")


def new(session: UUID) -> str:
    """A token with 256 random bits."""
    return urlsafe_b64encode(session.bytes + secrets.token_bytes(_SECRET_BYTES)).decode()


def parse(text: str) -> tuple[UUID, bytes]:
    """The session and the secret. Raises `RefreshTokenMalformed`."""
    if _TOKEN.fullmatch(text) is None:
        raise RefreshTokenMalformed
    raw = urlsafe_b64decode(text)
    return UUID(bytes=raw[:-_SECRET_BYTES]), raw[-_SECRET_BYTES:]


def digest(secret: bytes) -> bytes:
    """SHA-256: a secret of 256 random bits needs neither salt nor work."""
    return hashlib.sha256(secret).digest()
