"""Phone numbers in E.164, valid by the numbering plan of their country."""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final

import phonenumbers

from write_api.inputs.errors import InvalidInput

_CHARACTERS_MAX = 40
_DIALLED = re.compile(r"\+?[0-9 ().\-/]+")
# Of a short number four digits would be most of it.
_NATIONAL_DIGITS_LONG: Final = 8
_DASHES: Final = {ord(dash): "-" for dash in "\u2010\u2011\u2012\u2013\u2014\u2212"}


@dataclass(frozen=True, slots=True)
class Phone:
    e164: str = field(repr=False)
    masked: str  # "+20***7890": all of the number that may be stored or shown in clear
    region: str  # ISO 3166 alpha-2, or "001" for a number of no country


def parse(text: object, default_region: str | None = None) -> Phone:
    """The number that `text` dials; without +, as dialled within `default_region` (ISO alpha-2).

    Digits of other scripts count as digits. Letters and extensions are refused.
    """
    if not isinstance(text, str):
        raise InvalidInput("must be a text such as +201001234567")
    if len(text) > _CHARACTERS_MAX:
        raise InvalidInput(f"has {len(text)} characters: a phone number has at most {_CHARACTERS_MAX}")
    dialled = _plain(text)
    if _DIALLED.fullmatch(dialled) is None:
        raise InvalidInput(
            "is not a phone number: write + and digits such as +201001234567, without letters or an extension"
        )
    if default_region is None and not dialled.startswith("+"):
        raise InvalidInput("has no country: begin with + and the country's code, such as +20")
    try:
        number = phonenumbers.parse(dialled, default_region)
    except phonenumbers.NumberParseException as error:
        raise InvalidInput("is not a phone number of any country: check the digits after +") from error
    region = phonenumbers.region_code_for_number(number)
    if region is None or number.extension is not None or not phonenumbers.is_valid_number(number):
        raise InvalidInput(
            f"is not a number in use under the country code +{number.country_code}: check the digits"
        )
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    national = e164.removeprefix(f"+{number.country_code}")
    shown = national[-4:] if len(national) >= _NATIONAL_DIGITS_LONG else national[-2:]
    return Phone(e164, f"+{number.country_code}***{shown}", region)


def _plain(text: str) -> str:
    composed = unicodedata.normalize("NFKC", text).translate(_DASHES).strip()
    return "".join(
        character if character.isascii() else str(unicodedata.decimal(character, character))
        for character in composed
    )
