import os
from uuid import UUID, uuid4

import pytest
from Crypto.Cipher import AES
from hypothesis import given
from hypothesis import strategies as st

from write_api.encryption.envelope import OVERHEAD_BYTES, open_sealed, seal
from write_api.encryption.errors import SealBroken

_KEY, _KEY_ID = bytes(range(32)), UUID("00112233-4455-6677-8899-aabbccddeeff")
_names = st.text(max_size=20)


@given(st.binary(max_size=300), _names, _names)
def test_sealed_value_opens_where_it_was_sealed(plaintext: bytes, row: str, column: str) -> None:
    sealed = seal(_KEY, _KEY_ID, plaintext, row=row, column=column)
    assert len(sealed) == len(plaintext) + OVERHEAD_BYTES
    assert open_sealed(_KEY, _KEY_ID, sealed, row=row, column=column) == plaintext


@given(st.binary(max_size=60), st.data())
def test_any_changed_bit_or_cut_breaks_the_seal(plaintext: bytes, data: st.DataObject) -> None:
    sealed = bytearray(seal(_KEY, _KEY_ID, plaintext, row="7", column="email"))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    flipped = bytearray(sealed)
    flipped[bit // 8] ^= 1 << bit % 8
    cut = sealed[: data.draw(st.integers(0, len(sealed) - 1))]
    for broken in (flipped, cut, sealed + b"\0"):
        with pytest.raises(SealBroken, match="column email in row 7"):
            open_sealed(_KEY, _KEY_ID, bytes(broken), row="7", column="email")


@given(_names, _names, _names, _names)
def test_seal_opens_in_no_other_row_or_column(row: str, column: str, row_2: str, column_2: str) -> None:
    sealed = seal(_KEY, _KEY_ID, b"x", row=row, column=column)
    if (row, column) == (row_2, column_2):
        row_2 += "'"
    with pytest.raises(SealBroken):
        open_sealed(_KEY, _KEY_ID, sealed, row=row_2, column=column_2)


def test_seal_does_not_confuse_where_row_ends_and_column_begins() -> None:
    sealed = seal(_KEY, _KEY_ID, b"x", row="ab", column="c")
    with pytest.raises(SealBroken):
        open_sealed(_KEY, _KEY_ID, sealed, row="a", column="bc")


def test_seal_under_another_key_id_or_key_does_not_open() -> None:
    sealed, other = seal(_KEY, _KEY_ID, b"x", row="1", column="c"), uuid4()
    with pytest.raises(SealBroken, match="another data key"):
        open_sealed(_KEY, other, sealed, row="1", column="c")
    renamed = sealed[:1] + other.bytes + sealed[17:]
    with pytest.raises(SealBroken, match="altered"):
        open_sealed(_KEY, other, renamed, row="1", column="c")
    with pytest.raises(SealBroken, match="altered"):
        open_sealed(os.urandom(32), _KEY_ID, sealed, row="1", column="c")


def test_refusal_never_holds_the_content() -> None:
    sealed = seal(_KEY, _KEY_ID, b"+49 151 5550100", row="1", column="phone")
    with pytest.raises(SealBroken) as caught:
        open_sealed(_KEY, _KEY_ID, sealed[:-1], row="1", column="phone")
    assert "5550100" not in str(caught.value)
    assert sealed.hex()[60:70] not in str(caught.value)


@pytest.mark.parametrize("sealed", [b"", bytes(44), b"\x02" + bytes(60)])
def test_what_is_not_sealed_is_refused(sealed: bytes) -> None:
    with pytest.raises(SealBroken):
        open_sealed(_KEY, _KEY_ID, sealed, row="1", column="c")


def test_another_implementation_reads_and_writes_the_layout() -> None:
    bound = b"\x01" + _KEY_ID.bytes + b"\0\0\0\x02" + b"42" + b"\0\0\0\x05" + b"email"
    sealed = seal(_KEY, _KEY_ID, b"a@example.org", row="42", column="email")
    cipher = AES.new(_KEY, AES.MODE_GCM, nonce=sealed[17:29]).update(bound)
    assert cipher.decrypt_and_verify(sealed[29:-16], sealed[-16:]) == b"a@example.org"

    nonce = bytes(12)
    ciphertext, tag = AES.new(_KEY, AES.MODE_GCM, nonce=nonce).update(bound).encrypt_and_digest(b"hello")
    theirs = b"\x01" + _KEY_ID.bytes + nonce + ciphertext + tag
    assert open_sealed(_KEY, _KEY_ID, theirs, row="42", column="email") == b"hello"


def test_nonces_are_never_the_same() -> None:
    assert len({seal(_KEY, _KEY_ID, b"", row="", column="")[17:29] for _ in range(1000)}) == 1000
