"""PURE. Where a page ended: opaque text that goes on from there, pinned to the chain it was cut from.

A cursor holds the keys of the row at the page's end, the block that row is in, and the outbox sequence of its
snapshot. A reorg announced since then that went below that block has taken the row back: the reader is told
so, instead of being led on from a row that is not there (DESIGN.md 6).
"""

import binascii
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

import msgspec

from service.http.problems import CursorMalformed

Key = int | str

_CHECK_BYTES = 4
_CHARACTERS_MAX = 512
_NUMBER_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Cursor:
    """`backward` goes towards the beginning of the list. `block` None: the list is in no block order."""

    keys: tuple[Key, ...]
    backward: bool
    sequence: int
    block: int | None


class _Wire(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    kind: int
    backward: bool
    sequence: int
    block: int | None
    keys: list[Key]


def encode(cursor: Cursor, listing: str) -> str:
    """The text of a cursor of one list. `listing` names the list with its filters: no other list takes it."""
    wire = _Wire(_kind(listing), cursor.backward, cursor.sequence, cursor.block, list(cursor.keys))
    packed = msgspec.msgpack.encode(wire)
    return urlsafe_b64encode(packed + _check(packed)).rstrip(b"=").decode()


def decode(text: str, listing: str, key_types: tuple[type[Key], ...]) -> Cursor:
    """The inverse; raises `CursorMalformed` for anything but what `encode` made for this list."""
    try:
        if len(text) > _CHARACTERS_MAX:
            raise CursorMalformed(f"cursor has {len(text)} characters, no cursor is so long; {_ADVICE}")
        raw = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        packed, check = raw[:-_CHECK_BYTES], raw[-_CHECK_BYTES:]
        if check != _check(packed):
            raise CursorMalformed(f"cursor was altered or cut short; {_ADVICE}")
        wire = msgspec.msgpack.decode(packed, type=_Wire)
    except (UnicodeEncodeError, binascii.Error, msgspec.MsgspecError) as error:
        raise CursorMalformed(f"cursor is no cursor; {_ADVICE}") from error
    if wire.kind != _kind(listing):
        raise CursorMalformed(f"cursor is of another list or of other filters; {_ADVICE}")
    if tuple(type(key) for key in wire.keys) != key_types:
        raise CursorMalformed(f"cursor is of another version of this list; {_ADVICE}")
    numbers = [wire.sequence, wire.block or 0, *(key for key in wire.keys if isinstance(key, int))]
    if not all(-_NUMBER_MAX <= number <= _NUMBER_MAX for number in numbers):
        raise CursorMalformed(f"cursor is no cursor; {_ADVICE}")
    return Cursor(tuple(wire.keys), wire.backward, wire.sequence, wire.block)


_ADVICE = (
    "take it from page.next or page.previous of an answer with the same path and filters, or leave it out"
)


def _kind(listing: str) -> int:
    return zlib.crc32(listing.encode())


def _check(packed: bytes) -> bytes:
    return zlib.crc32(b"pend cursor 1" + packed).to_bytes(_CHECK_BYTES, "big")
