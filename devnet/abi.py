"""The part of the contract ABI the simulated contracts speak: words, strings and arrays of words."""

from collections.abc import Sequence
from functools import lru_cache

from evm.primitives import Address, keccak256

WORD_MAX = 2**256 - 1


class AbiError(ValueError):
    """Call data that does not hold what the signature promises."""

    def __init__(self, offset: int, length: int) -> None:
        self.offset = offset
        self.length = length
        super().__init__(f"call data ends at byte {length}, but byte {offset} was asked for")


@lru_cache(maxsize=1024)
def selector(signature: str) -> bytes:
    """The four bytes that call `signature`, such as `transfer(address,uint256)`."""
    return keccak256(signature.encode())[:4]


@lru_cache(maxsize=1024)
def topic(signature: str) -> bytes:
    """The first topic of the event `signature`."""
    return keccak256(signature.encode())


def word(value: int | bytes) -> bytes:
    """A number or an address as one 32-byte word."""
    return value.to_bytes(32, "big") if isinstance(value, int) else value.rjust(32, b"\0")


def words(*values: int | bytes) -> bytes:
    return b"".join(map(word, values))


def call(signature: str, *values: int | bytes) -> bytes:
    """Call data of a function whose arguments are all static."""
    return selector(signature) + words(*values)


def array(values: Sequence[int]) -> bytes:
    return words(len(values), *values)


def text(value: str) -> bytes:
    """The tail of a string argument: length and zero-padded bytes."""
    data = value.encode()
    return word(len(data)) + data.ljust(-(-len(data) // 32) * 32, b"\0")


def returned_text(value: str) -> bytes:
    """A single string as a function returns it."""
    return word(32) + text(value)


def error(reason: str) -> bytes:
    """Revert data of Solidity's `require(..., reason)`."""
    return selector("Error(string)") + returned_text(reason)


def integer_at(data: bytes, index: int) -> int:
    """Argument `index` as a number."""
    return _word_at(data, index * 32)


def address_at(data: bytes, index: int) -> Address:
    """Argument `index` as an address."""
    return _word_at(data, index * 32).to_bytes(32, "big")[12:]


def text_at(data: bytes, index: int) -> str:
    start = integer_at(data, index)
    length = _word_at(data, start)
    end = start + 32 + length
    if end > len(data):
        raise AbiError(end, len(data))
    return data[start + 32 : end].decode(errors="replace")


def array_at(data: bytes, index: int) -> list[int]:
    """Argument `index` as an array of numbers."""
    start = integer_at(data, index)
    length = _word_at(data, start)
    if start + 32 * (length + 1) > len(data):
        raise AbiError(start + 32 * (length + 1), len(data))
    return [_word_at(data, start + 32 * (position + 1)) for position in range(length)]


def _word_at(data: bytes, offset: int) -> int:
    if offset + 32 > len(data):
        raise AbiError(offset + 32, len(data))
    return int.from_bytes(data[offset : offset + 32], "big")
