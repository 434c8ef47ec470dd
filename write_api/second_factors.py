"""The second factor of administrators: TOTP, security key or recovery code, each accepted once."""

from base64 import urlsafe_b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from write_api.acting import Act, Row, queries
from write_api.bodies import faults
from write_api.credentials import recovery_codes, security_keys, totp
from write_api.credentials.recovery_codes import RecoveryCodeMalformed
from write_api.credentials.security_keys import RelyingParty, SecurityKeyRefused, SignCountWentBack
from write_api.data_keys import KeyRing
from write_api.settings import SignInSection

SECRET_COLUMN = "totp_secret"  # noqa: S105  the name of a column
_CODE_CHARACTERS_MAX = 40


class SecondFactor(msgspec.Struct):
    """One of three."""

    challenge_id: UUID
    totp: str | None = None
    recovery_code: str | None = None
    security_key: dict[str, Any] | None = None
    """A PublicKeyCredential in its JSON form."""

    def kind(self) -> str:
        """Which one was given. Raises `Invalid` unless it is one alone."""
        kinds = ("totp", "recovery_code", "security_key")
        given = [kind for kind in kinds if getattr(self, kind) is not None]
        with faults() as found:
            if len(given) != 1:
                found.add("", "send one of totp, recovery_code and security_key")
            for kind in ("totp", "recovery_code"):
                if len(getattr(self, kind) or "") > _CODE_CHARACTERS_MAX:
                    found.add(kind, f"has at most {_CODE_CHARACTERS_MAX} characters")
        return given[0]


class Wrong(Exception):
    """Not accepted; `reason` is for the security events, never for the caller."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def relying_party(sign_in: SignInSection) -> RelyingParty:
    return RelyingParty(sign_in.relying_party_id, "Pend", sign_in.relying_party_origins)


def code_hash(keys: KeyRing, admin: UUID, code: str) -> bytes:
    """What the database keeps of a recovery code. Raises `RecoveryCodeMalformed`."""
    return recovery_codes.digest(code, keys.keyed_hash("recovery-codes", str(admin)))


def challenge_of(response: Mapping[str, Any]) -> bytes | None:
    """The challenge that a credential says it answers; None where it says none."""
    try:
        text = response["response"]["clientDataJSON"]
        said = msgspec.json.decode(_decoded(text))["challenge"]
        return _decoded(said)
    except (LookupError, TypeError, ValueError, AttributeError, msgspec.DecodeError, RecursionError):
        return None


async def use_totp(act: Act, admin: Row, code: str) -> None:
    """Take a code of the authenticator app. Raises `Wrong`."""
    if not admin["has_totp"] or admin["data_key_id"] is None:
        raise Wrong("no TOTP is set up")
    key = await act.keys.unwrap(admin["data_key_id"], admin["wrapped"], admin["master_key_id"])
    secret = key.open(admin["totp_secret"], row=admin["id"], column=SECRET_COLUMN)
    assert secret is not None
    step = totp.verify(secret, code, datetime.now(UTC), last_step=admin["totp_last_step"])
    if step is None or not await act.value(queries.use_totp_step, admin["id"], step):
        raise Wrong("the TOTP code is wrong or was used")


async def use_recovery_code(act: Act, admin: Row, code: str) -> None:
    """Raises `Wrong`."""
    try:
        digest = code_hash(act.keys, admin["id"], code)
    except RecoveryCodeMalformed:
        raise Wrong("the recovery code is malformed") from None
    if not await act.value(queries.use_recovery_code, admin["id"], digest):
        raise Wrong("the recovery code is wrong or was used")


async def use_security_key(
    act: Act, admin: Row, response: Mapping[str, Any], challenge: bytes, party: RelyingParty
) -> None:
    """Raises `Wrong`; a sign count that went back is noted as a copied key."""
    try:
        credential_id = security_keys.credential_id_of(response)
        key = await act.one(queries.admin_security_key, admin["id"], credential_id)
        if key is None:
            raise Wrong("the security key is not one of the account")
        count = security_keys.verify_authentication(
            party,
            response,
            challenge=challenge,
            credential_id=credential_id,
            public_key=key["public_key"],
            sign_count=key["sign_count"],
        )
    except SignCountWentBack as error:
        await act.security_event(
            "security_key_copied",
            "critical",
            admin=admin["id"],
            taken="refused",
            last=error.last,
            found=error.found,
        )
        raise Wrong("the sign count of the security key went back") from None
    except SecurityKeyRefused:
        raise Wrong("the security key's response proves nothing") from None
    if not await act.value(queries.use_security_key, key["id"], count):
        raise Wrong("the sign count of the security key was used")


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
