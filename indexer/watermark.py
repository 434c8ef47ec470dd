"""The verified-up-to watermark: all that is stored, checked slowly from the lowest block up.

It moves only over blocks whose rows are what their hashes, roots, blooms, links and counts say, and stops
below the first that is not. A reorg cuts it in its own transaction (`writer.replace`).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from indexer.metrics import IndexerMetrics
from indexer.stages import Stage
from indexer.verify import Difference, verify_covered
from indexer.writer import queries
from postgres.connections import Connection
from postgres.errors import translated

log = structlog.get_logger(__name__)

_SLICES_PER_S = 20  # small slices: the follower shares this event loop
_NOTHING_NEW_S = 1.0
_CHECK_AGAIN_S = 30.0
_GIVE_WAY_S, _GIVE_WAY_MAX_S = 0.01, 1.0
_DIFFERENCE_MAX_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class Checked:
    """What is verified after a slice: blocks `first`…`last` (none: last < first), and what is in the way."""

    first: int
    last: int
    blocks: int
    differences: tuple[Difference, ...]


async def check_next(connection: Connection, blocks_max: int) -> Checked:
    """Check the next `blocks_max` blocks above the watermark and move it; the database alone is asked.

    Starts anew when lower blocks were stored meanwhile, so that it is contiguous from the lowest one.
    """
    with translated():
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            state = await queries.select_verification.one(connection)
            covered = await queries.select_lowest_coverage.one(connection)
            assert state is not None, "the migration puts the row there"
            first, position = state["first_block"], state["verified_to"] + 1
            if covered is None or position > covered["last"] >= covered["first"] == first:
                return Checked(first, state["verified_to"], 0, ())
            if covered["first"] != first:
                position = covered["first"] if covered["first"] < first else max(position, covered["first"])
                first = covered["first"]
            last = min(covered["last"], position + blocks_max - 1)
            differences = await verify_covered(connection, position, last)
        found = min((difference.number for difference in differences), default=last + 1)
        verified_to = max(position, found) - 1
        # A reorg since that snapshot has raised `resets`: then nothing is said and the slice comes again.
        said = await queries.advance_verification.value(
            connection,
            state["resets"],
            state["verified_to"],
            first,
            verified_to,
            str(differences[0])[:_DIFFERENCE_MAX_CHARACTERS] if differences else None,
        )
    if not said:
        return Checked(state["first_block"], state["verified_to"], 0, ())
    return Checked(first, verified_to, last - position + 1, tuple(differences))


async def keep_checking(
    connection: Connection,
    blocks_per_s: float,
    *,
    stage: Stage,
    metrics: IndexerMetrics,
    gives_way: Callable[[], bool],
    on_checked: Callable[[], None] = lambda: None,
) -> None:
    """Move the watermark for ever, `blocks_per_s` blocks a second at most, while `gives_way()` says no.

    A difference is counted and logged once, stops the watermark, and is looked at again from time to time.
    """
    loop = asyncio.get_running_loop()
    slice_blocks = max(1, round(blocks_per_s / _SLICES_PER_S))
    told: set[str] = set()
    while True:
        stage.busy = False
        await _give_way(gives_way)
        stage.busy = True
        started = loop.time()
        checked = await check_next(connection, slice_blocks)
        stage.progressed()
        on_checked()
        _tell(checked, told, metrics)
        stage.busy = False
        if checked.differences:
            await asyncio.sleep(_CHECK_AGAIN_S)
        elif checked.blocks:
            await asyncio.sleep(max(0.0, checked.blocks / blocks_per_s - (loop.time() - started)))
        else:
            await asyncio.sleep(_NOTHING_NEW_S)


def _tell(checked: Checked, told: set[str], metrics: IndexerMetrics) -> None:
    metrics.verified_to(checked.last if checked.last >= checked.first else None)
    if not checked.differences:
        if checked.blocks:
            metrics.verify_stopped_at(None)
        return
    first = checked.differences[0]
    metrics.verify_stopped_at(first.number)
    new = {str(difference) for difference in checked.differences} - told
    told |= new
    metrics.differed(len(new))
    if new:
        log.critical(
            "stored blocks are not what they should be; nothing is verified above",
            number=first.number,
            kind=first.kind,
            difference=str(first),
            differences=len(new),
        )


async def _give_way(gives_way: Callable[[], bool]) -> None:
    """Let the follower store a block first, but not for ever: one that lags must not hide a difference."""
    deadline = asyncio.get_running_loop().time() + _GIVE_WAY_MAX_S
    while gives_way() and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110  a flag, not an event
        await asyncio.sleep(_GIVE_WAY_S)
