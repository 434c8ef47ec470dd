"""Security keys and passkeys of administrators (WebAuthn level 2), always with user verification."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import webauthn
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from webauthn.helpers import base64url_to_bytes, parse_client_data_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

CREDENTIAL_ID_BYTES_MAX: Final = 1023  # WebAuthn level 2, 6.5.1
_CHALLENGE_BYTES_MIN: Final = 16
_PART_CHARACTERS_MAX: Final = 32 * 1024
# What parsers below the library say of bytes that no authenticator made.
_FOREIGN: Final = (
    WebAuthnException,
    InvalidSignature,
    UnsupportedAlgorithm,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RecursionError,
    struct.error,
)


class SecurityKeyRefused(Exception):
    """A response that does not prove possession of the key; `reason` is for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"security key refused: {reason}")
        self.reason = reason


class SignCountWentBack(SecurityKeyRefused):
    """A valid signature with a count not above the last one: there may be a copy of the key."""

    def __init__(self, last: int, found: int) -> None:
        super().__init__(f"its sign count is {found} after {last}")
        self.last = last
        self.found = found


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """`id` is the domain that keys are bound to, `origins` the pages that may ask for them."""

    id: str
    name: str
    origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RegisteredKey:
    """What to store of a new key; `public_key` is COSE."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    aaguid: str
    backed_up: bool


def registration_options(
    party: RelyingParty,
    *,
    admin: bytes,
    account: str,
    display_name: str,
    challenge: bytes,
    registered: Sequence[bytes],
) -> str:
    """JSON for `navigator.credentials.create`; a key in `registered` is not registered twice.

    `admin` is an opaque id, `challenge` at least 16 random bytes that the caller keeps and takes once.
    """
    _require_challenge(challenge)
    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name=party.name,
        user_id=admin,
        user_name=account,
        user_display_name=display_name,
        challenge=challenge,
        attestation=AttestationConveyancePreference.NONE,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_descriptors(registered),
    )
    return webauthn.options_to_json(options)


def authentication_options(party: RelyingParty, *, challenge: bytes, registered: Sequence[bytes]) -> str:
    """JSON for `navigator.credentials.get`, for one of the keys in `registered`."""
    _require_challenge(challenge)
    options = webauthn.generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        allow_credentials=_descriptors(registered),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return webauthn.options_to_json(options)


def verify_registration(
    party: RelyingParty, response: Mapping[str, Any], *, challenge: bytes
) -> RegisteredKey:
    """The key of a `PublicKeyCredential` in its JSON form. Raises `SecurityKeyRefused`."""
    try:
        _require_own_page(response)
        verified = webauthn.verify_registration_response(
            credential=dict(response),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=list(party.origins),
            require_user_verification=True,
        )
        found = base64url_to_bytes(response["rawId"])
    except _FOREIGN as error:
        _refuse(error)
    if found != verified.credential_id or len(found) > CREDENTIAL_ID_BYTES_MAX:
        raise SecurityKeyRefused("its id is not the one that was attested, or too long")
    return RegisteredKey(
        verified.credential_id,
        verified.credential_public_key,
        verified.sign_count,
        verified.aaguid,
        verified.credential_backed_up,
    )


def credential_id_of(response: Mapping[str, Any]) -> bytes:
    """Which key a response claims to come from, to look it up. Raises `SecurityKeyRefused`."""
    try:
        credential_id = base64url_to_bytes(_text(response["rawId"]))
    except _FOREIGN as error:
        _refuse(error)
    if len(credential_id) > CREDENTIAL_ID_BYTES_MAX:
        raise SecurityKeyRefused(f"an id of {len(credential_id)} bytes")
    return credential_id


def verify_authentication(
    party: RelyingParty,
    response: Mapping[str, Any],
    *,
    challenge: bytes,
    credential_id: bytes,
    public_key: bytes,
    sign_count: int,
) -> int:
    """The new sign count, to be stored. Raises `SecurityKeyRefused`, or `SignCountWentBack`.

    Keys that do not count always say 0, which stays valid.
    """
    if credential_id_of(response) != credential_id:
        raise SecurityKeyRefused("it comes from another key")
    try:
        _require_own_page(response)
        verified = webauthn.verify_authentication_response(
            credential=dict(response),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=list(party.origins),
            credential_public_key=public_key,
            # The library looks at the count before the signature: ours is checked below, when it is proven.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except _FOREIGN as error:
        _refuse(error)
    if verified.new_sign_count <= sign_count and (verified.new_sign_count or sign_count):
        raise SignCountWentBack(sign_count, verified.new_sign_count)
    return verified.new_sign_count


def _require_own_page(response: Mapping[str, Any]) -> None:
    """Refuses parts too large to be read, and responses made inside a frame of another origin."""
    parts = response["response"]
    for part in parts.values():
        if isinstance(part, str):
            _text(part)
    if parse_client_data_json(base64url_to_bytes(parts["clientDataJSON"])).cross_origin:
        raise SecurityKeyRefused("it was made in a frame of another origin")


def _text(part: str) -> str:
    if len(part) > _PART_CHARACTERS_MAX:
        raise SecurityKeyRefused(f"a part of {len(part)} characters, at most {_PART_CHARACTERS_MAX} are read")
    return part


def _require_challenge(challenge: bytes) -> None:
    if len(challenge) < _CHALLENGE_BYTES_MIN:
        raise ValueError(f"a challenge of {len(challenge)} bytes: {_CHALLENGE_BYTES_MIN} are needed")


def _descriptors(credential_ids: Sequence[bytes]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=credential_id) for credential_id in credential_ids]


def _refuse(error: BaseException) -> NoReturn:
    raise SecurityKeyRefused(f"{type(error).__name__}: {error}") from error
