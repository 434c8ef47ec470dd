"""The same promises of a folder and of a bucket on a server that speaks S3."""

import asyncio
import hashlib
import os
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.s3_server import ACCESS_KEY_ID, BUCKET, REGION, SECRET_ACCESS_KEY, S3Server, s3_server
from tests.streams import joined, streamed
from write_api.encryption.documents import Decrypted, Encrypted
from write_api.encryption.errors import IntegrityBroken
from write_api.storage.errors import KeyRefused, ObjectMissing, StorageRefused, StorageUnavailable
from write_api.storage.keys import document_key
from write_api.storage.objects import Storage, open_bucket, open_folder

_MIB = 1024 * 1024


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        yield running


def _bucket(endpoint: str, bucket: str = BUCKET) -> Storage:
    return open_bucket(
        bucket,
        endpoint=endpoint,
        region=REGION,
        access_key_id=ACCESS_KEY_ID,
        secret_access_key=SECRET_ACCESS_KEY,
        allow_http=True,
    )


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    if request.param == "folder":
        yield open_folder(tmp_path / "documents")
        return
    running: S3Server = request.getfixturevalue("server")
    running.clear()
    yield _bucket(running.endpoint)
    assert running.unfinished() == []


async def _keys(storage: Storage, prefix: str = "a") -> set[str]:
    return {key async for key in storage.keys(prefix)}


async def _pieces(size: int, piece: int = 300_000) -> AsyncIterator[bytes]:
    for at in range(0, size, piece):
        yield bytes([at // piece % 251]) * min(piece, size - at)


@pytest.mark.parametrize("size", [0, 1, 5 * _MIB, 11 * _MIB + 7])
async def test_object_reads_back_in_pieces_as_it_was_stored(storage: Storage, size: int) -> None:
    expected = await joined(_pieces(size))
    assert await storage.put("a/b", _pieces(size)) == size
    pieces = [piece async for piece in storage.get("a/b")]
    assert hashlib.sha256(b"".join(pieces)).digest() == hashlib.sha256(expected).digest()
    assert max(map(len, pieces), default=0) <= _MIB


async def test_object_is_listed_replaced_and_deleted(storage: Storage) -> None:
    await storage.put("a/1", streamed([b"one"]))
    await storage.put("a/b/2", streamed([b"two"]))
    await storage.put("b/3", streamed([b"three"]))
    assert await _keys(storage) == {"a/1", "a/b/2"}
    await storage.put("a/1", streamed([b"other"]))
    assert await joined(storage.get("a/1")) == b"other"
    await storage.delete("a/1")
    await storage.delete("a/1")
    assert await _keys(storage) == {"a/b/2"}
    with pytest.raises(ObjectMissing, match="nothing is stored under a/1"):
        await joined(storage.get("a/1"))


@pytest.mark.parametrize("before", [0, 100, 12 * _MIB])
async def test_upload_that_breaks_leaves_nothing(storage: Storage, before: int) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        async for piece in _pieces(before):
            yield piece
        raise ConnectionResetError("the client is gone")

    with pytest.raises(ConnectionResetError):
        await storage.put("a/1", breaking())
    assert await _keys(storage) == set()


async def test_upload_that_breaks_keeps_what_was_there(storage: Storage) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield bytes(6 * _MIB)
        raise ConnectionResetError

    await storage.put("a/1", streamed([b"kept"]))
    with pytest.raises(ConnectionResetError):
        await storage.put("a/1", breaking())
    assert await joined(storage.get("a/1")) == b"kept"


async def test_upload_that_is_cancelled_leaves_nothing(storage: Storage) -> None:
    given, never = asyncio.Event(), asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        async for piece in _pieces(12 * _MIB):
            yield piece
        given.set()
        await never.wait()

    task = asyncio.create_task(storage.put("a/1", stalling()))
    await given.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await _keys(storage) == set()


async def test_several_uploads_at_once_are_kept_apart(storage: Storage) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(storage.put(f"a/{number}", streamed([bytes([number]) * 1000] * 20)))
    for number in range(8):
        assert await joined(storage.get(f"a/{number}")) == bytes([number]) * 20_000


@pytest.mark.parametrize("key", ["../a", "a/../../b", "/etc/passwd", "a//b", ""])
async def test_key_that_is_not_ours_is_refused_everywhere(storage: Storage, key: str) -> None:
    with pytest.raises(KeyRefused):
        await storage.put(key, streamed([b"x"]))
    with pytest.raises(KeyRefused):
        await joined(storage.get(key))
    with pytest.raises(KeyRefused):
        await storage.delete(key)
    with pytest.raises(KeyRefused):
        await _keys(storage, key)


async def test_storage_that_is_there_answers(storage: Storage) -> None:
    await storage.ping()


async def test_document_altered_or_swapped_in_the_storage_is_found(storage: Storage) -> None:
    data_key, data_key_id, ids = os.urandom(32), uuid4(), (uuid4(), uuid4())
    kept = {}
    for document_id in ids:
        encrypted = Encrypted(_pieces(700_000), data_key, data_key_id=data_key_id, document_id=document_id)
        await storage.put(document_key(document_id), aiter(encrypted))
        kept[document_id] = encrypted.sha256, encrypted.size

    async def read(document_id: object, chunks: AsyncIterator[bytes]) -> bytes:
        assert document_id == ids[0]
        sha256, size = kept[ids[0]]
        document = Decrypted(
            chunks, data_key, data_key_id=data_key_id, document_id=ids[0], sha256=sha256, size=size
        )
        return await joined(aiter(document))

    mine, other = (document_key(each) for each in ids)
    stored = await joined(storage.get(mine))
    assert b"\1" * 100 not in stored
    assert await read(ids[0], storage.get(mine)) == await joined(_pieces(700_000))
    with pytest.raises(IntegrityBroken):
        await read(ids[0], storage.get(other))
    for altered in (
        stored[:-1],
        stored[: len(stored) // 2],
        stored + b"\0",
        stored[:99] + bytes([stored[99] ^ 1]) + stored[100:],
    ):
        await storage.put(mine, streamed([altered]))
        with pytest.raises(IntegrityBroken):
            await read(ids[0], storage.get(mine))


def test_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    open_folder(tmp_path / "a" / "b")
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    (tmp_path / "open").mkdir(mode=0o755)
    with pytest.raises(StorageRefused, match="mode 0755, others may enter it; chmod 0700"):
        open_folder(tmp_path / "open")


async def test_folder_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    storage = open_folder(tmp_path / "a")
    (tmp_path / "a").rmdir()
    with pytest.raises(StorageUnavailable, match="folder is gone"):
        await storage.ping()


async def test_full_or_unfit_folder_breaks_the_upload_and_not_its_sender(tmp_path: Path) -> None:
    storage = open_folder(tmp_path / "a")
    (tmp_path / "a" / "x").write_bytes(b"")  # a file where a folder would have to be
    with pytest.raises(StorageUnavailable, match=r"could not store: .* at x/y"):
        await storage.put("x/y", _pieces(100 * _MIB))


def test_bucket_without_tls_is_refused_unless_allowed() -> None:
    with pytest.raises(StorageRefused, match="not https"):
        open_bucket(
            BUCKET, endpoint="http://127.0.0.1:1", region=REGION, access_key_id="", secret_access_key=""
        )


async def test_bucket_that_is_not_there_is_unavailable_and_no_secret_is_told(server: S3Server) -> None:
    storage = _bucket(server.endpoint, "other-bucket")
    with pytest.raises(StorageUnavailable, match="could not answer"):
        await storage.ping()
    with pytest.raises(StorageUnavailable, match="could not delete: its folder or bucket is missing"):
        await storage.delete("a/1")
    with pytest.raises(
        StorageUnavailable, match="could not store: its folder or bucket is missing"
    ) as caught:
        await storage.put("a/1", _pieces(20 * _MIB))
    assert SECRET_ACCESS_KEY not in str(caught.value)
    assert server.endpoint not in str(caught.value)


async def test_objects_in_the_bucket_are_what_another_client_reads(server: S3Server) -> None:
    await _bucket(server.endpoint).put("a/1", _pieces(6 * _MIB))
    found = server.client.get_object(Bucket=BUCKET, Key="a/1")
    with found["Body"] as body:
        assert body.read() == await joined(_pieces(6 * _MIB))
