"""Lists that look at so much for a page and no more: a page may be short, even empty, and still go on.

What a filter seeks may lie anywhere or nowhere. A page ends where its share of blocks or rows was looked at,
and its cursor goes on from there.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from explorer_api.pages import PageRequest
from explorer_api.reading import Explorer, Row
from explorer_api.windows import widening

ROWS_MAX = 4_000
"""Rows of one address that a page looks at for those that a filter wants."""

BLOCKS_MAX = 2_000
"""Blocks whose transactions a page looks at for those that a filter wants."""

CHUNKED_BLOCKS_MAX = 2_000_000
"""Blocks whose chunks a page opens for the rows of one contract."""

_AHEAD = 1_000


def is_chunked(explorer: Explorer) -> bool:
    """Whether facts are hypertables, where a statement must be told which blocks it is about."""
    return not explorer.reader.settings.plans_once


@dataclass(frozen=True, slots=True)
class Span:
    """The blocks a list is about, both included. A query is told low, high, whether the list ends there."""

    first: int
    last: int

    @classmethod
    def of(cls, explorer: Explorer, first: int | None, last: int | None) -> "Span":
        # The database may be ahead of what this process has heard.
        ahead = explorer.tip.head + _AHEAD
        return cls(first or 0, ahead if last is None else min(last, ahead))

    def start(self, request: PageRequest) -> int:
        """The block from which on a page is looked for."""
        key = self._key(request)
        return self.last if key is None else min(self.last, key)

    def _key(self, request: PageRequest) -> int | None:
        return None if request.cursor is None else int(request.cursor.keys[0])

    async def read(
        self,
        request: PageRequest,
        read: Callable[[int, int, bool], Awaitable[Row]],
        *,
        blocks: int,
        blocks_max: int,
        highest: int | None = None,
    ) -> Row:
        """Look at `blocks` at first and at `blocks_max` at most, from the cursor on, until a page is full.

        `highest`: towards the end of the list nothing above this block is wanted.
        """
        if request.backward:
            start = max(self.first, self._key(request) or 0)
            end = min(self.last, start + blocks_max - 1)
        else:
            start = self.start(request) if highest is None else min(self.start(request), highest)
            end = max(self.first, start - blocks_max + 1)
        row: Row = await widening(
            lambda low, high: read(low, high, high >= self.last if request.backward else low <= self.first),
            start=start,
            end=end,
            blocks=blocks,
            backward=request.backward,
            enough=lambda row: bool(row["is_full"]),
        )
        return row
