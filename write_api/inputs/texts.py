"""Names, notes and statements: one spelling, a bounded length, nothing that hides or reverses."""

import re
import unicodedata
from collections.abc import Iterable

from write_api.inputs.errors import InvalidInput

# Composition (NFC) makes a text at most three times as long, and much shorter at best (UAX 15).
_RAW_FACTOR = 4
# Joiners that scripts need, and the two marks of direction that reverse nothing.
_INVISIBLE_ALLOWED = frozenset("\u200c\u200d\u200e\u200f")
_LINE_BREAKS = frozenset("\n\t\u2028\u2029")
_NEW_LINE = re.compile("\r\n?")
# Control, surrogate, private, and format characters: bidirectional overrides, tags, zero-width spaces.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Co", "Cf"})


def parse(text: object, *, characters_max: int, characters_min: int = 1, single_line: bool = True) -> str:
    """`text` in NFC, trimmed, of `characters_min` to `characters_max` characters."""
    if not isinstance(text, str):
        raise InvalidInput("must be a text")
    if len(text) > _RAW_FACTOR * characters_max:
        raise InvalidInput(f"has {len(text)} characters: shorten it to at most {characters_max}")
    composed = unicodedata.normalize("NFC", _NEW_LINE.sub("\n", text))
    _refuse(character for character in composed if _is_refused(character))
    trimmed = composed.strip()
    if single_line:
        _refuse(character for character in trimmed if character in _LINE_BREAKS)
    if len(trimmed) > characters_max:
        raise InvalidInput(f"has {len(trimmed)} characters: shorten it to at most {characters_max}")
    if len(trimmed) < characters_min:
        raise InvalidInput(f"has {len(trimmed)} characters: write at least {characters_min}")
    return trimmed


def _is_refused(character: str) -> bool:
    if character in _LINE_BREAKS or character in _INVISIBLE_ALLOWED:
        return False
    return unicodedata.category(character) in _REFUSED_CATEGORIES


def _refuse(characters: Iterable[str]) -> None:
    for character in characters:
        raise InvalidInput(f"has the character U+{ord(character):04X}, which is not allowed here: remove it")
