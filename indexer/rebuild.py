"""Make a derived table anew beside the one in use, then write what differs, in one transaction.

The daemon goes on meanwhile: what it derives above the blocks that can still be replaced is added at the end,
while nobody else derives. Readers see the old rows until the new ones are all there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from indexer.derive.derivation import Derivation, queries
from indexer.derive.deriver import Position, positions
from indexer.errors import NotDerived, RebuildRunning, RebuildUndone
from indexer.settings import IndexerSettings
from indexer.writer import announce_derived
from postgres.connections import Connection
from postgres.errors import translated
from postgres.pool import connect

_SEARCH_PATH = "chain_rebuild, chain"
_DERIVATIONS = "derivations"


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What the swap of one table changed."""

    table: str
    removed: int
    added: int


async def rebuild(
    settings: IndexerSettings,
    derivations: Sequence[Derivation],
    *,
    on_progress: Callable[[int, int], None] = lambda _done, _last: None,
) -> list[Rebuilt]:
    """Derive `derivations` again from `backfill.from_block` on, and swap.

    Raises `RebuildRunning` when another one is at work, `NotDerived` where there is nothing to begin with,
    and `RebuildUndone` when a reorg has removed blocks that were taken for settled; nothing is changed then.
    """
    # One statement swaps a whole table.
    database = replace(
        settings.database_settings("pend-index rebuild"), search_path=_SEARCH_PATH, statement_timeout_s=0
    )
    connection = await connect(database)
    try:
        with translated():
            # A redecode writes the decoded tables beside the watermark.
            locks = (queries.try_rebuild_lock, queries.try_redecode_lock)
            if not all([await lock.value(connection) for lock in locks]):
                raise RebuildRunning
            return await _rebuild(connection, settings, derivations, on_progress)
    finally:
        connection.terminate()


async def _rebuild(
    connection: Connection,
    settings: IndexerSettings,
    derivations: Sequence[Derivation],
    on_progress: Callable[[int, int], None],
) -> list[Rebuilt]:
    tables = [table for each in derivations for table in each.tables]
    at = {each.derivation: each for each in await positions(connection)}
    if missing := [each.name for each in derivations if each.name not in at]:
        raise NotDerived(missing)
    first = await _first_block(connection, settings, [at[each.name] for each in derivations])
    # What a reorg may still replace waits for the end.
    settled = min(at[each.name].derived_to for each in derivations) - settings.follow.max_reorg_depth
    async with connection.transaction():
        for table in (*tables, _DERIVATIONS):
            await queries.begin_rebuild.value(connection, table)
        for each in derivations:
            await queries.begin_rebuilt_derivation.exec(connection, each.name, first)
    position = first
    while position <= settled:
        async with connection.transaction():
            position = await _next_range(connection, settings, derivations, position, settled)
        on_progress(position - 1, settled)
    async with connection.transaction():
        locked = {row["derivation"]: row for row in await queries.lock_derivations.many(connection)}
        derived_to = min(locked[each.name]["derived_to"] for each in derivations)
        if derived_to < position - 1:
            raise RebuildUndone(position - 1, derived_to)
        while position <= derived_to:
            position = await _next_range(connection, settings, derivations, position, derived_to)
            on_progress(position - 1, derived_to)
        rebuilt = [
            Rebuilt(table, **dict(await queries.swap_rebuilt.one(connection, table) or {}))
            for table in tables
        ]
        names = [each.name for each in derivations]
        await queries.update_first_block.exec(connection, names, first)
        await queries.update_derived_to.exec(connection, names, derived_to)
        for table in (*tables, _DERIVATIONS):
            await queries.end_rebuild.value(connection, table)
        await announce_derived(connection, first, max(first, derived_to))
    return rebuilt


async def _first_block(connection: Connection, settings: IndexerSettings, at: Sequence[Position]) -> int:
    """The block that the settings name where it is stored, else the one that it was derived from."""
    begun = min(each.first_block for each in at)
    wanted = settings.backfill.from_block
    covered_to = await queries.select_covered_to.value(connection, wanted)
    is_joined = covered_to is not None and covered_to >= max(each.derived_to for each in at)
    return wanted if wanted < begun and is_joined else begun


async def _next_range(
    connection: Connection,
    settings: IndexerSettings,
    derivations: Sequence[Derivation],
    first: int,
    last: int,
) -> int:
    """Derive the next range into the tables beside; the block after it."""
    end: int = await queries.select_range_end.value(connection, first, last, settings.derive.rows_per_commit)
    for each in derivations:
        await each.apply(connection, first, end)
    return end + 1
