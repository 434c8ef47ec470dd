"""How long a token is used, by its own claims."""

import jwt
import pytest

from node.login import usable_seconds

NOW_S = 1_800_000_000.0


def token(**claims: object) -> str:
    return jwt.encode(claims, "k" * 32, algorithm="HS256")


@pytest.mark.parametrize(
    ("text", "expected_s"),
    [
        (token(iat=NOW_S, exp=NOW_S + 300), 240),
        # Both claims by the node's clock: ours may be an hour off.
        (token(iat=NOW_S - 3600, exp=NOW_S - 3300), 240),
        (token(exp=NOW_S + 100), 80),
        (token(exp=NOW_S - 100), 5),
        (token(sub="no expiry"), 240),
        ("not a token", 240),
    ],
)
def test_usable_seconds_is_a_share_of_the_lifetime(text: str, expected_s: float) -> None:
    assert usable_seconds(text, now_s=NOW_S) == pytest.approx(expected_s)
