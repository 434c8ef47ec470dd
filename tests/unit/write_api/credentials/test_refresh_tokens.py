from hashlib import sha256
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from write_api.credentials.refresh_tokens import RefreshTokenMalformed, digest, new, parse


@given(st.uuids())
def test_parse_of_a_new_token_is_its_session_and_32_bytes(session: UUID) -> None:
    found, secret = parse(new(session))
    assert found == session
    assert len(secret) == 32


def test_new_tokens_of_one_session_differ_in_their_secret() -> None:
    session = uuid4()
    assert len({parse(new(session))[1] for _ in range(50)}) == 50


@given(st.text(max_size=80))
def test_parse_of_any_text_is_a_token_or_refused(text: str) -> None:
    try:
        session, secret = parse(text)
    except RefreshTokenMalformed:
        return
    assert len(session.bytes + secret) == 48


@pytest.mark.parametrize("spoil", [lambda t: t + "=", lambda t: t[:-1], lambda t: t + "A", lambda t: " " + t, lambda t: t + "\n", lambda t: t[:-1] + "+", lambda t: ""])  # fmt: skip
def test_parse_of_another_spelling_refused_without_showing_it(spoil: object) -> None:
    assert callable(spoil)
    token = new(uuid4())
    with pytest.raises(RefreshTokenMalformed) as raised:
        parse(spoil(token))
    assert token[:20] not in str(raised.value)


def test_digest_is_sha256_of_the_secret_alone() -> None:
    _, secret = parse(new(uuid4()))
    assert digest(secret) == sha256(secret).digest()
