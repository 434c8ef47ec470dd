import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from write_api.credentials.recovery_codes import RecoveryCodeMalformed, digest, new_codes, normalised

KEY = bytes(range(32))
codes = st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=16, max_size=16).map(
    lambda code: "-".join(code[at : at + 4] for at in range(0, 16, 4))
)


def test_new_codes_are_ten_different_of_80_bits() -> None:
    shown = new_codes()
    assert len(set(shown)) == 10
    # Crockford's base 32: 16 characters of 5 bits
    assert all([len(group) for group in code.split("-")] == [4, 4, 4, 4] for code in shown)
    assert all(normalised(code) == code for code in shown)


def test_new_codes_use_the_whole_alphabet() -> None:
    used = set("".join("".join(new_codes()) for _ in range(50)))
    assert used == set("0123456789ABCDEFGHJKMNPQRSTVWXYZ-")


@given(codes, st.randoms())
def test_normalised_of_a_code_typed_carelessly_is_the_code_as_shown(code: str, random: object) -> None:
    looks_like = {"0": "0oO", "1": "1iIlL", "-": ["-", " ", ""]}
    choice = random.choice  # type: ignore[attr-defined]
    typed = "".join(choice(looks_like.get(each, each + each.lower())) for each in code)
    assert normalised(f" {typed} ") == code
    assert digest(typed, KEY) == digest(code, KEY)


@pytest.mark.parametrize(
    "text",
    ["", "7K2M-Q0RX-VB4D-9TN", "7K2M-Q0RX-VB4D-9TNEE", "7K2M-Q0RX-VB4D-9TNU", "7K2M_Q0RX_VB4D_9TNE", "\u0667K2M-Q0RX-VB4D-9TNE", "-" * 5000],
)  # fmt: skip
def test_normalised_of_what_is_no_code_refused(text: str) -> None:
    with pytest.raises(RecoveryCodeMalformed):
        normalised(text)


@given(st.text(max_size=60))
def test_normalised_of_any_text_is_a_code_or_refused(text: str) -> None:
    try:
        code = normalised(text)
    except RecoveryCodeMalformed:
        return
    assert normalised(code) == code


def test_digest_is_keyed() -> None:
    code = "7K2M-Q0RX-VB4D-9TNE"
    assert digest(code, KEY) == hmac.new(KEY, code.encode(), hashlib.sha256).digest()
    assert digest(code, KEY) != digest(code, bytes(32))
