from contextlib import suppress

import pytest
from eth_keys.backends.native.main import NativeECCBackend
from eth_keys.datatypes import Signature
from eth_keys.main import KeyAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from evm.secp256k1 import CURVE_ORDER, InvalidKey, InvalidSignature, address_of, recover, sign

# Pure Python, so nothing is shared with the library behind evm.secp256k1.
independent = KeyAPI(NativeECCBackend())

private_keys = st.integers(1, CURVE_ORDER - 1).map(lambda number: number.to_bytes(32, "big"))
hashes = st.binary(min_size=32, max_size=32)


def test_address_of_key_one_is_the_published_address() -> None:
    expected = "7e5f4552091a69125d5dfcb7b8c2659029395bdf"
    assert address_of((1).to_bytes(32, "big")).hex() == expected


@settings(deadline=None, max_examples=20)
@given(private_keys, hashes)
def test_sign_is_what_an_independent_library_signs_and_recovers(
    private_key: bytes, message_hash: bytes
) -> None:
    r, s, y_parity = sign(message_hash, private_key)
    key = independent.PrivateKey(private_key)
    theirs = independent.ecdsa_sign(message_hash, key)
    assert (r, s, y_parity) == (theirs.r, theirs.s, theirs.v)
    public_key = independent.ecdsa_recover(message_hash, Signature(vrs=(y_parity, r, s)))
    assert public_key.to_canonical_address() == address_of(private_key)
    assert recover(message_hash, r, s, y_parity) == address_of(private_key)


@settings(deadline=None, max_examples=20)
@given(private_keys, hashes)
def test_recover_of_an_upper_half_s_gives_the_same_address(private_key: bytes, message_hash: bytes) -> None:
    # The other valid signature of the same key; transactions before Homestead carry such.
    r, s, y_parity = sign(message_hash, private_key)
    assert recover(message_hash, r, CURVE_ORDER - s, 1 - y_parity) == address_of(private_key)


@settings(deadline=None, max_examples=200)
@given(
    st.binary(max_size=40),
    st.integers(-1, 2**257),
    st.integers(-1, 2**257),
    st.integers(-1, 300),
)
def test_recover_of_anything_raises_nothing_but_value_errors(h: bytes, r: int, s: int, y_parity: int) -> None:
    with suppress(ValueError):
        assert len(recover(h, r, s, y_parity)) == 20


@pytest.mark.parametrize(
    ("r", "s", "y_parity"),
    [(0, 1, 0), (1, 0, 0), (CURVE_ORDER, 1, 0), (1, CURVE_ORDER, 0), (1, 1, 2), (1, 1, 27), (5, 1, 0)],
)
def test_recover_of_an_impossible_signature_is_refused(r: int, s: int, y_parity: int) -> None:
    # The last: no point of the curve has the abscissa 5.
    with pytest.raises(InvalidSignature) as caught:
        recover(bytes(31) + b"\x01", r, s, y_parity)
    assert (caught.value.r, caught.value.s, caught.value.y_parity) == (r, s, y_parity)


@pytest.mark.parametrize("private_key", [b"", bytes(32), b"\x01" * 31, CURVE_ORDER.to_bytes(32, "big")])
def test_invalid_key_is_refused_and_never_shown(private_key: bytes) -> None:
    with pytest.raises(InvalidKey) as caught:
        address_of(private_key)
    assert private_key.hex() not in str(caught.value) or not private_key
