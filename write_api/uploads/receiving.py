"""A document on its way in: form, sniffed, sealed, stored, all in one stream; memory stays flat.

What lies in the storage without a committed row that names it is deleted when the request ends.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import msgspec
import structlog
from litestar import Request

from postgres.errors import DatabaseError
from service.http.problems import Problem
from write_api.acting import Act
from write_api.bodies import Faults
from write_api.data_keys import DataKey
from write_api.desk import Desk
from write_api.encryption.documents import Encrypted
from write_api.problems import MediaTypeRefused
from write_api.storage.errors import StorageError
from write_api.storage.keys import document_key
from write_api.uploads.errors import UploadMalformed, UploadTooLarge
from write_api.uploads.filenames import kept_filename
from write_api.uploads.multipart import Limits, Upload, read_multipart
from write_api.uploads.sniffing import Sniffed, Sniffer

log = structlog.get_logger(__name__)

FORM_BYTES = 64 * 1024
"""What the parts of a form around a file may take."""

CheckFields = Callable[[Mapping[str, str]], None]
IsThere = Callable[[UUID], Awaitable[bool]]


@dataclass(slots=True)
class Received:
    """A stored document that no row names yet. `data_key` None: it is stored as it came."""

    id: UUID
    stored_filename: str
    """Its key in the storage."""
    filename: str
    media_type: str
    size: int
    sha256: bytes
    fields: Mapping[str, str]
    data_key: DataKey | None = None
    is_named: bool = False
    is_committed: bool = False

    def named_by(self, act: Act) -> None:
        """Said in the transaction that inserts the row: the document stays if that is committed."""

        async def committed() -> None:
            self.is_committed = True

        self.is_named = True
        act.after.append(committed)


@asynccontextmanager
async def receiving(
    request: Request[Any, Any, Any],
    desk: Desk,
    *,
    is_there: IsThere,
    fields: Mapping[str, Callable[[str], object]],
    data_key: DataKey | None = None,
) -> AsyncIterator[Received]:
    """The one file of a form, stored, and encrypted with `data_key` if there is one.

    After the block it stays only if `named_by` was told and its transaction was committed; `is_there` is
    asked for the row when that is in doubt. `fields` are the form's other fields, all needed, each with its
    parser (`InvalidInput` is a fault). Sets the request's body hash: the same file, name and fields are the
    same body, whatever the boundary.
    Raises `UploadError`, `MediaTypeRefused`, `Invalid`, `TooLarge`, `StorageError`; nothing is stored then.
    """
    received = await _receive(request, desk, fields, data_key)
    try:
        request.scope["pend.body_hash"] = _hashed(received)  # type: ignore[typeddict-unknown-key]
        yield received
    finally:
        if not received.is_committed and not (
            received.is_named and await _may_be_there(received.id, is_there)
        ):
            await discard(desk, received.stored_filename)


async def discard(desk: Desk, stored_filename: str) -> None:
    """Delete what no row names any more; where the storage refuses, it is logged."""
    try:
        await desk.storage.delete(stored_filename)
    except StorageError as error:
        log.warning("a document stays in the storage", key=stored_filename, reason=str(error))


async def _receive(
    request: Request[Any, Any, Any],
    desk: Desk,
    fields: Mapping[str, Callable[[str], object]],
    data_key: DataKey | None,
) -> Received:
    bytes_max = desk.settings.storage.document_bytes_max
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "multipart/form-data":
        raise MediaTypeRefused("send the file in a form, as multipart/form-data")
    upload = await read_multipart(_body(request), kind, Limits(bytes_max + FORM_BYTES))
    filename = kept_filename(upload.filename)
    looked = _Looked(upload, filename, bytes_max, lambda given: _check_fields(fields, given))
    id_ = uuid4()
    key = document_key(id_)
    stored = looked.chunks()
    if data_key is not None:
        stored = aiter(Encrypted(stored, data_key.secret, data_key_id=data_key.id, document_id=id_))
    try:
        await desk.storage.put(key, stored)
    except asyncio.CancelledError:  # in its last instant it may have been whole
        await discard(desk, key)
        raise
    assert looked.sniffed is not None, "the stream was read to its end"
    return Received(
        id_,
        key,
        filename,
        looked.sniffed.media_type,
        looked.sniffed.size,
        looked.hash.digest(),
        dict(upload.fields),
        data_key,
    )


class _Looked:
    """What passes, hashed, counted and sniffed; an error ends the stream before the storage has it whole."""

    def __init__(self, upload: Upload, filename: str, bytes_max: int, check_fields: CheckFields) -> None:
        self.hash = hashlib.sha256()
        self.sniffed: Sniffed | None = None
        self._upload, self._bytes_max, self._check_fields = upload, bytes_max, check_fields
        self._sniffer = Sniffer(declared_type=upload.declared_type, filename=filename)
        self._size = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        async for chunk in self._upload.chunks:
            self._size += len(chunk)
            if self._size > self._bytes_max:
                raise UploadTooLarge("the file has more bytes than allowed", self._bytes_max)
            self._sniffer.feed(chunk)
            self.hash.update(chunk)
            yield chunk
        self._check_fields(self._upload.fields)
        self.sniffed = self._sniffer.finish()


async def _body(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    """The body as the edge bounds it. Litestar's ends at 10 MB and takes a lost client for a defect."""
    while True:
        message = await request.receive()
        if message["type"] != "http.request":
            raise UploadMalformed("the upload ended before it was whole")
        if body := message["body"]:
            yield body
        if not message.get("more_body", False):
            return


def _check_fields(parsers: Mapping[str, Callable[[str], object]], given: Mapping[str, str]) -> None:
    """Raises `Invalid` with every fault."""
    found = Faults()
    for name in given:
        if name not in parsers:
            found.add(name[:80], f"is not known here; known are {', '.join(sorted([*parsers, 'file']))}")
    for name, parser in parsers.items():
        if name not in given:
            found.add(name, "is missing")
        else:
            found.parse(name, parser, given[name])
    found.check()


def _hashed(received: Received) -> bytes:
    whole = [sorted(received.fields.items()), received.filename, received.sha256.hex()]
    return hashlib.sha256(msgspec.json.encode(whole)).digest()


async def _may_be_there(document_id: UUID, is_there: IsThere) -> bool:
    """Whether a row names it; yes where that cannot be known: a lost file is worse than one too many."""
    try:
        return await is_there(document_id)
    except (DatabaseError, Problem) as error:
        log.warning("a document may be without a row", document=str(document_id), reason=str(error))
        return True
