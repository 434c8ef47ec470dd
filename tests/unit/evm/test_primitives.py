import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evm.primitives import (
    EMPTY_ROOT,
    EMPTY_UNCLES_HASH,
    MalformedHex,
    hex_to_bytes,
    hex_to_int,
    int_to_hex,
    keccak256,
    to_hex,
)


def test_keccak256_of_nothing_is_not_sha3() -> None:
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def test_empty_hashes_are_those_of_every_empty_block() -> None:
    assert EMPTY_ROOT.hex() == "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
    assert EMPTY_UNCLES_HASH.hex() == "1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"


@settings(deadline=None)
@given(st.binary())
def test_hex_data_round_trips(data: bytes) -> None:
    assert hex_to_bytes(to_hex(data)) == data


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=2**256))
def test_hex_quantity_round_trips(number: int) -> None:
    assert hex_to_int(int_to_hex(number)) == number


@pytest.mark.parametrize("text", ["", "0x1", "12", "0x 1", "0x12 34", "0xzz", "0X12", "0x\uff11\uff12", "x0"])
def test_hex_to_bytes_of_anything_else_is_refused(text: str) -> None:
    with pytest.raises(MalformedHex) as caught:
        hex_to_bytes(text)
    assert caught.value.text == text


@pytest.mark.parametrize(
    "text", ["", "0x", "1", "0x1_0", "0x-1", "0x+1", " 0x1", "0x1 ", "0xg", "0x\uff11\uff12"]
)
def test_hex_to_int_of_anything_else_is_refused(text: str) -> None:
    with pytest.raises(MalformedHex):
        hex_to_int(text)


def test_malformed_hex_of_great_length_is_shown_in_part() -> None:
    with pytest.raises(MalformedHex, match="characters") as caught:
        hex_to_bytes("0x" + "g" * 100_000)
    assert len(str(caught.value)) < 200
