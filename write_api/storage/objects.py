"""Objects in a folder or a bucket, written whole or not at all and read as streams; memory stays flat."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from write_api.storage.errors import ObjectMissing, StorageRefused, StorageUnavailable
from write_api.storage.keys import checked

_PART_BYTES = 5 * 1024 * 1024  # the least that S3 takes as a part
_READ_BYTES, _RANGE_BYTES, _HANDED_BYTES = 256 * 1024, 1024 * 1024, 1024 * 1024
_PARTS_AT_ONCE = 1
_ABORT_LIMIT_S = 30.0
_READ_LIMIT, _BODY_LIMIT, _RETRY_LIMIT = timedelta(seconds=30), timedelta(minutes=15), timedelta(seconds=20)
_PROBE = "ping"


class Storage:
    """Objects under keys of our own; made by `open_folder` and `open_bucket`."""

    def __init__(self, store: LocalStore | S3Store, folder: Path | None = None) -> None:
        self._store, self.folder = store, folder

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> int:
        """Store `chunks` under `key`, how many bytes; durable when it returns.

        An upload that breaks, by `chunks` or by being cancelled, leaves nothing, and what was there before;
        cancelled in its last instant it may leave the whole object, never a part.
        """
        checked(key)
        handed: asyncio.Queue[bytes | None] = asyncio.Queue(1)
        broken = False

        async def fed() -> AsyncIterator[bytes]:
            while (chunk := await handed.get()) is not None:
                yield chunk
            if broken:
                raise _Broken

        async def stored() -> None:
            with _translated("store", key):
                await obstore.put_async(
                    self._store,
                    key,
                    fed(),
                    use_multipart=True,
                    chunk_size=_PART_BYTES,
                    max_concurrency=_PARTS_AT_ONCE,
                )
                if self.folder is not None:
                    await asyncio.to_thread(_sync, self.folder, key)

        storing = asyncio.create_task(stored())
        storing.add_done_callback(lambda done: _end(done, handed))
        size = 0
        try:
            async for chunk in _gathered(chunks):
                await handed.put(chunk)
                size += len(chunk)
                if storing.done():
                    break
            if not storing.done():
                await handed.put(None)
            await asyncio.shield(storing)
        except BaseException:
            broken = True
            _empty(handed)
            handed.put_nowait(None)
            await asyncio.wait({storing}, timeout=_ABORT_LIMIT_S)
            raise
        return size

    async def get(self, key: str) -> AsyncIterator[bytes]:
        """The object, piece by piece; raises `ObjectMissing` at the first."""
        checked(key)
        with _translated("read", key):
            if self.folder is None:
                found = await obstore.get_async(self._store, key)
                async for piece in found.stream(_READ_BYTES):
                    yield piece
                return
            # A stream of the folder comes by 8 KiB, a change of thread each: eight times slower.
            size = (await obstore.head_async(self._store, key))["size"]
            for at in range(0, size, _RANGE_BYTES):
                length = min(_RANGE_BYTES, size - at)
                yield bytes(await obstore.get_range_async(self._store, key, start=at, length=length))

    async def delete(self, key: str) -> None:
        """Nothing lies under `key` afterwards; it need not have been there."""
        checked(key)
        with _translated("delete", key):
            try:
                await obstore.delete_async(self._store, key)
            except FileNotFoundError:
                if self.folder is None:  # S3 answers so when its bucket is missing, never for an object
                    raise

    async def keys(self, prefix: str, *, before: datetime | None = None) -> AsyncIterator[str]:
        """Every key below `prefix`, a name or names between slashes, in no order; stored `before` a time."""
        checked(prefix)
        with _translated("list", prefix):
            async for page in obstore.list(self._store, prefix=prefix):
                for found in page:
                    if before is None or found["last_modified"] < before:
                        yield found["path"]

    async def ping(self) -> None:
        """Raise `StorageUnavailable` unless objects can be listed and, in a folder, written."""
        if self.folder is not None and not os.access(self.folder, os.R_OK | os.W_OK | os.X_OK):
            raise StorageUnavailable("answer", "its folder is gone or not ours to write")
        with _translated("answer", _PROBE):
            async for _ in obstore.list(self._store, prefix=_PROBE):
                break


def open_folder(folder: Path) -> Storage:
    """A folder that only its owner enters; made if it is not there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o077:
        raise StorageRefused(f"{folder} has mode {mode:04o}, others may enter it; chmod 0700 {folder}")
    return Storage(LocalStore(folder), folder)


def open_bucket(
    bucket: str,
    *,
    endpoint: str,
    region: str,
    access_key_id: str,
    secret_access_key: str,
    path_style: bool = True,
    allow_http: bool = False,
) -> Storage:
    """A bucket that is there; its lifecycle rules should end multipart uploads that a crash left behind."""
    if urlsplit(endpoint).scheme != "https" and not allow_http:
        raise StorageRefused("the endpoint of the bucket is not https, and plain http was not allowed")
    store = S3Store(
        bucket,
        endpoint=endpoint,
        region=region,
        access_key_id=access_key_id,
        secret_access_key=secret_access_key,
        virtual_hosted_style_request=not path_style,
        client_options={
            "allow_http": allow_http,
            "connect_timeout": timedelta(seconds=5),
            "read_timeout": _READ_LIMIT,
            "timeout": _BODY_LIMIT,
        },
        retry_config={"max_retries": 3, "retry_timeout": _RETRY_LIMIT},
    )
    return Storage(store)


async def _gathered(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Larger chunks: each costs two changes of thread on its way to the store."""
    waiting: list[bytes] = []
    size = 0
    async for chunk in chunks:
        waiting.append(chunk)
        size += len(chunk)
        if size >= _HANDED_BYTES:
            yield b"".join(waiting)
            waiting.clear()
            size = 0
    if waiting:
        yield b"".join(waiting)


class _Broken(Exception):
    """Ends an upload that is not to be finished."""


@contextmanager
def _translated(operation: str, key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        if operation == "read":
            raise ObjectMissing(key) from error
        raise StorageUnavailable(operation, "its folder or bucket is missing") from error
    except (BaseError, OSError) as error:
        raise StorageUnavailable(operation, f"{type(error).__name__} at {key}") from error


def _end(storing: "asyncio.Task[None]", handed: "asyncio.Queue[bytes | None]") -> None:
    """Nobody waits to hand over what is no longer taken; a failure is seen where it is awaited."""
    _empty(handed)
    if not storing.cancelled():
        storing.exception()


def _empty(queue: "asyncio.Queue[bytes | None]") -> None:
    while not queue.empty():
        queue.get_nowait()


def _sync(folder: Path, key: str) -> None:
    """The object and its name are on the disk."""
    path = folder / key
    _fsync(path, os.O_RDONLY)
    for parent in path.parents:
        _fsync(parent, os.O_RDONLY | os.O_DIRECTORY)
        if parent == folder:
            return


def _fsync(path: Path, flags: int) -> None:
    opened = os.open(path, flags)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
