"""Seals the audit trail, and carries the end of the chain out of the database.

Each step is whole by itself, and the next run goes on where this one ended, wherever that was.
"""

import asyncio

from write_api.audit_anchors import anchor, append
from write_api.working.worker import Worker, queries

ROWS_MAX, _SEALS_MAX = 1_000, 500
_LOCK_MS = 200


async def seal(worker: Worker) -> int:
    """How many rows were sealed.

    Raises `LockTimeout` while somebody writes for too long, and what `audit_anchors.append` raises.
    """
    try:
        sealed = await _seal(worker)
    finally:
        await _anchor(worker)
    return sealed


async def _seal(worker: Worker) -> int:
    async with worker.sessions.connection() as connection:
        async with connection.transaction():
            await queries.wait_for_locks_at_most.value(connection, _LOCK_MS)
            horizon = await queries.audit_horizon.value(connection)
        sealed = 0
        while True:
            row = await queries.seal_audit.one(connection, horizon, ROWS_MAX)
            if row is None:
                return sealed
            sealed += row["row_count"]


async def _anchor(worker: Worker) -> None:
    while True:
        async with worker.sessions.connection() as connection:
            rows = await queries.select_unanchored_seals.many(connection, _SEALS_MAX)
        made = [
            anchor(worker.keys.keyed_hash, row["number"], row["last_id"], row["hash"], row["sealed_at"])
            for row in rows
        ]
        if not made:
            return
        await asyncio.to_thread(append, worker.settings.audit.anchor_file, made)
        async with worker.sessions.connection() as connection:
            for each in made:
                await queries.seal_anchored.value(connection, each.number)
