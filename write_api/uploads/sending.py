"""A stored document on its way out: opened, compared with what was kept, and given as an attachment.

What is not what was stored never comes to its last byte, and is a critical security event.
"""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID

import structlog
from litestar import Request

from postgres.errors import DatabaseError, translated
from write_api.acting import Act
from write_api.answer import Answer
from write_api.callers import caller
from write_api.data_keys import DataKey
from write_api.desk import Desk
from write_api.encryption.documents import Decrypted
from write_api.encryption.errors import IntegrityBroken
from write_api.storage.errors import ObjectMissing

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a row says of a stored document. `data_key` None: it is stored as it came."""

    id: UUID
    stored_filename: str
    filename: str
    media_type: str
    size: int
    sha256: bytes
    data_key: DataKey | None = None
    owner: UUID | None = None
    """The user whom it is about."""


async def attachment(request: Request[Any, Any, Any], desk: Desk, kept: Kept) -> Answer:
    """The document as a download, streamed after the transaction.

    Raises `IntegrityBroken` and `StorageError` as far as they show at its beginning; later ones break the
    connection off.
    """
    chunks = _watched(request, desk, kept)
    first = await anext(chunks)
    return Answer(
        media_type_=kept.media_type,
        headers_=(
            (b"content-disposition", disposition(kept.filename)),
            (b"content-length", b"%d" % kept.size),
        ),
        chunks=_joined(first, chunks),
    )


def disposition(filename: str) -> bytes:
    """PURE. Content-Disposition of a name that `kept_filename` gave (RFC 6266): plain, and in full."""
    plain = "".join(sign if sign.isascii() and sign not in '"\\%;' else "_" for sign in filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}".encode("ascii")


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


async def _watched(request: Request[Any, Any, Any], desk: Desk, kept: Kept) -> AsyncIterator[bytes]:
    stored = desk.storage.get(kept.stored_filename)
    if kept.data_key is None:
        opened = _compared(stored, kept)
    else:
        opened = aiter(
            Decrypted(
                stored,
                kept.data_key.secret,
                data_key_id=kept.data_key.id,
                document_id=kept.id,
                sha256=kept.sha256,
                size=kept.size,
            )
        )
    try:
        async for chunk in opened:
            yield chunk
    except ObjectMissing:
        broken = IntegrityBroken(kept.id, "nothing lies under its key")
        await _report(request, desk, kept, broken)
        raise broken from None
    except IntegrityBroken as broken:
        await _report(request, desk, kept, broken)
        raise


async def _compared(chunks: AsyncIterator[bytes], kept: Kept) -> AsyncIterator[bytes]:
    """What is stored as it came; the last piece is held back until everything was compared."""
    digest, size, held = hashlib.sha256(), 0, b""
    async for chunk in chunks:
        if held:
            yield held
        digest.update(chunk)
        size += len(chunk)
        held = chunk
    if (digest.digest(), size) != (kept.sha256, kept.size):
        raise IntegrityBroken(kept.id, "its SHA-256 or size is not the one kept")
    yield held


async def _report(request: Request[Any, Any, Any], desk: Desk, kept: Kept, broken: IntegrityBroken) -> None:
    """In a transaction of nobody's: that of the request has ended, and its session may have."""
    who = caller(request)
    log.error("a document is not what was stored", request_id=who.request_id, reason=str(broken))
    claims = who.claims
    admin = claims.subject if claims is not None and claims.kind == "admin" else None
    try:
        with translated():
            async with desk.office.sessions.connection() as connection, connection.transaction():
                await Act(connection, who, desk.keys).security_event(
                    "document_integrity",
                    "critical",
                    user=kept.owner,
                    admin=admin,
                    taken="download refused",
                    document=str(kept.id),
                    fault=str(broken),
                )
    except DatabaseError as error:
        log.warning("a security event was not kept", request_id=who.request_id, reason=str(error))
