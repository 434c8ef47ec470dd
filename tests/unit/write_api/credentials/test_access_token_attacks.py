import hashlib
import hmac
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.write_api.credentials.signed_tokens import (
    claims,
    encoded,
    header,
    made_keys,
    signed,
    tokens_of,
)
from write_api.credentials.access_tokens import TokenExpired, TokenRefused
from write_api.credentials.signing_key_file import to_base64url
from write_api.credentials.signing_keys import SigningKeys

NOW = int(time.time())
DEEP = b"[" * 1200 + b"]" * 1200


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> SigningKeys:
    return made_keys(tmp_path_factory.mktemp("keys"))


def refused(keys: SigningKeys, token: str) -> str:
    with pytest.raises(TokenRefused) as raised:
        tokens_of(keys).verify(token)
    assert not isinstance(raised.value, TokenExpired)
    return raised.value.reason


@pytest.mark.parametrize(
    "alg", ["none", "None", "NONE", "", None, "HS256", "ES256", "RS256", "EdDsa", "Ed25519"]
)
@pytest.mark.parametrize("signature", ["", "AA"])
def test_a_token_of_another_algorithm_refused(keys: SigningKeys, alg: str | None, signature: str) -> None:
    refused(keys, f"{encoded(header(keys, alg=alg))}.{encoded(claims())}.{signature}")


def public_bytes(keys: SigningKeys) -> list[bytes]:
    public = keys.current().public
    return [
        public.public_bytes_raw(),
        to_base64url(public.public_bytes_raw()).encode(),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    ]


@pytest.mark.parametrize("form", range(4))
@pytest.mark.parametrize("alg", ["HS256", "EdDSA"])
def test_a_token_authenticated_with_the_public_key_as_a_secret_refused(
    keys: SigningKeys, form: int, alg: str
) -> None:
    first = f"{encoded(header(keys, alg=alg))}.{encoded(claims())}"
    mac = hmac.digest(public_bytes(keys)[form], first.encode(), hashlib.sha256)
    refused(keys, f"{first}.{to_base64url(mac)}")


def test_a_token_of_another_kind_of_key_refused(keys: SigningKeys) -> None:
    p256 = ec.generate_private_key(ec.SECP256R1())
    named = {"kid": keys.current().kid, "typ": "at+jwt"}
    refused(keys, jwt.encode(claims(), p256, algorithm="ES256", headers=named))
    refused(keys, jwt.encode(claims(), Ed448PrivateKey.generate(), algorithm="EdDSA", headers=named))


def test_a_token_of_another_key_under_our_kid_refused(keys: SigningKeys) -> None:
    assert "Signature" in refused(keys, signed(Ed25519PrivateKey.generate(), header(keys), claims()))


@pytest.mark.parametrize(
    "kid",
    [
        None,
        "",
        "unknown",
        "../../../dev/null",
        "/dev/null",
        "keys.json",
        "' OR 1=1 --",
        "\u0000",
        7,
        ["a"],
        {},
    ],
)
def test_a_token_of_an_unknown_kid_refused(keys: SigningKeys, kid: Any) -> None:
    refused(keys, signed(keys.current().private, header(keys, kid=kid), claims()))


@pytest.mark.parametrize(
    "more",
    [
        {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/cert"},
        {"x5c": ["MIIB"]},
        {"crit": ["exp"]},
        {"b64": False},
        {"zip": "DEF"},
        {"typ": None},
        {"typ": "JWT"},
        {"typ": "AT+JWT"},
        {"typ": "refresh+jwt"},
    ],
)  # fmt: skip
def test_a_token_with_another_header_refused(keys: SigningKeys, more: dict[str, Any]) -> None:
    refused(keys, signed(keys.current().private, header(keys, **more), claims()))


@pytest.mark.parametrize("missing", ["iss", "aud", "sub", "kind", "sid", "ver", "iat", "nbf", "exp", "jti"])
def test_a_token_without_a_claim_refused(keys: SigningKeys, missing: str) -> None:
    assert missing in refused(keys, signed(keys.current().private, header(keys), claims(**{missing: None})))


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://evil.example"},
        {"iss": ["https://pend.example"]},
        {"aud": "pend-explorer"},
        {"aud": ["pend-write"]},
        {"aud": ["pend-write", "pend-explorer"]},
        {"nbf": NOW + 86_400},
        {"iat": NOW + 86_400},
        {"iat": "soon"},
        {"exp": "never"},
        {"exp": 1e400},
        {"exp": 10**30},
        {"sub": "1"},
        {"sub": 1},
        {"kind": "super_admin"},
        {"ver": "1"},
        {"ver": -1},
        {"ver": 1.5},
        {"ver": True},
        {"sid": "../.."},
        {"jti": 5},
    ],
)  # fmt: skip
def test_a_signed_token_with_a_wrong_claim_refused(keys: SigningKeys, change: dict[str, Any]) -> None:
    refused(keys, signed(keys.current().private, header(keys), claims(**change)))


def test_an_expired_token_of_another_key_is_not_called_expired(keys: SigningKeys) -> None:
    refused(keys, signed(Ed25519PrivateKey.generate(), header(keys), claims(exp=NOW - 600)))


def test_a_swapped_payload_refused(keys: SigningKeys) -> None:
    first, second = (signed(keys.current().private, header(keys), claims()).split(".") for _ in range(2))
    assert "Signature" in refused(keys, ".".join((first[0], second[1], first[2])))


def test_an_oversized_token_refused_before_it_is_read(keys: SigningKeys) -> None:
    assert "2048" in refused(keys, signed(keys.current().private, header(keys), claims(more="a" * 2048)))


@pytest.mark.parametrize(
    "token",
    [
        "", ".", "..", "a.b", "a.b.c.d", "a.b.c", "\u0663.\u0663.\u0663", "e30.e30.e30", "bnVsbA.bnVsbA.bnVsbA",
        f"{encoded(DEEP[:1200])}.e30.AA", f"{encoded(b'[' * 1100)}.e30.AA", f"{encoded(bytes([255] * 9))}.e30.AA",
    ],
)  # fmt: skip
def test_what_is_no_token_refused(keys: SigningKeys, token: str) -> None:
    refused(keys, token)


@pytest.mark.parametrize(
    "payload", [b"", b"null", b"[]", b'"a"', b"\xff", b"[" * 1100, b"{", b'{"exp": 1e999}']
)
def test_a_signed_token_whose_payload_is_no_object_refused(keys: SigningKeys, payload: bytes) -> None:
    refused(keys, signed(keys.current().private, header(keys), payload or b" "))


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t + "\n",
        lambda t: " " + t,
        lambda t: t + "=",
        lambda t: "Bearer " + t,
        lambda t: t.replace(".", "..", 1),
    ],
)
def test_another_spelling_of_a_good_token_refused(keys: SigningKeys, change: Callable[[str], str]) -> None:
    good = signed(keys.current().private, header(keys), claims())
    tokens_of(keys).verify(good)
    refused(keys, change(good))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_token_with_one_character_changed_refused(keys: SigningKeys, data: st.DataObject) -> None:
    good = signed(keys.current().private, header(keys), claims())
    at = data.draw(st.integers(0, len(good) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda character: character != good[at]))
    # The last character of the signature has bits that say nothing.
    if at < len(good) - 1:
        refused(keys, good[:at] + other + good[at + 1 :])


@given(text=st.text(max_size=300))
def test_any_text_is_refused_and_nothing_else(keys: SigningKeys, text: str) -> None:
    refused(keys, text)


def test_the_reason_names_no_key_and_the_file_is_not_read_for_it(keys: SigningKeys, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.write_text("secret")
    reason = refused(keys, signed(keys.current().private, header(keys, kid=str(trap)), claims()))
    assert "secret" not in reason
    assert keys.current().kid not in reason
