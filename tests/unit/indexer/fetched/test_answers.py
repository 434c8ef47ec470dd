"""What contracts answer, honest or not: text and numbers that can be stored, or a reason, never an exception."""

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from indexer.fetched.answers import (
    CLIPPED,
    TEXT_CHARACTERS_MAX,
    Unreadable,
    read_address,
    read_decimals,
    read_number,
    read_text,
    shown_text,
)


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def string(data: bytes) -> bytes:
    return encode(["bytes"], [data])


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), max_size=TEXT_CHARACTERS_MAX))
def test_text_that_is_plain_is_read_as_it_is(text: str) -> None:
    assert read_text(encode(["string"], [text])) == text


@given(st.binary(max_size=400))
def test_text_of_any_bytes_is_storable_or_has_a_reason(answer: bytes) -> None:
    for said in (read_text(answer), read_text(string(answer))):
        if isinstance(said, Unreadable):
            assert said.fault
        else:
            said.encode("utf-8")  # no half surrogate pairs
            assert "\0" not in said
            assert len(said) <= TEXT_CHARACTERS_MAX + len(CLIPPED)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"Maker".ljust(32, b"\0"), "Maker"),
        (string(b""), ""),
        (string(b"caf\xc3\xa9"), "café"),
        (string(b"caf\xe9"), "caf\N{REPLACEMENT CHARACTER}"),
        (string(b"a\0b"), "a\N{REPLACEMENT CHARACTER}b"),
        (string(b"a\nb\x1b[31m"), "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}[31m"),
        # Right-to-left override: shown, "gpj.exe" would read "exe.jpg".
        (string("x\u202egpj.exe".encode()), "x\N{REPLACEMENT CHARACTER}gpj.exe"),
        (string(b"odd padding")[:-21] + b"\xff" * 21, "odd padding"),
        (string(b"more") + bytes(64), "more"),
    ],
)
def test_text_as_contracts_really_spell_it(answer: bytes, text: str) -> None:
    assert read_text(answer) == text


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x01",
        bytes(32),
        word(1),
        word(32),
        word(2**255) + word(4) + b"name".ljust(32, b"\0"),  # points outside
        word(32) + word(2**255),  # says it is longer than any memory
        word(32) + word(10**7) + b"a" * 32,  # says it is longer than it is
        word(32) + word(33) + b"a" * 32,
        b"\xff" * 64,
    ],
)
def test_text_that_lies_about_its_size_is_unreadable(answer: bytes) -> None:
    said = read_text(answer)
    assert isinstance(said, Unreadable), said


def test_text_of_megabytes_is_clipped_and_says_so() -> None:
    said = read_text(string(b"A" * 3_000_000))
    assert said == "A" * TEXT_CHARACTERS_MAX + CLIPPED
    assert shown_text("🪙".encode() * 300) == "🪙" * TEXT_CHARACTERS_MAX + CLIPPED


def test_numbers_are_words_and_decimals_a_byte() -> None:
    assert read_number(word(2**256 - 1)) == 2**256 - 1
    assert read_number(word(7) + b"more") == 7
    assert isinstance(read_number(b"\x07"), Unreadable)
    assert isinstance(read_number(b""), Unreadable)
    assert read_decimals(word(255)) == 255
    for lie in (256, 2**255, 2**256 - 1):
        assert read_decimals(word(lie)) == Unreadable(
            f"decimals above 255, a number of {lie.bit_length()} bits"
        )


def test_address_is_a_clean_word_that_is_not_zero() -> None:
    address = b"\x11" * 20
    assert read_address(address.rjust(32, b"\0")) == address
    for answer in (b"", bytes(32), b"\x01" * 32, address):
        assert isinstance(read_address(answer), Unreadable)
