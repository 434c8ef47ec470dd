"""Keys, and tokens put together by hand: what an attacker can send."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from write_api.credentials.access_tokens import AccessTokens
from write_api.credentials.signing_key_file import to_base64url
from write_api.credentials.signing_keys import SigningKeys, create

ISSUER = "https://pend.example"
AUDIENCE = "pend-write"
KEEP_S = 960.0


def made_keys(folder: Path) -> SigningKeys:
    path = folder / "keys.json"
    create(path, datetime.now(UTC))
    return SigningKeys(path, KEEP_S)


def tokens_of(keys: SigningKeys, **changes: Any) -> AccessTokens:
    return AccessTokens(keys, **{"issuer": ISSUER, "audience": AUDIENCE, **changes})


def claims(**changes: Any) -> dict[str, Any]:
    """What a good token says; a change to None leaves a claim out."""
    now = int(datetime.now(UTC).timestamp())
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(uuid4()),
        "kind": "user",
        "sid": str(uuid4()),
        "ver": 1,
        "iat": now,
        "nbf": now,
        "exp": now + 900,
        "jti": str(uuid4()),
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def header(keys: SigningKeys, **changes: Any) -> dict[str, Any]:
    good = {"alg": "EdDSA", "kid": keys.current().kid, "typ": "at+jwt"}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def encoded(part: Mapping[str, Any] | bytes) -> str:
    return to_base64url(part if isinstance(part, bytes) else json.dumps(part).encode())


def signed(
    key: Ed25519PrivateKey, header_part: Mapping[str, Any] | bytes, payload: Mapping[str, Any] | bytes
) -> str:
    first = f"{encoded(header_part)}.{encoded(payload)}"
    return f"{first}.{to_base64url(key.sign(first.encode()))}"
