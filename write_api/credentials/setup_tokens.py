"""Setup tokens: handed over once, to choose a password and a second factor; only the digest is kept."""

import hashlib
import secrets

HOURS = 48
_SECRET_BYTES = 32


def new() -> str:
    """A token with 256 random bits."""
    return f"pend_setup_{secrets.token_urlsafe(_SECRET_BYTES)}"


def digest(token: str) -> bytes:
    """SHA-256: a secret of 256 random bits needs neither salt nor work."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
