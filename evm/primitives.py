"""Addresses, hashes and hex text, exactly as JSON-RPC spells them."""

from binascii import unhexlify
from typing import TypeAlias

from sha3 import keccak_256

Address: TypeAlias = bytes  # 20 bytes
Hash32: TypeAlias = bytes  # 32 bytes

ZERO_ADDRESS: Address = bytes(20)
ZERO_HASH: Hash32 = bytes(32)

_SHOWN_CHARACTERS_MAX = 24


class MalformedHex(ValueError):
    """Text that is not `0x` followed by hexadecimal digits."""

    def __init__(self, text: object, wanted: str) -> None:
        shown = repr(text)
        if len(shown) > _SHOWN_CHARACTERS_MAX:
            shown = f"{shown[:_SHOWN_CHARACTERS_MAX]}… ({len(shown)} characters)"
        super().__init__(f"{shown} is not {wanted}: expected 0x and hexadecimal digits")
        self.text = text


def keccak256(data: bytes) -> Hash32:
    digest: bytes = keccak_256(data).digest()
    return digest


def hex_to_bytes(text: str) -> bytes:
    """Bytes of `0x…` data; strict, since bytes.fromhex would let blanks pass."""
    if text[:2] == "0x":
        try:
            return unhexlify(text[2:])
        except ValueError:
            pass
    raise MalformedHex(text, "hex data")


def hex_to_int(text: str) -> int:
    """Number of a `0x…` quantity; strict, since int() would let blanks, signs and underscores pass."""
    digits = text[2:]
    if text[:2] == "0x" and digits.isascii() and digits.isalnum():
        try:
            return int(digits, 16)
        except ValueError:
            pass
    raise MalformedHex(text, "a hex quantity")


def to_hex(data: bytes) -> str:
    return "0x" + data.hex()


def int_to_hex(number: int) -> str:
    """JSON-RPC quantity: no leading zeros, zero is `0x0`."""
    return hex(number)


EMPTY_ROOT: Hash32 = keccak256(b"\x80")  # trie without entries: keccak(rlp(""))
EMPTY_UNCLES_HASH: Hash32 = keccak256(b"\xc0")  # keccak(rlp([]))
