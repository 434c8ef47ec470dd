"""Exports: a COPY of one snapshot to one client, as fast as the client reads, with an end mark as last line.

A file without its end mark was cut off. The rows are PostgreSQL's own text: nothing of them is held here but
a bounded queue of chunks.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import msgspec
from litestar import MediaType, Response
from litestar.types import ASGIApp, Receive, Scope, Send

from evm.primitives import to_hex
from explorer_api.reading import Explorer, Row, meta_of
from postgres.connections import OwnConnection
from postgres.errors import DatabaseError, translated
from postgres.pool import connect
from postgres.queries import Query

CHUNK_BYTES = 64 * 1024
CHUNKS_MAX = 8
_CLOSING_S = 5.0


class Format(StrEnum):
    CSV = "csv"
    NDJSON = "ndjson"

    @property
    def media_type(self) -> str:
        return "text/csv; charset=utf-8" if self is Format.CSV else "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Export:
    """What to write: the query takes first block, last block and rows, then `arguments`."""

    name: str
    format: Format
    query: Query
    first: int
    last: int
    rows_max: int
    arguments: tuple[Any, ...]

    @property
    def file_name(self) -> str:
        return f"pend-{self.name}-{self.first}-{self.last}.{self.format}"

    def end_mark(self, rows: int, bounds: Row, *, truncated: bool) -> bytes:
        """The last line: how many rows there are above it, and of which chain they are."""
        number, hash_, sequence = bounds["head_number"], to_hex(bounds["head_hash"]), bounds["sequence"]
        if self.format is Format.CSV:
            mark = f"# end rows={rows} block={number} hash={hash_} sequence={sequence}"
            return f"{mark} truncated={str(truncated).lower()}\n".encode()
        mark_of_json = {
            "end": True,
            "rows": rows,
            "block_number": number,
            "block_hash": hash_,
            "sequence": sequence,
            "truncated": truncated,
        }
        return msgspec.json.encode(mark_of_json) + b"\n"


@asynccontextmanager
async def snapshot(explorer: Explorer) -> AsyncIterator[OwnConnection]:
    """A session of its own in one read-only snapshot; a statement that still runs at its end is cancelled."""
    settings = replace(
        explorer.settings.database_settings("pend-explorer export"),
        statement_timeout_s=explorer.settings.queries.export_timeout_s,
    )
    connection = await connect(settings)
    try:
        with translated():
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                yield connection
    finally:
        with suppress(Exception):  # what ended it is told already; this only says goodbye
            await connection.close(timeout=_CLOSING_S)


async def copied(
    connection: OwnConnection, export: Export, bounds: Row, put: Callable[[bytes], Coroutine[Any, Any, None]]
) -> None:
    """Hand every chunk of the export to `put`, however long that takes; the end mark is last."""
    pending = bytearray()

    async def take(piece: bytes) -> None:
        pending.extend(piece)
        if len(pending) >= CHUNK_BYTES:
            chunk = bytes(pending)
            pending.clear()
            await put(chunk)

    arguments = (export.first, export.last, export.rows_max, *export.arguments)
    with translated():
        tag = await connection.copy_from_query(
            _statement(export),
            *arguments,
            output=take,
            format="csv",
            **_options(export.format),
        )
        rows = int(tag.rpartition(" ")[2])
        truncated = rows == export.rows_max and await _goes_on(connection, export)
    await put(bytes(pending) + export.end_mark(rows, bounds, truncated=truncated))


def _statement(export: Export) -> str:
    if export.format is Format.CSV:
        return export.query.sql
    return f"SELECT row_to_json(e) FROM (\n{export.query.sql}\n) AS e"  # noqa: S608  the query is one of ours


def _options(format_: Format) -> dict[str, Any]:
    """JSON has no control characters, so as marks they make COPY write it as it is, a document a line."""
    if format_ is Format.CSV:
        return {"header": True}
    return {"delimiter": "\x02", "quote": "\x01", "escape": "\x01"}


async def _goes_on(connection: OwnConnection, export: Export) -> bool:
    """Whether there is one row more than may be exported."""
    statement = f"SELECT count(*) FROM (\n{export.query.sql}\n) AS e"  # noqa: S608  likewise
    arguments = (export.first, export.last, export.rows_max + 1, *export.arguments)
    return bool(await connection.fetchval(statement, *arguments) > export.rows_max)


class ExportResponse(Response[Any]):
    """Streams an export that is opened already; `held` is given up when the client has it all or is gone."""

    def __init__(
        self,
        explorer: Explorer,
        export: Export,
        bounds: Row,
        connection: OwnConnection,
        held: AsyncExitStack,
    ) -> None:
        super().__init__(content=b"", media_type=MediaType.TEXT)
        self._explorer = explorer
        self._export = export
        self._bounds = bounds
        self._connection = connection
        self._held = held

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIApp:  # type: ignore[override]
        async def stream(scope: Scope, receive: Receive, send: Send) -> None:
            if scope.get("pend.head"):
                await _released(self._held)
                await send({"type": "http.response.start", "status": 200, "headers": self._headers()})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            work = asyncio.create_task(self._stream(send))
            gone = asyncio.create_task(_disconnected(receive))
            try:
                await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
                if work.done():
                    work.result()
            finally:
                # Whoever cancels this must not cancel the cancelling of the statement.
                gone.cancel()
                await asyncio.shield(asyncio.create_task(_ended(work, self._held)))

        return stream

    async def _stream(self, send: Send) -> None:
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(CHUNKS_MAX)

        async def copy() -> None:
            try:
                await copied(self._connection, self._export, self._bounds, queue.put)
            except Exception:
                await queue.put(None)
                raise
            await queue.put(None)

        async with asyncio.timeout(self._explorer.settings.queries.export_timeout_s):
            copying = asyncio.create_task(copy())
            try:
                chunk = await queue.get()
                if chunk is not None:  # else it has failed, which may still be told
                    await send({"type": "http.response.start", "status": 200, "headers": self._headers()})
                while chunk is not None:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                    chunk = await queue.get()
                await copying
                await _released(self._held)  # first: who has read all may ask for the next at once
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            finally:
                copying.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await copying

    def _headers(self) -> list[tuple[bytes, bytes]]:
        meta = meta_of(self._bounds, final=False)
        headers = {
            "content-type": self._export.format.media_type,
            "content-disposition": f'attachment; filename="{self._export.file_name}"',
            "cache-control": "no-store",
            "pend-block-number": str(meta.block_number),
            "pend-block-hash": meta.block_hash,
            "pend-finality": meta.finality,
            "pend-sequence": str(meta.sequence),
        }
        return [(name.encode(), value.encode()) for name, value in headers.items()]


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _ended(work: "asyncio.Task[None]", held: AsyncExitStack) -> None:
    work.cancel()
    with suppress(asyncio.CancelledError, Exception):
        await work
    await _released(held)


async def _released(held: AsyncExitStack) -> None:
    with suppress(DatabaseError):
        await held.aclose()
