import json
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from write_api.inputs.amounts import parse, to_text
from write_api.inputs.errors import InvalidInput

NUMERIC_78_18: dict[str, Any] = {"integer_digits_max": 60, "decimals_max": 18}
LARGEST = "9" * 60 + "." + "9" * 18


@pytest.mark.parametrize(
    "text", ["0", "1", "0.5", "1250.50", "0.000000000000000001", LARGEST, "1" + "0" * 59]
)
def test_parse_is_exact(text: str) -> None:
    amount = parse(text, **NUMERIC_78_18)
    assert str(Decimal(text)) == str(amount)
    assert Decimal(to_text(amount)) == amount


def test_parse_of_a_whole_json_number_is_exact() -> None:
    assert parse(json.loads("123456789012345678901234567890"), **NUMERIC_78_18) == Decimal(
        123456789012345678901234567890
    )


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("1e78", "exponent"),
        ("1E5", "exponent"),
        ("1.5e-3", "exponent"),
        ("-1", "negative"),
        ("-0", "negative"),
        ("-0.000000000000000001", "negative"),
        ("+1", "sign"),
        (" 1", "blanks"),
        ("1\n", "blanks"),
        ("1,5", "comma"),
        ("1,000,000", "comma"),
        ("0.0000000000000000001", "19 decimals: round it to at most 18"),
        ("1.0000000000000000000", "19 decimals"),
        ("1" * 61, "61 digits before the point: at most 60"),
        ("1" * 1000, "1000 characters"),
        pytest.param("9" * 10_000_000, "characters", id="ten million digits"),
        ("NaN", "not an amount"),
        ("sNaN", "not an amount"),
        ("Infinity", "not an amount"),
        ("-Infinity", "negative"),
        ("", "not an amount"),
        (".5", "not an amount"),
        ("5.", "not an amount"),
        ("1.2.3", "not an amount"),
        ("007", "not an amount"),
        ("1_000", "not an amount"),
        ("0x10", "not an amount"),
        ("1;DROP", "not an amount"),
        ("\u0661\u0662", "digits 0 to 9"),
        ("\uff11", "digits 0 to 9"),
        ("1\u00a0000", "digits 0 to 9"),
        ("\u221e", "digits 0 to 9"),
        (1.5, "not exact"),
        (1.0, "not exact"),
        (float("nan"), "not exact"),
        (1e78, "not exact"),
        (-1, "negative"),
        (10**60, "more than 60 digits"),
        pytest.param(10**5000, "more than 60 digits", id="a number of 5001 digits"),
        (True, "must be a text"),
        (None, "must be a text"),
        (["1"], "must be a text"),
        (Decimal(1), "must be a text"),
    ],
)
def test_parse_of_what_is_no_amount_refused_with_the_reason(value: object, names: str) -> None:
    with pytest.raises(InvalidInput, match=names):
        parse(value, **NUMERIC_78_18)


@pytest.mark.parametrize("value", ["0", "0.00", 0])
def test_parse_of_zero_refused_where_it_must_be_positive(value: object) -> None:
    assert parse(value, **NUMERIC_78_18) == 0
    with pytest.raises(InvalidInput, match="zero"):
        parse(value, positive=True, **NUMERIC_78_18)


def test_parse_with_bounds_of_the_caller() -> None:
    assert parse("999.99", integer_digits_max=3, decimals_max=2) == Decimal("999.99")
    for text in ("1000", "0.001"):
        with pytest.raises(InvalidInput):
            parse(text, integer_digits_max=3, decimals_max=2)
    with pytest.raises(InvalidInput, match="1 decimals: round it to at most 0"):
        parse("1.0", integer_digits_max=3, decimals_max=0)


@pytest.mark.parametrize(
    ("amount", "text"),
    [("1E+3", "1000"), ("1E-18", "0.000000000000000001"), ("1.500000000000000000", "1.5"), ("0E-18", "0"), ("-0", "0"), ("-0.00", "0"), ("100", "100"), ("-2.50", "-2.5")],
)  # fmt: skip
def test_to_text_has_no_exponent_and_no_trailing_zeros(amount: str, text: str) -> None:
    assert to_text(Decimal(amount)) == text


def test_to_text_of_what_is_no_number_refused() -> None:
    for value in ("NaN", "Infinity"):
        with pytest.raises(ValueError, match="not an amount"):
            to_text(Decimal(value))


@given(st.integers(0, 10**78 - 1), st.integers(0, 18))
def test_parse_of_to_text_is_the_amount_whatever_the_precision(digits: int, decimals: int) -> None:
    with localcontext(prec=5):
        amount = Decimal((0, tuple(map(int, str(digits))), -decimals))
        if digits >= 10 ** (60 + decimals):
            return
        text = to_text(amount)
        again = parse(text, **NUMERIC_78_18)
        assert to_text(again) == text
    with localcontext(prec=100):
        assert again * 10**18 == digits * 10 ** (18 - decimals)


@given(st.text(max_size=100) | st.from_regex(r"[0-9.+\-eE,_ ]{1,90}", fullmatch=True))
def test_parse_of_any_text_is_within_the_bounds_or_refused(text: str) -> None:
    try:
        amount = parse(text, **NUMERIC_78_18)
    except InvalidInput:
        return
    assert 0 <= amount < 10**60
    assert len(text.partition(".")[2]) <= 18
    assert Decimal(to_text(amount)) == amount
