import pytest
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from write_api.inputs import hashes
from write_api.inputs.addresses import checksummed, parse
from write_api.inputs.errors import InvalidInput

# EIP-55, test cases
PUBLISHED = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]


@pytest.mark.parametrize("text", PUBLISHED)
def test_the_published_addresses_are_read_and_written_as_they_are(text: str) -> None:
    assert parse(text) == bytes.fromhex(text[2:])
    assert checksummed(parse(text)) == text
    assert parse(text.lower()) == parse("0x" + text[2:].upper()) == parse(text)


@given(st.binary(min_size=20, max_size=20))
def test_checksummed_is_what_another_library_writes(address: bytes) -> None:
    assert checksummed(address) == to_checksum_address(address)
    assert parse(checksummed(address)) == address


@pytest.mark.parametrize("at", [i for i, digit in enumerate(PUBLISHED[4]) if digit.isalpha() and i > 1])
def test_one_letter_in_the_other_case_refused(at: int) -> None:
    text = PUBLISHED[4]
    with pytest.raises(InvalidInput, match="checksum"):
        parse(text[:at] + text[at].swapcase() + text[at + 1 :])


@pytest.mark.parametrize(
    "value",
    ["", "0x", PUBLISHED[0][2:], PUBLISHED[0][:-1], PUBLISHED[0] + "0", "0X" + PUBLISHED[0][2:], " " + PUBLISHED[0], PUBLISHED[0] + "\n", "0x" + "g" * 40, "0x" + "\u0661" * 40, "amina.eth", None, 5, b"0x"],
)  # fmt: skip
def test_what_is_no_address_refused(value: object) -> None:
    with pytest.raises(InvalidInput, match="40 hexadecimal digits"):
        parse(value)


@given(st.binary(min_size=32, max_size=32))
def test_a_hash_is_32_bytes_in_any_case(value: bytes) -> None:
    assert hashes.parse("0x" + value.hex()) == hashes.parse("0x" + value.hex().upper()) == value


@pytest.mark.parametrize("value", ["", "0x", "ab" * 32, "0x" + "ab" * 31, "0x" + "ab" * 33, "0x" + "zz" * 32, "0x" + "ab" * 32 + "\n", "0x" + "\u0661" * 64, None, 1])  # fmt: skip
def test_what_is_no_hash_refused(value: object) -> None:
    with pytest.raises(InvalidInput, match="64 hexadecimal digits"):
        hashes.parse(value)
