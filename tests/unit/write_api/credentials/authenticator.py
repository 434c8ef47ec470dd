"""A security key in software: ES256 (or EdDSA), user verification, a sign count; it lies when told to."""

import hashlib
import json
import os
from base64 import urlsafe_b64encode
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

USER_PRESENT, USER_VERIFIED, ATTESTED = 0x01, 0x04, 0x40
GOOD = USER_PRESENT | USER_VERIFIED


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


class Authenticator:
    def __init__(self, rp_id: str, origin: str, *, eddsa: bool = False) -> None:
        self.rp_id = rp_id
        self.origin = origin
        self.credential_id = os.urandom(32)
        self.key = Ed25519PrivateKey.generate() if eddsa else ec.generate_private_key(ec.SECP256R1())

    def register(
        self, challenge: bytes, /, *, flags: int = GOOD, sign_count: int = 0, **changes: Any
    ) -> dict[str, Any]:
        """What `navigator.credentials.create` gives, in its JSON form."""
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id
        attested += cbor2.dumps(self._cose())
        data = self._data(flags | ATTESTED, sign_count, changes.get("rp_id")) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", challenge, changes)
        return self._response({"clientDataJSON": client, "attestationObject": attestation})

    def authenticate(
        self, challenge: bytes, /, *, flags: int = GOOD, sign_count: int = 1, **changes: Any
    ) -> dict[str, Any]:
        """What `navigator.credentials.get` gives, in its JSON form."""
        data = self._data(flags, sign_count, changes.get("rp_id"))
        client = self._client("webauthn.get", challenge, changes)
        signature = self._sign(data + hashlib.sha256(client).digest())
        return self._response({"clientDataJSON": client, "authenticatorData": data, "signature": signature})

    def _response(self, parts: dict[str, bytes]) -> dict[str, Any]:
        credential_id = base64url(self.credential_id)
        response = {name: base64url(part) for name, part in parts.items()}
        return {"id": credential_id, "rawId": credential_id, "type": "public-key", "response": response}

    def _data(self, flags: int, sign_count: int, rp_id: str | None) -> bytes:
        return (
            hashlib.sha256((rp_id or self.rp_id).encode()).digest()
            + bytes([flags])
            + sign_count.to_bytes(4, "big")
        )

    def _client(self, kind: str, challenge: bytes, changes: dict[str, Any]) -> bytes:
        said = {"type": kind, "challenge": base64url(challenge), "origin": self.origin, "crossOrigin": False}
        named = {name: value for name, value in changes.items() if name != "rp_id"}
        return json.dumps({**said, **named}).encode()

    def _sign(self, data: bytes) -> bytes:
        if isinstance(self.key, Ed25519PrivateKey):
            return self.key.sign(data)
        return self.key.sign(data, ec.ECDSA(SHA256()))

    def _cose(self) -> dict[int, Any]:
        """The public key (RFC 9053, 7.1 and 7.2)."""
        if isinstance(self.key, Ed25519PrivateKey):
            return {1: 1, 3: -8, -1: 6, -2: self.key.public_key().public_bytes_raw()}
        point = self.key.public_key().public_numbers()
        return {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
