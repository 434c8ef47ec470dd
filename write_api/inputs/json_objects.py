"""Free JSON that is kept as it is, within bounds."""

from typing import Any

import msgspec

from write_api.inputs.errors import InvalidInput

_DEPTH_MAX = 16


def parse(given: dict[str, Any], *, bytes_max: int) -> dict[str, Any]:
    """An object of bounded size and depth, without the character U+0000, which PostgreSQL does not store."""
    _check(given, _DEPTH_MAX)
    size = len(msgspec.json.encode(given))
    if size > bytes_max:
        raise InvalidInput(f"has {size} bytes as JSON: at most {bytes_max} are kept")
    return given


def _check(given: object, depth_left: int) -> None:
    if depth_left == 0:
        raise InvalidInput(f"is nested more than {_DEPTH_MAX} deep: flatten it")
    if isinstance(given, str) and "\0" in given:
        raise InvalidInput("has the character U+0000, which is not kept: remove it")
    if isinstance(given, str) and any("\ud800" <= character <= "\udfff" for character in given):
        raise InvalidInput("has half of a surrogate pair: remove it")
    if isinstance(given, dict):
        for name, value in given.items():
            _check(name, depth_left)
            _check(value, depth_left - 1)
    elif isinstance(given, list):
        for value in given:
            _check(value, depth_left - 1)
