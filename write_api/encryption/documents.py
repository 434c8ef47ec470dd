"""A document of any size under its own data key, as a stream of sealed chunks; memory stays flat.

Header (32): "PEND" | version (1) | data key id (16) | chunk size (4) | nonce prefix (7). Then each chunk by
AES-256-GCM: nonce = prefix | chunk number (4) | 1 for the last and 0 for others; additional data = document
id | header. All chunks but the last are full. So a chunk cannot be cut off, moved, swapped or put into
another document (the STREAM construction). One data key serves one document.
"""

import hashlib
import os
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from write_api.encryption.errors import IntegrityBroken

CHUNK_BYTES = 64 * 1024  # about 50 µs with its hash: sealed on the event loop, a thread would cost more
HEADER_BYTES, TAG_BYTES = 32, 16
_CHUNK_BYTES_MAX = 1024 * 1024
_HEADER = struct.Struct(">4sB16sI7s")
_MAGIC, _VERSION = b"PEND", 1


@dataclass(frozen=True, slots=True)
class _Header:
    data_key_id: UUID
    chunk_bytes: int
    prefix: bytes

    def pack(self) -> bytes:
        return _HEADER.pack(_MAGIC, _VERSION, self.data_key_id.bytes, self.chunk_bytes, self.prefix)

    def nonce(self, number: int, *, last: bool) -> bytes:
        return self.prefix + struct.pack(">IB", number, last)


class _Measured:
    """SHA-256 and size of the plaintext that has passed."""

    def __init__(self) -> None:
        self._hash, self._size, self._ended = hashlib.sha256(), 0, False

    @property
    def sha256(self) -> bytes:
        assert self._ended, "known at the end of the stream"
        return self._hash.digest()

    @property
    def size(self) -> int:
        assert self._ended, "known at the end of the stream"
        return self._size

    def _add(self, plaintext: bytes | bytearray, *, last: bool) -> None:
        self._hash.update(plaintext)
        self._size += len(plaintext)
        self._ended = last


class Encrypted(_Measured):
    """Iterated once: the stored form of the plaintext `chunks`, however they are cut."""

    def __init__(
        self,
        chunks: AsyncIterator[bytes],
        data_key: bytes,
        *,
        data_key_id: UUID,
        document_id: UUID,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        assert 0 < chunk_bytes <= _CHUNK_BYTES_MAX
        super().__init__()
        self._chunks, self._cipher = chunks, AESGCM(data_key)
        self._header = _Header(data_key_id, chunk_bytes, os.urandom(7))
        self._bound = document_id.bytes + self._header.pack()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._header.pack()
        number = 0
        async for block, last in _cut(self._chunks, self._header.chunk_bytes):
            self._add(block, last=last)
            yield self._cipher.encrypt(self._header.nonce(number, last=last), block, self._bound)
            number += 1


class Decrypted(_Measured):
    """Iterated once: the plaintext of the stored `chunks`.

    Raises `IntegrityBroken`, before the last chunk is given away, unless SHA-256 and size are those kept.
    """

    def __init__(
        self,
        chunks: AsyncIterator[bytes],
        data_key: bytes,
        *,
        data_key_id: UUID,
        document_id: UUID,
        sha256: bytes,
        size: int,
    ) -> None:
        super().__init__()
        self._chunks, self._cipher = chunks, AESGCM(data_key)
        self._data_key_id, self._document_id = data_key_id, document_id
        self._kept = sha256, size

    async def __aiter__(self) -> AsyncIterator[bytes]:
        first = bytearray()
        while len(first) < HEADER_BYTES:
            try:
                first += await anext(self._chunks)
            except StopAsyncIteration:
                raise self._broken(f"it ends after {len(first)} bytes") from None
        header = self._read_header(bytes(first[:HEADER_BYTES]))
        bound, number = self._document_id.bytes + header.pack(), 0
        async for block, last in _cut(self._chunks, header.chunk_bytes + TAG_BYTES, first[HEADER_BYTES:]):
            try:
                plaintext = self._cipher.decrypt(header.nonce(number, last=last), block, bound)
            except InvalidTag:
                fault = f"chunk {number} was altered, moved or cut off, or is of another document"
                raise self._broken(fault) from None
            self._add(plaintext, last=last)
            if last and (self.sha256, self.size) != self._kept:
                raise self._broken("its SHA-256 or size is not the one kept")
            if plaintext:
                yield plaintext
            number += 1

    def _read_header(self, packed: bytes) -> _Header:
        magic, version, key_id, chunk_bytes, prefix = _HEADER.unpack(packed)
        if magic != _MAGIC or version != _VERSION or not 0 < chunk_bytes <= _CHUNK_BYTES_MAX:
            raise self._broken("it does not begin as an encrypted document of this version")
        if key_id != self._data_key_id.bytes:
            raise self._broken("it names another data key")
        return _Header(self._data_key_id, chunk_bytes, prefix)

    def _broken(self, fault: str) -> IntegrityBroken:
        return IntegrityBroken(self._document_id, fault)


async def _cut(
    chunks: AsyncIterator[bytes], block_bytes: int, first: bytes | bytearray = b""
) -> AsyncIterator[tuple[bytearray, bool]]:
    """Blocks of `block_bytes`; the last, marked, holds what is left and is empty only if all was."""
    rest = bytearray(first)
    while True:
        while len(rest) > block_bytes:
            yield rest[:block_bytes], False
            del rest[:block_bytes]
        try:
            rest += await anext(chunks)
        except StopAsyncIteration:
            break
    yield rest, True
