"""`pend-index redecode`: stored logs and calls decoded by the ABIs of today, without a node.

Rows are staged range by range, so that nothing is decoded twice, and exchanged for the old ones in one
transaction, while the daemon goes on. What is derived meanwhile, and what a reorg brings, is read by the ABIs
of today anyway: so the blocks to do are fixed at the start and can only become fewer.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import structlog

from indexer.decode.decoding import Child, Known, decode_range
from indexer.decode.errors import RedecodeOvertaken, RedecodeRuns
from indexer.decode.library import Library
from indexer.decode.redecode_job import Job, Request, begin, in_order, resume
from indexer.decode.redecode_staging import (
    Begin,
    Exchange,
    Part,
    Stager,
    delete_old,
    end_of,
    to_queues,
)
from indexer.decode.scopes import Filter, Scope
from indexer.derive.decoded_events import insert_children, to_tables
from indexer.derive.derivation import queries
from indexer.outbox import announce
from indexer.writer import queries as writer_queries
from postgres.connections import Connection, OwnConnection
from postgres.errors import Conflict, LockTimeout, translated
from postgres.migrations import require_current
from postgres.pool import DatabaseSettings, connect

log = structlog.get_logger(__name__)

ROWS_PER_COMMIT = 20_000
# Of many rows that are looked through, few are decoded.
_FILTERED = 10
_ATTEMPTS_MAX = 5


@dataclass(frozen=True, slots=True)
class Redecoded:
    """What was put in use: rows of these blocks."""

    first: int
    last: int
    events: int
    calls: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a redecode is."""

    first: int
    last: int
    decoded_to: int
    resumed: bool


OnProgress = Callable[[Progress], None]


async def redecode(
    database: DatabaseSettings,
    request: Request,
    on_progress: OnProgress = lambda _: None,
    *,
    rows_per_commit: int = ROWS_PER_COMMIT,
    reorg_blocks: int = 64,
) -> Redecoded:
    """Decode what `request` names; readers see the old rows until all the new ones are there.

    Rows of the last `reorg_blocks` are exchanged at the very end, when nobody derives: a reorg of blocks
    whose rows are exchanged already would have to wait. A run that was killed goes on when it is asked for
    again in the same words, unless ABIs have changed. Raises `AbiNotFound`, `AbiAmbiguous`,
    `NothingToRedecode`, `RedecodeRuns`, `RedecodeOvertaken`.
    """
    # The exchange lasts as long as the redecode.
    patient = replace(database, statement_timeout_s=0.0)
    async with _session(patient) as reader, _session(patient) as staging, _session(patient) as exchanging:
        with translated():
            await require_current(reader)
            if not await queries.try_redecode_lock.value(reader):
                raise RedecodeRuns
            job = await resume(reader, request) or await begin(reader, request)
            log.info(
                "redecode", first=job.first, last=job.last, decoded_to=job.decoded_to, resumed=job.resumed
            )
        rows_max = rows_per_commit * (1 if job.filter.holds_all else _FILTERED)
        for attempt in range(_ATTEMPTS_MAX):
            try:
                with translated():
                    return await _attempt(
                        (reader, staging, exchanging), job, (rows_max, reorg_blocks), on_progress
                    )
            except (RedecodeOvertaken, LockTimeout, Conflict) as error:
                if attempt == _ATTEMPTS_MAX - 1:
                    raise
                log.warning("redecode is put in use again", reason=str(error))
        raise AssertionError("the last attempt raises")


@asynccontextmanager
async def _session(database: DatabaseSettings) -> AsyncIterator[OwnConnection]:
    connection = await connect(database)
    try:
        yield connection
    finally:
        connection.terminate()


async def _attempt(
    connections: tuple[Connection, Connection, Connection],
    job: Job,
    limits: tuple[int, int],
    on_progress: OnProgress,
) -> Redecoded:
    """Exchange the rows of what is staged, and decode the rest; all or none of it is in use afterwards."""
    reader, staging, exchanging = connections
    rows_max, reorg_blocks = limits
    row = await queries.lock_redecode.one(reader, job.id)
    decoded = await writer_queries.select_decoded_range.one(reader)
    assert row is not None
    job.last = row["last_block"]
    head = decoded["derived_to"] if decoded is not None else -1
    settled_to = min(job.last, head - reorg_blocks)
    by_signature = not await queries.has_anonymous_events.value(reader)
    async with exchanging.transaction():
        exchange = Exchange(exchanging, job, by_signature)
        position = job.first
        for end in await _staged(exchanging, job):
            if end <= settled_to:
                await exchange.replay(position, end)
            position = end + 1
        await _decode(reader, Stager(staging, job), exchange, (position, settled_to), rows_max, on_progress)
        derived_to = await _lock(exchanging, job)
        position = job.first
        for end in await _staged(exchanging, job):
            if end > settled_to:
                await exchange.replay(position, end)
            position = end + 1
        if job.last >= job.first:
            await _record(exchange, derived_to)
            await announce(exchanging, "decoded", (job.first, job.last), [{"redecode": job.id}])
        await queries.end_redecode.exec(exchanging, job.id, "done")
    await queries.truncate_redecoded.exec(exchanging)
    return Redecoded(job.first, job.last, exchange.events, exchange.calls)


async def _staged(connection: Connection, job: Job) -> list[int]:
    """The last blocks of the staged ranges, as far as a reorg has left them."""
    rows = await queries.select_redecoded_ranges.many(connection, job.id)
    return [row["last_block"] for row in rows if row["last_block"] <= job.last]


async def _decode(
    reader: Connection,
    stager: Stager,
    exchange: Exchange,
    blocks: tuple[int, int],
    rows_max: int,
    on_progress: OnProgress,
) -> None:
    """Decode from the first of `blocks` to the end; up to the second they are exchanged as they come."""
    job = stager.job

    async def decode() -> None:
        position, settled_to = blocks
        while position <= job.last:
            on_progress(Progress(job.first, job.last, position - 1, job.resumed))
            limit = settled_to if position <= settled_to else job.last
            queues = [stager.parts] + [exchange.parts] * (position <= settled_to)
            async with reader.transaction(readonly=True):
                end = await queries.select_range_end.value(reader, position, limit, rows_max)
                await _put(queues, Begin(position, end))
                done = await decode_range(reader, position, end, [job.known], to_queues(queues))
            await _put(queues, end_of(end, done))
            position = end + 1
        on_progress(Progress(job.first, job.last, job.last, job.resumed))
        await _put([stager.parts, exchange.parts], None)

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(stager.run())
            tasks.create_task(exchange.run())
            tasks.create_task(decode())
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from group


async def _put(queues: Sequence[asyncio.Queue[Part | None]], part: Part | None) -> None:
    for queue in queues:
        await queue.put(part)


async def _lock(connection: Connection, job: Job) -> int:
    """Nobody derives or reverts from here on; how far events are decoded. Raises `RedecodeOvertaken`."""
    locked = await queries.lock_derivations.many(connection)
    row = await queries.lock_redecode.one(connection, job.id)
    assert row is not None
    if row["last_block"] < job.last:
        raise RedecodeOvertaken(job.last, row["last_block"])
    position: int = next(each["derived_to"] for each in locked if each["derivation"] == "decoded_events")
    return position


async def _record(exchange: Exchange, derived_to: int) -> None:
    """By which ABIs the rows were read, which children that found, and what is unknown now."""
    connection, job = exchange.connection, exchange.job
    scope_id = await queries.insert_decode_scope.value(
        connection, job.first, job.last, job.known.scope.version, *job.parts()
    )
    children = [child for child in job.known.children if child.block <= job.last]
    await insert_children(connection, children, scope_id)
    if job.to_last and children:
        await _decode_tail(exchange, children, (job.last + 1, derived_to))
    moved = {topic: count for topic, count in exchange.unknown.items() if count}
    if moved:
        await queries.add_unknown_topics.exec(connection, list(moved), list(moved.values()))
        await queries.delete_known_topics.exec(connection, list(moved))


async def _decode_tail(exchange: Exchange, children: Sequence[Child], blocks: tuple[int, int]) -> None:
    """Decode what children did since the redecode began: blocks derived meanwhile did not know of them."""
    first, last = blocks
    if last < first:
        return
    connection = exchange.connection
    state = await queries.share_abi_state.one(connection)
    assert state is not None
    held = Filter(frozenset(child.address for child in children))
    parts = in_order(held.addresses), None, None
    scope_id = await queries.insert_decode_scope.value(connection, first, last, state["version"], *parts)
    knowledge = await Library().knowledge(connection, state["stamp"], state["version"])
    known = Known(Scope(scope_id, first, last, state["version"], held), knowledge)
    await delete_old(connection, blocks, parts, exchange.unknown, by_signature=False)
    done = await decode_range(connection, first, last, [known], to_tables(connection))
    exchange.unknown.subtract(done.known)
