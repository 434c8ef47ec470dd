"""Amounts of money and tokens: decimal text to an exact Decimal and back, never through a float."""

import re
from decimal import Decimal

from write_api.inputs.errors import InvalidInput

_AMOUNT = re.compile(r"(0|[1-9][0-9]*)(?:\.([0-9]+))?")
_EXPONENT = re.compile(r"[+-]?[0-9.]+[eE][+-]?[0-9]+")
# Up to so many times the length a fault is still named; beyond it the text is not read.
_RAW_FACTOR = 4
_WANTED = 'write plain digits, such as "1250.5"'


def parse(text: object, *, integer_digits_max: int, decimals_max: int, positive: bool = False) -> Decimal:
    """The amount exactly as written; a whole JSON number is taken too, one with a fraction is not.

    For a column numeric(78, 18) the bounds are 60 and 18. With `positive` zero is refused.
    """
    if isinstance(text, int) and not isinstance(text, bool):
        if abs(text) >= 10**integer_digits_max:
            raise InvalidInput(f"has more than {integer_digits_max} digits before the point: make it smaller")
        text = str(text)
    if isinstance(text, float):
        raise InvalidInput("is a JSON number with a fraction or exponent, not exact: send it as text")
    if not isinstance(text, str):
        raise InvalidInput(f"must be a text: {_WANTED}")
    characters_max = integer_digits_max + 1 + decimals_max
    if len(text) > _RAW_FACTOR * characters_max:
        raise InvalidInput(f"has {len(text)} characters: write at most {characters_max}")
    digits, decimals = _places(text)
    if digits > integer_digits_max:
        raise InvalidInput(f"has {digits} digits before the point: at most {integer_digits_max} are taken")
    if decimals > decimals_max:
        raise InvalidInput(f"has {decimals} decimals: round it to at most {decimals_max}")
    amount = Decimal(text)
    if positive and not amount:
        raise InvalidInput("is zero: write an amount above 0")
    return amount


def to_text(amount: Decimal) -> str:
    """The shortest plain decimal text of the same value: no exponent, no trailing zeros."""
    if not amount.is_finite():
        raise ValueError(f"{amount} is not an amount")
    text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _places(text: str) -> tuple[int, int]:
    """How many digits stand before and after the point; what is wrong is named as precisely as possible."""
    if parts := _AMOUNT.fullmatch(text):
        return len(parts[1]), len(parts[2] or "")
    if not text.isascii():
        raise InvalidInput(f"has characters other than the digits 0 to 9: {_WANTED}")
    if text.strip() != text:
        raise InvalidInput("has blanks around it: remove them")
    if _EXPONENT.fullmatch(text):
        raise InvalidInput(f"has an exponent: {_WANTED}")
    if text.startswith("-"):
        raise InvalidInput("is negative: write an amount of 0 or more")
    if text.startswith("+"):
        raise InvalidInput(f"has a sign: {_WANTED}")
    if "," in text:
        raise InvalidInput(f"has a comma: use a point for decimals and nothing between thousands, {_WANTED}")
    raise InvalidInput(f"is not an amount: {_WANTED}")
