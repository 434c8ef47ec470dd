"""Ranges of blocks in which the next rows of a list lie: small ones first, so that few chunks are opened.

A statement over a hypertable opens every chunk between its bounds (FACTS.md 2). Most pages lie near where
they begin; where they do not, the range grows until it holds a page or reaches the end of what is stored.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

GROWTH = 16


class Found(Protocol):
    def __getitem__(self, key: str) -> Any: ...


async def widening(
    read: Callable[[int, int], Awaitable[Found]],
    *,
    start: int,
    end: int,
    blocks: int,
    backward: bool,
    enough: Callable[[Found], bool],
) -> Any:
    """Read [low, high] from `start` towards `end` (both included), `blocks` wide at first, until `enough`.

    The list runs from high numbers to low ones; `backward` runs the other way.
    """
    width = blocks
    while True:
        if backward:
            low, high = start, min(end, start + width - 1)
            last = high >= end
        else:
            low, high = max(end, start - width + 1), start
            last = low <= end
        row = await read(low, high)
        if last or enough(row):
            return row
        width *= GROWTH
