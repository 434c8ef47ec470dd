"""Clones (EIP-1167) are known once their code was fetched: what they did before is read anew then.

Only where that ABI was in force already: one that is added later reads older blocks by `pend-index redecode`.
"""

import asyncio
from uuid import UUID

import structlog

from indexer.decode.errors import NothingToRedecode, RedecodeOvertaken, RedecodeRuns
from indexer.decode.redecode import redecode
from indexer.decode.redecode_job import Request
from indexer.derive.derivation import queries
from indexer.settings import IndexerSettings
from postgres import errors as database_errors
from postgres.connections import Connection
from postgres.errors import translated
from postgres.pool import connect

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 5.0
_CLONES_MAX = 500


async def follow_clones(settings: IndexerSettings, look_every_s: float = LOOK_EVERY_S) -> None:
    """Decode what clones did before they became known, for ever; a database that is away is waited for."""
    database = settings.database_settings("pend-index redecode")
    looked: tuple[UUID, int] | None = None
    while True:
        try:
            connection = await connect(database)
            try:
                state = await _state(connection)
                request = None if state == looked else await unread_clones(connection)
            finally:
                connection.terminate()
            if request is None:
                looked = state
            else:
                done = await redecode(database, request, reorg_blocks=settings.follow.max_reorg_depth)
                log.info("clones decoded", clones=len(request.addresses or ()), events=done.events)
                continue
        except (RedecodeRuns, RedecodeOvertaken, NothingToRedecode, database_errors.Retryable) as error:
            log.info("clones are decoded later", reason=str(error))
        await asyncio.sleep(look_every_s)


async def unread_clones(connection: Connection) -> Request | None:
    """What to decode for clones that became known; None: nothing, or an operator's redecode is unfinished."""
    with translated():
        rows = await queries.select_unread_clones.many(connection, _CLONES_MAX)
        if not rows:
            return None
        addresses = tuple(sorted(row["address"] for row in rows))
        request = Request(addresses, first=min(row["block_number"] for row in rows))
        unfinished = await queries.select_redecode.one(connection)
        return request if unfinished is None or unfinished["request"] == request.text else None


async def _state(connection: Connection) -> tuple[UUID, int]:
    with translated():
        state = await queries.select_abi_state.one(connection)
    assert state is not None
    return state["stamp"], state["version"]
