import pytest
from hypothesis import given
from hypothesis import strategies as st

from write_api.credentials.password_policy import WeakPassword, normalised, require_strong

EMAIL, NAME = "amina.hassan@example.com", "Amina Hassan"


def reason(password: str) -> str:
    with pytest.raises(WeakPassword) as raised:
        require_strong(password, email=EMAIL, name=NAME)
    assert not password or password not in str(raised.value)
    return raised.value.reason


@pytest.mark.parametrize(
    "password",
    ["lantern orbit maple", "tr0ub4dor&3xyz", "x7$Kq9!vLm2#", "\u0642\u0645\u0631 \u0648\u0628\u062d\u0631 \u0648\u0634\u0645\u0633", "amina likes her orchard", "my password is not this one", "a" * 3 + "lantern orbit" * 19],
)  # fmt: skip
def test_a_long_password_that_is_not_common_taken(password: str) -> None:
    require_strong(password, email=EMAIL, name=NAME)


@pytest.mark.parametrize(
    ("password", "names"),
    [
        ("", "0 characters"),
        ("lantern 42x", "11 characters: use at least 12"),
        ("ab" + "lantern orbi" * 30, "362 characters: use at most 256"),
        ("x7$Kq9!vLm2#" * 100, "1200 characters"),
        ("\ufdfa" * 20, "360 characters"),
        ("lantern\x00orbit maple", "control"),
        ("aaaaaaaaaaaaaa", "repeats"),
        ("abababababab", "repeats"),
        ("1234567890123456", "repeats or counts"),
        ("abcdefghijklmnop", "repeats or counts"),
        ("passwordpassword", "guessed"),
        ("Password2026!", "guessed"),
        ("\uff30assword2026!", "guessed"),
        ("qwertyuiop123", "guessed"),
        ("!!Administrator1", "guessed"),
        ("amina.hassan@example.com", "email or name"),
        ("Amina.Hassan2026", "email or name"),
        ("aminahassan", "11 characters"),
        ("AMINA HASSAN", "email or name"),
        ("AminaHassan!99", "email or name"),
    ],
)  # fmt: skip
def test_a_weak_password_refused_with_its_reason(password: str, names: str) -> None:
    assert names in reason(password)


def test_length_is_counted_in_characters_as_they_are_kept() -> None:
    # eleven once the accent is joined
    assert "11 characters" in reason("x7Kqe\u0301vLm2zp")


@given(st.text(max_size=400))
def test_any_text_is_taken_or_refused(password: str) -> None:
    try:
        require_strong(password, email=EMAIL, name=NAME)
    except WeakPassword:
        return
    assert 12 <= len(normalised(password)) <= 256
