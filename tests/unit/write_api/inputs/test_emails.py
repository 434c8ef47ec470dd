import pytest
from hypothesis import given
from hypothesis import strategies as st

from write_api.inputs.emails import parse
from write_api.inputs.errors import InvalidInput


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("amina@example.com", "amina@example.com"),
        ("Amina.Hassan+Pend@EXAMPLE.com", "amina.hassan+pend@example.com"),
        ("o'neill_2@mail.example.co.uk", "o'neill_2@mail.example.co.uk"),
        ("a@xn--mnchen-3ya.de", "a@xn--mnchen-3ya.de"),
    ],
)
def test_parse_gives_one_spelling(written: str, kept: str) -> None:
    assert parse(written) == kept


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("\u0430mina@example.com", "U\\+0430; only plain letters"),
        ("amina@ex\u0430mple.com", "U\\+0430"),
        ("amin\u0131@example.com", "U\\+0131"),
        ("\uff41mina@example.com", "U\\+FF41, which only looks like"),
        ("amina\uff20example.com", "U\\+FF20, which only looks like"),
        ("amina@example\u2024com", "U\\+2024, which only looks like"),
        ("\u212aate@example.com", "U\\+212A, which only looks like"),
        ("o\ufb00ice@example.com", "U\\+FB00, which only looks like"),
        ("amina@m\u00fcnchen.de", "U\\+00FC; only plain letters"),
        ("amina\u202e@example.com", "U\\+202E"),
        ("amina\u200b@example.com", "U\\+200B"),
        ("a" * 246 + "@example.com", "258 characters.*254"),
        pytest.param("a" * 10_000_000, "254", id="ten million letters"),
        ("a" * 65 + "@example.com", "not an email address"),
        ("", "not an email address"),
        ("amina", "not an email address"),
        ("amina@", "not an email address"),
        ("@example.com", "not an email address"),
        ("amina@localhost", "not an email address"),
        ("amina@@example.com", "not an email address"),
        ("amina@example..com", "not an email address"),
        (".amina@example.com", "not an email address"),
        ("ami na@example.com", "not an email address"),
        (" amina@example.com", "not an email address"),
        ("amina@example.com\n", "not an email address"),
        ("amina@example.com\r\nBcc: all@example.com", "not an email address"),
        ("amina@example.com,b@example.com", "not an email address"),
        ("Amina <amina@example.com>", "not an email address"),
        ('"amina"@example.com', "not an email address"),
        ("amina@[127.0.0.1]", "not an email address"),
        ("amina\x00@example.com", "not an email address"),
        (None, "must be a text"),
        (5, "must be a text"),
    ],
)
def test_parse_of_what_is_no_address_refused_with_the_reason(text: object, names: str) -> None:
    with pytest.raises(InvalidInput, match=names) as raised:
        parse(text)
    assert "mina" not in raised.value.reason


@given(st.text(max_size=80) | st.emails())
def test_parse_of_any_text_is_plain_and_its_own_spelling_or_refused(text: str) -> None:
    try:
        kept = parse(text)
    except InvalidInput:
        return
    assert kept.isascii()
    assert kept == kept.lower() == parse(kept)
    assert len(kept) <= 254
