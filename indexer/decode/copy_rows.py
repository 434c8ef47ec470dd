"""PURE: decoded events and calls as rows of PostgreSQL's binary COPY format."""

import struct
from collections.abc import Iterable

import msgspec

EVENT_COLUMNS = (
    "block_number", "log_index", "transaction_index", "address", "abi", "name", "signature", "arguments",
    "undecodable",
)  # fmt: skip
CALL_COLUMNS = (
    "block_number", "transaction_index", "address", "abi", "name", "signature", "arguments", "undecodable",
    "error_name", "error_signature", "error_arguments", "error_reason", "error_undecodable",
)  # fmt: skip

# A JSON document that jsonb takes must stay below 256 MB; one this long is of no use to anybody.
ARGUMENTS_BYTES_MAX = 64 * 1024 * 1024

NULL = b"\xff\xff\xff\xff"
NOTHING_READ = NULL * 3

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"

# Column count, then length and bytes of each column; big-endian, without padding.
pack_event = struct.Struct(">hiqiiiii20s").pack
pack_call = struct.Struct(">hiqii").pack
pack_jsonb = struct.Struct(">iB").pack
to_json = msgspec.json.Encoder().encode


def payload(rows: Iterable[bytes]) -> bytes:
    """A whole binary COPY stream."""
    return b"".join((_HEADER, *rows, _TRAILER))


def call_start(block: int, transaction_index: int, address: bytes | None) -> bytes:
    return pack_call(13, 8, block, 4, transaction_index) + (NULL if address is None else _bytes(address))


def title(abi: str, name: str, signature: str) -> bytes:
    """The columns abi, name and signature."""
    return text(abi) + text(name) + text(signature)


def text(value: str | None) -> bytes:
    return NULL if value is None else _bytes(value.encode())


def too_long(length: int) -> str:
    """Why arguments are not kept."""
    return f"its arguments take {length} bytes as JSON; at most {ARGUMENTS_BYTES_MAX} are kept"


def _bytes(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value
