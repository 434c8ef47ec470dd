import copy
import json
from base64 import urlsafe_b64decode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.write_api.credentials.authenticator import (
    USER_PRESENT,
    USER_VERIFIED,
    Authenticator,
    base64url,
)
from write_api.credentials.security_keys import (
    RegisteredKey,
    RelyingParty,
    SecurityKeyRefused,
    SignCountWentBack,
    authentication_options,
    credential_id_of,
    registration_options,
    verify_authentication,
    verify_registration,
)

ORIGIN = "https://admin.pend.example"
PARTY = RelyingParty("pend.example", "Pend", (ORIGIN, "https://admin2.pend.example"))
CHALLENGE = bytes(range(32))


def registered(key: Authenticator, **changes: Any) -> RegisteredKey:
    return verify_registration(PARTY, key.register(CHALLENGE, **changes), challenge=CHALLENGE)


def authenticated(key: Authenticator, known: RegisteredKey, response: dict[str, Any]) -> int:
    return verify_authentication(
        PARTY,
        response,
        challenge=CHALLENGE,
        credential_id=known.credential_id,
        public_key=known.public_key,
        sign_count=known.sign_count,
    )


@pytest.fixture
def key() -> Authenticator:
    return Authenticator(PARTY.id, ORIGIN)


@pytest.mark.parametrize("eddsa", [False, True])
def test_a_key_registers_and_then_signs_in(eddsa: bool) -> None:
    key = Authenticator(PARTY.id, ORIGIN, eddsa=eddsa)
    known = registered(key, sign_count=4)
    assert (known.credential_id, known.sign_count) == (key.credential_id, 4)
    response = key.authenticate(CHALLENGE, sign_count=5)
    assert credential_id_of(response) == key.credential_id
    assert authenticated(key, known, response) == 5


def test_a_key_on_another_page_of_ours_signs_in(key: Authenticator) -> None:
    known = registered(key)
    key.origin = PARTY.origins[1]
    assert authenticated(key, known, key.authenticate(CHALLENGE)) == 1


def test_a_key_that_does_not_count_signs_in_again_and_again(key: Authenticator) -> None:
    known = registered(key)
    for _ in range(2):
        assert authenticated(key, known, key.authenticate(CHALLENGE, sign_count=0)) == 0


_LIES: dict[str, dict[str, Any]] = {
    "another origin": {"origin": "https://admin.pend.example.evil.example"},
    "origin without TLS": {"origin": "http://admin.pend.example"},
    "origin with a port": {"origin": f"{ORIGIN}:8443"},
    "another challenge": {"challenge": base64url(bytes(32))},
    "part of the challenge": {"challenge": base64url(CHALLENGE[:16])},
    "another relying party": {"rp_id": "evil.example"},
    "no user verification": {"flags": USER_PRESENT},
    "no user presence": {"flags": USER_VERIFIED},
    "frame of another origin": {"crossOrigin": True},
    "type of the other ceremony": {"type": "webauthn.other"},
}


@pytest.mark.parametrize("lie", _LIES)
def test_a_registration_with_a_lie_refused(key: Authenticator, lie: str) -> None:
    with pytest.raises(SecurityKeyRefused):
        registered(key, **_LIES[lie])


@pytest.mark.parametrize("lie", _LIES)
def test_an_authentication_with_a_lie_refused(key: Authenticator, lie: str) -> None:
    known = registered(key)
    with pytest.raises(SecurityKeyRefused):
        authenticated(key, known, key.authenticate(CHALLENGE, **_LIES[lie]))


def test_a_registration_given_for_an_authentication_refused_and_the_other_way_round(
    key: Authenticator,
) -> None:
    known = registered(key)
    with pytest.raises(SecurityKeyRefused):
        authenticated(key, known, key.register(CHALLENGE))
    with pytest.raises(SecurityKeyRefused):
        verify_registration(PARTY, key.authenticate(CHALLENGE), challenge=CHALLENGE)


@pytest.mark.parametrize(("last", "found"), [(5, 4), (5, 5), (5, 0), (1, 0)])
def test_a_sign_count_that_goes_back_refused_as_a_copied_key(
    key: Authenticator, last: int, found: int
) -> None:
    known = registered(key, sign_count=last)
    with pytest.raises(SignCountWentBack) as raised:
        authenticated(key, known, key.authenticate(CHALLENGE, sign_count=found))
    assert (raised.value.last, raised.value.found) == (last, found)


def test_a_low_sign_count_that_no_key_signed_is_not_called_a_copy(key: Authenticator) -> None:
    known = registered(key, sign_count=5)
    forged = Authenticator(PARTY.id, ORIGIN)
    forged.credential_id = key.credential_id
    with pytest.raises(SecurityKeyRefused) as raised:
        authenticated(key, known, forged.authenticate(CHALLENGE, sign_count=1))
    assert not isinstance(raised.value, SignCountWentBack)


def test_the_signature_of_another_key_refused(key: Authenticator) -> None:
    known = registered(key)
    other = Authenticator(PARTY.id, ORIGIN)
    with pytest.raises(SecurityKeyRefused, match="another key"):
        authenticated(key, known, other.authenticate(CHALLENGE))


def test_a_changed_sign_count_under_a_good_signature_refused(key: Authenticator) -> None:
    known = registered(key)
    response = key.authenticate(CHALLENGE, sign_count=1)
    later = key.authenticate(CHALLENGE, sign_count=9)
    response["response"]["authenticatorData"] = later["response"]["authenticatorData"]
    with pytest.raises(SecurityKeyRefused):
        authenticated(key, known, response)


def test_a_registration_under_another_id_refused(key: Authenticator) -> None:
    response = key.register(CHALLENGE)
    response["id"] = response["rawId"] = base64url(bytes(32))
    with pytest.raises(SecurityKeyRefused, match="attested"):
        verify_registration(PARTY, response, challenge=CHALLENGE)


def test_a_response_too_large_refused(key: Authenticator) -> None:
    known = registered(key)
    response = key.authenticate(CHALLENGE, padding="a" * 40_000)
    with pytest.raises(SecurityKeyRefused, match="32768"):
        authenticated(key, known, response)
    response["rawId"] = response["id"] = base64url(bytes(1024))
    with pytest.raises(SecurityKeyRefused, match="1024 bytes"):
        credential_id_of(response)


_ANYTHING = st.one_of(
    st.none(),
    st.integers(),
    st.text(max_size=20),
    st.lists(st.none(), max_size=2),
    st.just({}),
    st.just("ooo="),
)
_WITNESS = Authenticator(PARTY.id, ORIGIN)
_KNOWN = registered(_WITNESS)
_REGISTRATION, _AUTHENTICATION = _WITNESS.register(CHALLENGE), _WITNESS.authenticate(CHALLENGE)
_PATHS = [
    ("id",),
    ("rawId",),
    ("type",),
    ("response",),
    *(
        ("response", name)
        for name in ("clientDataJSON", "authenticatorData", "signature", "attestationObject")
    ),
]


@settings(deadline=None)
@given(path=st.sampled_from(_PATHS), value=_ANYTHING, register=st.booleans())
def test_a_response_with_any_part_replaced_refused_and_nothing_else(
    path: tuple[str, ...], value: Any, register: bool
) -> None:
    response = copy.deepcopy(_REGISTRATION if register else _AUTHENTICATION)
    place = response if len(path) == 1 else response["response"]
    if path[-1] not in place:
        return
    place[path[-1]] = value
    with pytest.raises(SecurityKeyRefused):
        _taken(response, register=register)


@settings(deadline=None, max_examples=200)
@given(data=st.data(), register=st.booleans())
def test_a_response_with_one_byte_changed_refused_or_the_same_key(
    data: st.DataObject, register: bool
) -> None:
    response = copy.deepcopy(_REGISTRATION if register else _AUTHENTICATION)
    name = data.draw(st.sampled_from(sorted(response["response"])))
    raw = bytearray(decoded(response["response"][name]))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    response["response"][name] = base64url(bytes(raw))
    try:
        _taken(response, register=register)
    except SecurityKeyRefused:
        return
    # Without attestation nothing binds the key itself, only what was asked for.
    assert register, "a changed part is not what was signed"


def _taken(response: dict[str, Any], *, register: bool) -> None:
    if register:
        verify_registration(PARTY, response, challenge=CHALLENGE)
    else:
        authenticated(_WITNESS, _KNOWN, response)


@pytest.mark.parametrize(
    "response", [{}, {"rawId": None}, {"rawId": 1}, {"rawId": "a", "response": []}, {"rawId": "\u0663"}]
)
def test_what_is_no_response_refused(response: dict[str, Any]) -> None:
    with pytest.raises(SecurityKeyRefused):
        verify_registration(PARTY, response, challenge=CHALLENGE)
    with pytest.raises(SecurityKeyRefused):
        authenticated(_WITNESS, _KNOWN, response)


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_options_require_user_verification_and_name_the_keys_there_are() -> None:
    known = [b"first key", b"second key"]
    made = json.loads(
        registration_options(PARTY, admin=b"a" * 16, account="a@example.com", display_name="Amina", challenge=CHALLENGE, registered=known)
    )  # fmt: skip
    assert made["authenticatorSelection"]["userVerification"] == "required"
    assert made["rp"] == {"name": "Pend", "id": "pend.example"}
    assert decoded(made["challenge"]) == CHALLENGE
    assert decoded(made["user"]["id"]) == b"a" * 16
    assert [decoded(each["id"]) for each in made["excludeCredentials"]] == known
    asked = json.loads(authentication_options(PARTY, challenge=CHALLENGE, registered=known))
    assert asked["userVerification"] == "required"
    assert asked["rpId"] == "pend.example"
    assert [decoded(each["id"]) for each in asked["allowCredentials"]] == known


def test_options_with_a_short_challenge_refused() -> None:
    with pytest.raises(ValueError, match="16 are needed"):
        authentication_options(PARTY, challenge=b"", registered=[])
