import pytest

from service.redaction import names_secret, redact


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("postgresql://u:geheim@h:5432/d?sslmode=require", "postgresql://u:***@h:5432/d?sslmode=require"),
        ("postgresql://u:ge@he/im@h/d", "postgresql://u:***@h/d"),
        ("redis://:geheim@h:6379/0", "redis://:***@h:6379/0"),
        ("http://geheim@h/x", "http://***@h/x"),
        (
            "postgresql://u@h/d?password=geheim&sslmode=require",
            "postgresql://u@h/d?password=***&sslmode=require",
        ),
        ("host=h password=geheim dbname=d", "host=h password=*** dbname=d"),
        ("host=h password='ge heim' dbname=d", "host=h password=*** dbname=d"),
        ("https://h/rpc?apikey=geheim&x=1", "https://h/rpc?apikey=***&x=1"),
        ("https://h/v3/0123456789abcdef01234567", "https://h/v3/***"),
        ("Authorization: Bearer geheim.geheim.geheim", "Authorization: Bearer ***"),
        ("access_token=geheim", "access_token=***"),
        ("cannot reach ws://u:geheim@h:8546: refused", "cannot reach ws://u:***@h:8546: refused"),
    ],
)
def test_redact_text_with_secret_hides_only_it(text: str, safe: str) -> None:
    assert redact(text) == safe
    assert redact(safe) == safe


@pytest.mark.parametrize(
    "text",
    [
        "http://besu-1.internal:8545",
        "postgresql://u@h/d",
        "block 5 has hash 0x" + "ab" * 32,
        "segment 3: 2,000 blocks",
    ],
)
def test_redact_text_without_secret_leaves_it(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "name", ["password", "jwt_token", "api_key", "Authorization", "client_secret", "PGPASSWORD"]
)
def test_names_secret_of_secret_name_is_true(name: str) -> None:
    assert names_secret(name)


@pytest.mark.parametrize("name", ["block_number", "endpoint", "hash", "keys", "dsn"])
def test_names_secret_of_plain_name_is_false(name: str) -> None:
    assert not names_secret(name)
