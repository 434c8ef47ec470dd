"""The 2048-bit bloom filter over the addresses and topics of logs (Yellow Paper 4.3.1)."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Protocol

from evm.primitives import keccak256

BLOOM_BYTES = 256

# The same few contracts and event signatures fill most blocks; an entry costs about 600 bytes.
_MEMO_ITEMS_MAX = 16_384


class Emitted(Protocol):
    @property
    def address(self) -> bytes: ...
    @property
    def topics(self) -> tuple[bytes, ...]: ...


@lru_cache(maxsize=_MEMO_ITEMS_MAX)
def bloom_bits(item: bytes) -> int:
    """The filter holding only `item`, as an integer to OR with others."""
    digest = keccak256(item)
    first = int.from_bytes(digest[0:2], "big") & 2047
    second = int.from_bytes(digest[2:4], "big") & 2047
    third = int.from_bytes(digest[4:6], "big") & 2047
    return 1 << first | 1 << second | 1 << third


def logs_bloom(logs: Iterable[Emitted]) -> bytes:
    """The 256 bytes of `logsBloom` for these logs, of a receipt or of a whole block."""
    items: set[bytes] = set()
    for log in logs:
        items.add(log.address)
        items.update(log.topics)
    bits = 0
    for item in items:
        bits |= bloom_bits(item)
    return bits.to_bytes(BLOOM_BYTES, "big")
