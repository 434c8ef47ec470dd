"""PURE. Keys of cursors that are addresses or large numbers: what nobody cut is refused as malformed."""

import re
from decimal import Decimal

from explorer_api.cursors import Key
from service.http.problems import CursorMalformed

_ADDRESS = re.compile(r"[0-9a-f]{40}\Z")
_NUMBER = re.compile(r"-?[0-9]{1,120}\Z")


def address_key(key: Key | None) -> bytes | None:
    """An address as cursors carry it: 40 hexadecimal digits. Raises `CursorMalformed`."""
    if key is None:
        return None
    if not isinstance(key, str) or _ADDRESS.match(key) is None:
        raise _malformed()
    return bytes.fromhex(key)


def number_key(key: Key | None) -> Decimal | None:
    """A number of any size, as decimal text. Raises `CursorMalformed`."""
    if key is None:
        return None
    if not isinstance(key, str) or _NUMBER.match(key) is None:
        raise _malformed()
    return Decimal(key)


def _malformed() -> CursorMalformed:
    return CursorMalformed("cursor is no cursor of this list; take it from page.next or page.previous")
