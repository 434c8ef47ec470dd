"""Recursive Length Prefix, both ways (Yellow Paper, appendix B).

Decoding is strict: only the one canonical encoding of a value is accepted, so encode(decode(x)) == x.
"""

from collections.abc import Sequence
from typing import TypeAlias

Item: TypeAlias = "bytes | Sequence[Item]"
Decoded: TypeAlias = "bytes | list[Decoded]"

# Nothing on chain nests deeper than five; the bound keeps hostile bytes from exhausting the stack.
DEPTH_MAX = 64

_STRING = tuple(bytes([0x80 + length]) for length in range(56))
_LIST = tuple(bytes([0xC0 + length]) for length in range(56))
_BYTE = tuple(bytes([value]) for value in range(256))


class RlpError(ValueError):
    """Bytes that are not canonical RLP, or a value that RLP cannot carry."""

    def __init__(self, problem: str, offset: int | None = None) -> None:
        super().__init__(problem if offset is None else f"RLP at byte {offset}: {problem}")
        self.problem = problem
        self.offset = offset


def encode_int(number: int) -> bytes:
    """Minimal big-endian bytes, zero as no bytes: the scalar that `encode` then prefixes."""
    if number < 0:
        raise RlpError(f"{number} is negative: RLP carries natural numbers only")
    return number.to_bytes((number.bit_length() + 7) >> 3, "big")


def encode_bytes(data: bytes) -> bytes:
    length = len(data)
    if length < 56:
        return data if length == 1 and data[0] < 0x80 else _STRING[length] + data
    size = encode_int(length)
    return _BYTE[0xB7 + len(size)] + size + data


def wrap_list(payload: bytes) -> bytes:
    """List whose items are already encoded and joined."""
    length = len(payload)
    if length < 56:
        return _LIST[length] + payload
    size = encode_int(length)
    return _BYTE[0xF7 + len(size)] + size + payload


def encode(item: Item) -> bytes:
    if isinstance(item, bytes):
        return encode_bytes(item)
    if isinstance(item, list | tuple):
        # Most children are bytes: one call less for each counts in every hash of the indexer.
        parts = [encode_bytes(child) if isinstance(child, bytes) else encode(child) for child in item]
        return wrap_list(b"".join(parts))
    raise RlpError(f"{type(item).__name__} cannot be encoded: RLP carries bytes and lists")


def decode(data: bytes) -> Decoded:
    """The one value that `data` encodes; anything before, after or not minimal is an `RlpError`."""
    item, end = _decode_at(data, 0, len(data), 0)
    if end != len(data):
        raise RlpError(f"{len(data) - end} bytes follow the value", end)
    return item


def split_list(data: bytes) -> list[bytes]:
    """The items of the list that `data` encodes, each still encoded; what is inside them is not looked at."""
    if not data or data[0] < 0xC0:
        raise RlpError("a list was expected", 0)
    begin, end = _span(data, 0, len(data), data[0] - 0xC0)
    if end != len(data):
        raise RlpError(f"{len(data) - end} bytes follow the value", end)
    items = []
    while begin < end:
        prefix = data[begin]
        if prefix < 0x80:
            after = begin + 1
        else:
            _, after = _span(data, begin, end, prefix - (0x80 if prefix < 0xC0 else 0xC0))
        items.append(data[begin:after])
        begin = after
    return items


def _decode_at(data: bytes, start: int, limit: int, depth: int) -> tuple[Decoded, int]:
    if start >= limit:
        raise RlpError("a value was expected, the bytes end", start)
    prefix = data[start]
    if prefix < 0x80:
        return data[start : start + 1], start + 1
    if prefix < 0xC0:
        begin, end = _span(data, start, limit, prefix - 0x80)
        if end - begin == 1 and data[begin] < 0x80:
            raise RlpError("a byte below 0x80 has a length prefix", start)
        return data[begin:end], end
    begin, end = _span(data, start, limit, prefix - 0xC0)
    if depth == DEPTH_MAX:
        raise RlpError(f"lists nest deeper than {DEPTH_MAX}", start)
    items: list[Decoded] = []
    while begin < end:
        item, begin = _decode_at(data, begin, end, depth + 1)
        items.append(item)
    return items, end


def _span(data: bytes, start: int, limit: int, length: int) -> tuple[int, int]:
    """Begin and end of the payload; a `length` of 56 or more says how many bytes hold the real length."""
    begin = start + 1
    if length > 55:
        width = length - 55
        if begin + width > limit:
            raise RlpError(f"{width} length bytes expected, {limit - begin} left", start)
        size = data[begin : begin + width]
        length = int.from_bytes(size, "big")
        if size[0] == 0 or length < 56:
            raise RlpError(f"length {length} is not written in its shortest form", start)
        begin += width
    end = begin + length
    if end > limit:
        raise RlpError(f"{length} payload bytes expected, {limit - begin} left", start)
    return begin, end
