"""Codes of six digits, as people type them."""

import unicodedata

from write_api.inputs.errors import InvalidInput

DIGITS = 6
_CHARACTERS_MAX = 20


def parse(text: object) -> str:
    """Six ASCII digits; digits of other scripts count, spaces and hyphens between them do not."""
    if isinstance(text, str) and len(text) <= _CHARACTERS_MAX:
        plain = "".join(character for character in text if character not in " -")
        digits = [unicodedata.decimal(character, -1) for character in plain]
        if len(digits) == DIGITS and min(digits) >= 0:
            return "".join(map(str, digits))
    raise InvalidInput(f"is the {DIGITS} digits of the code that was sent")
