"""What is over is removed: rows, files of erased users, and files that no row names."""

from datetime import UTC, datetime, timedelta

import structlog

from write_api.storage.errors import KeyRefused
from write_api.working.worker import Worker, queries

log = structlog.get_logger(__name__)

_FILES, _SWEPT_MAX = 100, 1_000
_FOLDERS = 256
_UNNAMED_FOR = timedelta(days=1)


async def tidy(worker: Worker) -> None:
    """Rows go first: a file that is left when this stops half-way has no row, and the sweep finds it."""
    async with worker.sessions.connection() as connection:
        unused = await queries.forget_expired.value(connection)
    for key in unused:
        await worker.storage.delete(key)
    await _delete_erased(worker)
    now = datetime.now(UTC)
    folder = int(now.timestamp() / worker.settings.worker.tidy_every_s) % _FOLDERS
    await sweep(worker, f"documents/{folder:02x}", now - _UNNAMED_FOR)


async def _delete_erased(worker: Worker) -> None:
    while not worker.stopping.is_set():
        async with worker.sessions.connection() as connection:
            rows = await queries.select_files_to_delete.many(connection, _FILES)
        for row in rows:
            await worker.storage.delete(row["stored_filename"])
            async with worker.sessions.connection() as connection:
                await queries.file_deleted.exec(connection, row["user_id"], row["stored_filename"])
        if len(rows) < _FILES:
            return


async def sweep(worker: Worker, prefix: str, before: datetime) -> int:
    """Delete what was stored before a time and has no row: uploads that broke after their last byte."""
    deleted = 0
    found: list[str] = []
    async for key in worker.storage.keys(prefix, before=before):
        found.append(key)
        if len(found) == _FILES:
            deleted += await _delete_unnamed(worker, found)
            found.clear()
        if deleted >= _SWEPT_MAX or worker.stopping.is_set():
            break
    return deleted + await _delete_unnamed(worker, found)


async def _delete_unnamed(worker: Worker, keys: list[str]) -> int:
    if not keys:
        return 0
    async with worker.sessions.connection() as connection:
        unnamed = [row["key"] for row in await queries.select_unnamed_files.many(connection, keys)]
    for key in unnamed:
        try:
            await worker.storage.delete(key)
        except KeyRefused:  # not one of ours
            continue
    if unnamed:
        log.info("deleted files that no row names", files=len(unnamed))
    return len(unnamed)
