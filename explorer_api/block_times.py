"""Which block stood at a time: by halving ranges of stored blocks, each probe one row by its number.

Times of blocks never fall with their numbers. Hours that are derived say where to begin.
"""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from explorer_api.problems import NotIndexed
from explorer_api.reading import Explorer, Row, queries
from postgres.connections import OwnConnection
from service.http.problems import BadParameter, NotFound

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?\Z")
_ALLOWED = "ISO 8601 with an offset, such as 2026-01-31T12:00:00Z, or seconds since 1970"
_TRIES = 4

Time = Callable[[int], Awaitable[datetime | None]]


def moment_of(field: str, text: str) -> datetime:
    """A time; without an offset it is UTC. Raises `BadParameter`."""
    try:
        if _SECONDS.match(text):
            return _EPOCH + timedelta(seconds=float(text))
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadParameter(field, text, _ALLOWED) from error


async def block_at(explorer: Explorer, moment: datetime, *, before: bool) -> Row:
    """The row of the last block up to a time, or of the first from it on.

    Raises `NotFound` where no stored block is on that side, `NotIndexed` where it lies in a gap.
    """
    for _ in range(_TRIES):
        async with explorer.reader.connection() as connection:
            number, neighbour = await _search(connection, moment, before=before)
        if number is None:
            side = "up to" if before else "from"
            raise NotFound(f"no indexed block was made {side} {moment.isoformat()}")
        row = await explorer.read(
            queries.select_block_at, number, number + (1 if before else -1), moment, before
        )
        if row["holds"]:
            break
    assert number is not None
    if row["next_to"] is None and (neighbour is not None or (not before and number > 0)):
        raise NotIndexed(
            f"block {number} is the nearest indexed one, and its neighbour in that direction is not indexed: "
            "the block of that time may be another"
        )
    return row


async def _search(
    connection: OwnConnection, moment: datetime, *, before: bool
) -> tuple[int | None, int | None]:
    """The stored block nearest to the time on the asked side, and the one on the other side of it."""

    async def time(number: int) -> datetime | None:
        found: datetime | None = await queries.select_block_time.value(connection, number)
        return found

    def is_low(made: datetime) -> bool:
        return made <= moment if before else made < moment

    above: int | None = None
    for covered in await queries.select_covered.many(connection):
        first, last = covered["first"], covered["last"]
        made = await time(first)
        if made is None or not is_low(made):
            above = first
            continue
        low, high = await _narrowed(connection, moment, first, last, time, is_low)
        below = await halve(low, high, time, is_low)
        if below < last:
            above = below + 1
        return (below, above) if before else (above, below)
    return (None, above) if before else (above, None)


async def _narrowed(
    connection: OwnConnection,
    moment: datetime,
    first: int,
    last: int,
    time: Time,
    is_low: Callable[[datetime], bool],
) -> tuple[int, int]:
    """Bounds within [first, last] of which the lower one is low: the hour's, where they are right."""
    hour = await queries.select_hour_bounds.one(connection, moment)
    if hour is None:
        return first, last
    low, high = max(first, hour["low"]), min(last, hour["high"])
    if low > high:
        return first, last
    made_low, made_high = await time(low), await time(high)
    if made_low is None or made_high is None or not is_low(made_low) or is_low(made_high):
        return first, last
    return low, high


async def halve(low: int, high: int, time: Time, is_low: Callable[[datetime], bool]) -> int:
    """The highest number in [low, high] whose time is low, given that the one of `low` is."""
    while low < high:
        middle = (low + high + 1) // 2
        made = await time(middle)
        if made is not None and is_low(made):
            low = middle
        else:
            high = middle - 1
    return low
