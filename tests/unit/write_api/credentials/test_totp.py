from base64 import b32decode, b32encode
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from write_api.credentials.totp import STEP_S, new_secret, provisioning_uri, verify

# RFC 6238, appendix B, SHA-1: the last six of the published eight digits.
RFC_SECRET = b32encode(b"12345678901234567890").decode()
RFC_VECTORS = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]
NOW = datetime(2026, 3, 1, 12, 0, 7, tzinfo=UTC)
PRESENT = int(NOW.timestamp()) // STEP_S


def code_at(secret: str, step: int) -> str:
    return pyotp.TOTP(secret).at(step * STEP_S)


@pytest.mark.parametrize(("seconds", "published"), RFC_VECTORS)
def test_verify_takes_the_codes_of_rfc_6238(seconds: int, published: str) -> None:
    now = datetime.fromtimestamp(seconds, tz=UTC)
    assert verify(RFC_SECRET, published[-6:], now, last_step=None) == seconds // 30


def test_new_secret_has_160_bits_and_differs() -> None:
    assert len(b32decode(new_secret())) == 20
    assert new_secret() != new_secret()


@pytest.mark.parametrize("away", [-1, 0, 1])
def test_verify_of_a_neighbouring_step_returns_that_step(away: int) -> None:
    secret = new_secret()
    assert verify(secret, code_at(secret, PRESENT + away), NOW, last_step=None) == PRESENT + away


@pytest.mark.parametrize("away", [-3, -2, 2, 3])
def test_verify_of_a_further_step_refused(away: int) -> None:
    assert verify(RFC_SECRET, code_at(RFC_SECRET, PRESENT + away), NOW, last_step=None) is None


def test_verify_of_a_code_already_taken_refused() -> None:
    code = code_at(RFC_SECRET, PRESENT)
    step = verify(RFC_SECRET, code, NOW, last_step=None)
    assert verify(RFC_SECRET, code, NOW, last_step=step) is None
    assert verify(RFC_SECRET, code, NOW + timedelta(seconds=STEP_S), last_step=step) is None


def test_verify_of_an_older_code_than_the_last_refused_and_of_the_next_taken() -> None:
    older, following = code_at(RFC_SECRET, PRESENT - 1), code_at(RFC_SECRET, PRESENT + 1)
    assert verify(RFC_SECRET, older, NOW, last_step=PRESENT) is None
    assert verify(RFC_SECRET, following, NOW, last_step=PRESENT) == PRESENT + 1


def test_verify_of_a_code_with_a_blank_in_the_middle_taken() -> None:
    code = code_at(RFC_SECRET, PRESENT)
    assert verify(RFC_SECRET, f"{code[:3]} {code[3:]}", NOW, last_step=None) == PRESENT


@pytest.mark.parametrize(
    "spoil",
    [
        "",
        "12345",
        "1234567",
        "12345a",
        "+12345",
        "\u0661\u0662\u0663\u0664\u0665\u0666",
        "\uff11\uff12\uff13\uff14\uff15\uff16",
        "\u0000" * 6,
    ],
)
def test_verify_of_what_is_not_six_digits_refused(spoil: str) -> None:
    assert verify(RFC_SECRET, spoil, NOW, last_step=None) is None


@given(st.integers(0, 999_999))
def test_verify_takes_only_the_codes_of_three_steps(number: int) -> None:
    code = f"{number:06}"
    near = {code_at(RFC_SECRET, PRESENT + away): PRESENT + away for away in (-1, 0, 1)}
    assert verify(RFC_SECRET, code, NOW, last_step=None) == near.get(code)


def test_provisioning_uri_names_account_issuer_and_secret() -> None:
    uri = urlsplit(provisioning_uri(RFC_SECRET, "amina@example.com", "Pend: admin"))
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert uri.path == "/Pend%3A%20admin:amina%40example.com"
    assert parse_qs(uri.query) == {"secret": [RFC_SECRET], "issuer": ["Pend: admin"]}
