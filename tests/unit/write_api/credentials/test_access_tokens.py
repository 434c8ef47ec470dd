from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.unit.write_api.credentials.signed_tokens import (
    AUDIENCE,
    ISSUER,
    KEEP_S,
    claims,
    header,
    made_keys,
    signed,
    tokens_of,
)
from write_api.credentials.access_tokens import TokenExpired, TokenRefused
from write_api.credentials.signing_key_file import from_base64url, to_base64url
from write_api.credentials.signing_keys import SigningKeys, rotate


@pytest.fixture
def keys(tmp_path: Path) -> SigningKeys:
    return made_keys(tmp_path)


@pytest.mark.parametrize("kind", ["user", "admin"])
def test_verify_of_an_issued_token_gives_what_was_issued(keys: SigningKeys, kind: str) -> None:
    tokens = tokens_of(keys)
    subject, session, now = uuid4(), uuid4(), datetime.now(UTC)
    found = tokens.verify(tokens.issue(subject, kind, session, 7, now))  # type: ignore[arg-type]
    assert (found.subject, found.kind, found.session, found.session_version) == (subject, kind, session, 7)
    assert found.expires_at == now.replace(microsecond=0) + timedelta(seconds=900)


def test_issue_gives_each_token_its_own_jti(keys: SigningKeys) -> None:
    tokens = tokens_of(keys)
    again = [tokens.issue(uuid4(), "user", uuid4(), 1, datetime.now(UTC)) for _ in range(20)]
    assert len({tokens.verify(token).jti for token in again}) == 20


def test_issue_says_what_rfc_9068_asks_for(keys: SigningKeys) -> None:
    now = datetime.now(UTC)
    token = tokens_of(keys).issue(uuid4(), "user", uuid4(), 1, now)
    assert jwt.get_unverified_header(token) == header(keys)
    said = jwt.decode(token, keys.current().public, algorithms=["EdDSA"], audience=AUDIENCE)
    assert said["iss"] == ISSUER
    assert said["nbf"] == said["iat"] == int(now.timestamp())
    assert said["exp"] - said["iat"] == 900


def test_a_token_made_by_hand_of_the_same_parts_is_taken(keys: SigningKeys) -> None:
    """Without it the attacks could all be refused for one fault of the test."""
    payload = claims()
    found = tokens_of(keys).verify(signed(keys.current().private, header(keys), payload))
    assert str(found.subject) == payload["sub"]


def test_signature_of_eddsa_is_the_published_one() -> None:
    # RFC 8037, appendix A.4
    d = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
    expected = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    key = Ed25519PrivateKey.from_private_bytes(from_base64url(d))
    signing_input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    assert to_base64url(key.sign(signing_input.encode())) == expected
    assert (
        jwt.PyJWS().decode(f"{signing_input}.{expected}", key.public_key(), algorithms=["EdDSA"])
        == b"Example of Ed25519 signing"
    )


def test_verify_of_a_token_past_its_end_says_expired(keys: SigningKeys) -> None:
    tokens = tokens_of(keys)
    before = datetime.now(UTC) - timedelta(seconds=920)
    with pytest.raises(TokenExpired):
        tokens.verify(tokens.issue(uuid4(), "user", uuid4(), 1, before))


def test_verify_gives_clocks_no_more_than_some_seconds(keys: SigningKeys) -> None:
    tokens, now = tokens_of(keys), datetime.now(UTC)
    tokens.verify(tokens.issue(uuid4(), "user", uuid4(), 1, now + timedelta(seconds=3)))
    with pytest.raises(TokenRefused, match="not yet valid"):
        tokens.verify(tokens.issue(uuid4(), "user", uuid4(), 1, now + timedelta(seconds=30)))


def test_a_rotation_signs_no_one_out(tmp_path: Path) -> None:
    before = made_keys(tmp_path)
    token = tokens_of(before).issue(uuid4(), "user", uuid4(), 1, datetime.now(UTC))
    rotate(tmp_path / "keys.json", KEEP_S, datetime.now(UTC))
    tokens = tokens_of(SigningKeys(tmp_path / "keys.json", KEEP_S))
    assert tokens.verify(token).kind == "user"
    assert tokens.verify(tokens.issue(uuid4(), "admin", uuid4(), 1, datetime.now(UTC))).kind == "admin"


def test_a_token_of_a_key_retired_for_too_long_refused(tmp_path: Path) -> None:
    before = made_keys(tmp_path)
    token = tokens_of(before).issue(uuid4(), "user", uuid4(), 1, datetime.now(UTC))
    rotate(tmp_path / "keys.json", KEEP_S, datetime.now(UTC) - timedelta(seconds=KEEP_S + 1))
    with pytest.raises(TokenRefused, match="retired"):
        tokens_of(SigningKeys(tmp_path / "keys.json", KEEP_S)).verify(token)
