import pytest
import rlp as reference
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evm.rlp import DEPTH_MAX, Decoded, Item, RlpError, decode, encode, encode_int, split_list

LOREM = b"Lorem ipsum dolor sit amet, consectetur adipisicing eli"
DICTIONARY = [[b"key%d" % i, b"val%d" % i] for i in range(1, 5)]

# From rlptest.json of the Ethereum tests.
VECTORS: list[tuple[str, Item, str]] = [
    ("emptystring", b"", "80"),
    ("bytestring00", b"\x00", "00"),
    ("bytestring01", b"\x01", "01"),
    ("bytestring7F", b"\x7f", "7f"),
    ("shortstring", b"dog", "83646f67"),
    ("shortstring2", LOREM, "b7" + LOREM.hex()),
    ("longstring", LOREM + b"t", "b838" + (LOREM + b"t").hex()),
    ("zero", encode_int(0), "80"),
    ("smallint", encode_int(1), "01"),
    ("smallint3", encode_int(79), "4f"),
    ("smallint4", encode_int(127), "7f"),
    ("mediumint1", encode_int(128), "8180"),
    ("mediumint2", encode_int(1000), "8203e8"),
    ("mediumint3", encode_int(100000), "830186a0"),
    ("mediumint4", encode_int(83729609699884896815286331701780722), "8f102030405060708090a0b0c0d0e0f2"),
    ("bigint", encode_int(2**256), "a101" + "00" * 32),
    ("emptylist", [], "c0"),
    ("stringlist", [b"dog", b"god", b"cat"], "cc83646f6783676f6483636174"),
    ("multilist", [b"zw", [encode_int(4)], encode_int(1)], "c6827a77c10401"),
    (
        "shortListMax1",
        [b"asdf", b"qwer", b"zxcv"] * 3 + [b"asdf", b"qwer"],
        "f7" + "84617364668471776572847a786376" * 3 + "84617364668471776572",
    ),
    ("listsoflists", [[[], []], []], "c4c2c0c0c0"),
    ("listsoflists2", [[], [[]], [[], [[]]]], "c7c0c1c0c3c0c1c0"),
    (
        "dictTest1",
        DICTIONARY,
        "ecca846b6579318476616c31ca846b6579328476616c32ca846b6579338476616c33ca846b6579348476616c34",
    ),
]

# From invalidRLPTest.json of the Ethereum tests.
INVALID = {
    "int32Overflow": "bf0f000000000000021111",
    "int32Overflow2": "ff0f000000000000021111",
    "wrongSizeList": "f80180",
    "wrongSizeList2": "f80100",
    "incorrectLengthInArray": "b9002100dc2b275d0f74e8a53e6f4ec61b27f24278820be3f82ea2110e582081b0565df0",
    "bytesShouldBeSingleByte00": "8100",
    "bytesShouldBeSingleByte01": "8101",
    "bytesShouldBeSingleByte7F": "817f",
    "nonOptimalLongLengthArray1": "b80102",
    "nonOptimalLongLengthArray2": "b800",
    "emptyEncoding": "",
    "lessThanShortLengthArray1": "81",
    "lessThanShortLengthArray2": "a0000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e",
    "lessThanShortLengthList1": "c5010203",
    "lessThanShortLengthList2": "e201020304050607",
    "lessThanLongLengthArray2": "b90400",
    "leadingZerosInLongLengthArray1": "b90040" + "00" * 64,
    "leadingZerosInLongLengthList1": "f90040" + "00" * 64,
    "nonOptimalLongLengthList1": "f803010203",
    "bytesAfterTheValue": "83646f6700",
}

items = st.recursive(st.binary(max_size=80), lambda children: st.lists(children, max_size=8), max_leaves=40)


@pytest.mark.parametrize(("item", "encoded"), [v[1:] for v in VECTORS], ids=[v[0] for v in VECTORS])
def test_encode_of_published_vector_is_its_encoding(item: Item, encoded: str) -> None:
    assert encode(item).hex() == encoded
    assert decode(bytes.fromhex(encoded)) == item


@pytest.mark.parametrize("encoded", INVALID.values(), ids=INVALID.keys())
def test_decode_of_published_invalid_bytes_is_refused(encoded: str) -> None:
    with pytest.raises(RlpError):
        decode(bytes.fromhex(encoded))


@settings(deadline=None)
@given(items)
def test_encode_agrees_with_the_rlp_library(item: Decoded) -> None:
    encoded = encode(item)
    assert encoded == reference.encode(item)
    assert decode(encoded) == item


@settings(deadline=None)
@given(st.binary(max_size=70_000))
def test_encode_of_long_bytes_agrees_with_the_rlp_library(data: bytes) -> None:
    assert encode(data) == reference.encode(data)
    assert encode([data, data]) == reference.encode([data, data])


@settings(deadline=None, max_examples=300)
@given(items, st.data())
def test_decode_of_mutated_bytes_raises_or_is_canonical(item: Decoded, data: st.DataObject) -> None:
    encoded = bytearray(encode(item))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(encoded) - 1))
        encoded[place] = data.draw(st.integers(0, 255))
    mutated = bytes(encoded[: data.draw(st.integers(0, len(encoded)))])
    _assert_raises_or_is_canonical(mutated)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=100))
@example(b"\xbf" + b"\xff" * 8)
@example(b"\xff" + b"\xff" * 8)
def test_decode_of_any_bytes_raises_or_is_canonical(data: bytes) -> None:
    _assert_raises_or_is_canonical(data)


def _assert_raises_or_is_canonical(data: bytes) -> None:
    try:
        item = decode(data)
    except RlpError:
        with pytest.raises(reference.exceptions.DecodingError):
            reference.decode(data)
        return
    assert encode(item) == data


@settings(deadline=None)
@given(st.lists(items, max_size=8))
def test_split_list_gives_the_items_still_encoded(children: list[Decoded]) -> None:
    assert split_list(encode(children)) == [encode(child) for child in children]


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=60))
def test_split_list_of_any_bytes_raises_or_keeps_every_byte(data: bytes) -> None:
    try:
        parts = split_list(data)
    except RlpError:
        return
    assert data.endswith(b"".join(parts))


def test_decode_of_lists_nested_without_end_is_refused() -> None:
    with pytest.raises(RlpError, match="deeper"):
        decode(_nested(DEPTH_MAX + 1))
    assert encode(decode(_nested(DEPTH_MAX))) == _nested(DEPTH_MAX)
    with pytest.raises(RlpError, match="deeper"):
        decode(_nested(2_000))


def _nested(depth: int) -> bytes:
    encoded = b"\xc0"
    for _ in range(depth - 1):
        length = len(encoded)
        if length < 56:
            encoded = bytes([0xC0 + length]) + encoded
        else:
            size = encode_int(length)
            encoded = bytes([0xF7 + len(size)]) + size + encoded
    return encoded


def test_rlp_error_says_what_and_where() -> None:
    with pytest.raises(RlpError, match="byte 1: a byte below 0x80 has a length prefix") as caught:
        decode(bytes.fromhex("c28105"))
    assert caught.value.offset == 1


def test_encode_of_what_rlp_cannot_carry_is_refused() -> None:
    with pytest.raises(RlpError, match="negative"):
        encode_int(-1)
    with pytest.raises(RlpError, match="str"):
        encode(["text"])
