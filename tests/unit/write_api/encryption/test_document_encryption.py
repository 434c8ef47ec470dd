import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from Crypto.Cipher import AES
from hypothesis import given
from hypothesis import strategies as st

from tests.streams import cut, cuts, joined, streamed
from write_api.encryption.documents import HEADER_BYTES, TAG_BYTES, Decrypted, Encrypted
from write_api.encryption.errors import IntegrityBroken

_KEY, _CHUNK = bytes(range(32)), 32
_SEALED = _CHUNK + TAG_BYTES


@dataclass(frozen=True)
class _Stored:
    content: bytes
    sha256: bytes
    size: int
    data_key_id: UUID
    document_id: UUID

    async def read(self, content: bytes, at: Sequence[int] = (), *, document_id: UUID | None = None) -> bytes:
        document = Decrypted(
            streamed(cut(content, at)),
            _KEY,
            data_key_id=self.data_key_id,
            document_id=document_id or self.document_id,
            sha256=self.sha256,
            size=self.size,
        )
        return await joined(aiter(document))


async def _stored(plaintext: bytes, at: Sequence[int] = ()) -> _Stored:
    data_key_id, document_id = uuid4(), uuid4()
    document = Encrypted(
        streamed(cut(plaintext, at)),
        _KEY,
        data_key_id=data_key_id,
        document_id=document_id,
        chunk_bytes=_CHUNK,
    )
    content = await joined(aiter(document))
    return _Stored(content, document.sha256, document.size, data_key_id, document_id)


@given(st.binary(max_size=200), cuts(), cuts())
async def test_document_reads_back_however_both_streams_are_cut(
    plaintext: bytes, at: Sequence[int], at_2: Sequence[int]
) -> None:
    stored = await _stored(plaintext, at)
    assert stored.sha256 == hashlib.sha256(plaintext).digest()
    assert stored.size == len(plaintext)
    chunks = max(1, -(-len(plaintext) // _CHUNK))
    assert len(stored.content) == HEADER_BYTES + len(plaintext) + chunks * TAG_BYTES
    assert await stored.read(stored.content, at_2) == plaintext


@given(st.binary(max_size=130), st.data())
async def test_changed_bit_is_found(plaintext: bytes, data: st.DataObject) -> None:
    stored = await _stored(plaintext)
    content = bytearray(stored.content)
    bit = data.draw(st.integers(0, len(content) * 8 - 1))
    content[bit // 8] ^= 1 << bit % 8
    with pytest.raises(IntegrityBroken, match=str(stored.document_id)):
        await stored.read(bytes(content))


@pytest.mark.parametrize("size", [0, 1, _CHUNK, 3 * _CHUNK, 3 * _CHUNK + 5])
async def test_document_cut_off_at_any_byte_is_found(size: int) -> None:
    stored = await _stored(bytes(size))
    for end in range(len(stored.content)):
        with pytest.raises(IntegrityBroken):
            await stored.read(stored.content[:end])


@given(st.binary(max_size=130), st.binary(min_size=1, max_size=60))
async def test_appended_bytes_are_found(plaintext: bytes, appended: bytes) -> None:
    stored = await _stored(plaintext)
    with pytest.raises(IntegrityBroken):
        await stored.read(stored.content + appended)


@given(st.permutations(range(4)))
async def test_chunks_in_another_order_are_found(order: list[int]) -> None:
    stored = await _stored(b"a" * 4 * _CHUNK)  # same bytes in each chunk: only their places differ
    sealed = [stored.content[HEADER_BYTES + at * _SEALED :][:_SEALED] for at in range(4)]
    content = stored.content[:HEADER_BYTES] + b"".join(sealed[at] for at in order)
    if order == sorted(order):
        assert await stored.read(content) == b"a" * 4 * _CHUNK
        return
    with pytest.raises(IntegrityBroken):
        await stored.read(content)


async def test_chunk_of_another_document_under_the_same_key_is_found() -> None:
    mine, other = await _stored(bytes(4 * _CHUNK)), await _stored(bytes(4 * _CHUNK))
    content = bytearray(mine.content)
    content[HEADER_BYTES : HEADER_BYTES + _SEALED] = other.content[HEADER_BYTES : HEADER_BYTES + _SEALED]
    with pytest.raises(IntegrityBroken, match="chunk 0"):
        await mine.read(bytes(content))


async def test_document_put_under_another_name_is_found() -> None:
    stored = await _stored(b"passport")
    with pytest.raises(IntegrityBroken, match="another document"):
        await stored.read(stored.content, document_id=uuid4())


async def test_document_of_another_data_key_is_named_so() -> None:
    mine, other = await _stored(b"one"), await _stored(b"two")
    with pytest.raises(IntegrityBroken, match="another data key"):
        await mine.read(other.content)


async def test_wrong_kept_hash_or_size_withholds_the_last_chunk() -> None:
    stored = await _stored(bytes(3 * _CHUNK))
    for sha256, size in ((bytes(32), stored.size), (stored.sha256, stored.size + 1)):
        document = Decrypted(
            streamed([stored.content]),
            _KEY,
            data_key_id=stored.data_key_id,
            document_id=stored.document_id,
            sha256=sha256,
            size=size,
        )
        chunks = aiter(document)
        assert await anext(chunks) + await anext(chunks) == bytes(2 * _CHUNK)
        with pytest.raises(IntegrityBroken, match="SHA-256 or size"):
            await anext(chunks)


async def test_another_implementation_reads_the_layout() -> None:
    plaintext = bytes(range(70))
    stored = await _stored(plaintext)
    header, rest = stored.content[:HEADER_BYTES], stored.content[HEADER_BYTES:]
    assert header[:5] == b"PEND\x01"
    assert header[5:21] == stored.data_key_id.bytes
    assert int.from_bytes(header[21:25], "big") == _CHUNK
    read = b""
    for number in range(3):
        sealed = rest[number * _SEALED :][:_SEALED]
        nonce = header[25:32] + number.to_bytes(4, "big") + bytes([number == 2])
        cipher = AES.new(_KEY, AES.MODE_GCM, nonce=nonce).update(stored.document_id.bytes + header)
        read += cipher.decrypt_and_verify(sealed[:-16], sealed[-16:])
    assert read == plaintext


async def test_source_that_breaks_breaks_the_document() -> None:
    async def source() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    document = Encrypted(source(), _KEY, data_key_id=uuid4(), document_id=uuid4())
    with pytest.raises(ConnectionResetError):
        await joined(aiter(document))
    with pytest.raises(AssertionError):
        _ = document.sha256
