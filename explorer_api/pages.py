"""Pages of lists: what was asked, what stands at their ends, and whether a cursor still holds."""

from dataclasses import dataclass
from typing import Any

import msgspec

from explorer_api import cursors
from explorer_api.cursors import Cursor, Key
from explorer_api.problems import CursorRetracted

LIMIT_MAX = 1_000
LIMIT_DEFAULT = 25


class Page(msgspec.Struct, frozen=True):
    """Where the list goes on. `next` is null at the end of the list, `previous` at its beginning."""

    limit: int
    next: str | None
    previous: str | None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """One page of one list. `listing` names the list with its filters, `key_types` the keys it goes along."""

    listing: str
    limit: int
    key_types: tuple[type[Key], ...]
    cursor: Cursor | None

    @classmethod
    def of(
        cls, listing: str, limit: int, cursor: str | None, key_types: tuple[type[Key], ...]
    ) -> "PageRequest":
        """Raises `CursorMalformed`."""
        decoded = None if cursor is None else cursors.decode(cursor, listing, key_types)
        return cls(listing, limit, key_types, decoded)

    @property
    def backward(self) -> bool:
        return self.cursor is not None and self.cursor.backward

    def arguments(self) -> list[Any]:
        """What every page query takes first: $1 limit, $2 backward, $3 cursor's sequence, $4… its keys."""
        if self.cursor is None:
            return [self.limit, False, None, *(None for _ in self.key_types)]
        return [self.limit, self.cursor.backward, self.cursor.sequence, *self.cursor.keys]

    def check(self, reorged_to: int | None, sequence: int) -> None:
        """`reorged_to`: the lowest ancestor of reorgs since the cursor was cut. Raises `CursorRetracted`."""
        cursor = self.cursor
        if cursor is None:
            return
        if cursor.sequence > sequence:
            raise CursorRetracted(
                f"the cursor was cut at sequence {cursor.sequence}, and this database is at {sequence}: its "
                "history is another; start again without a cursor",
                restart_block=0,
            )
        if cursor.block is not None and reorged_to is not None and cursor.block > reorged_to:
            raise CursorRetracted(
                f"block {cursor.block}, where the page ended, was replaced: both branches share block "
                f"{reorged_to} and below; drop what you have above it and start again without a cursor",
                restart_block=reorged_to,
            )

    def page(self, row: Any, *, block_key: int | None) -> Page:
        """The ends of `row`: its `first_key` and `last_key` in list order, and whether there is `more`."""
        first, last, more = row["first_key"], row["last_key"], row["more"]
        if self.backward:
            has_next, has_previous = True, more
        else:
            has_next, has_previous = more, self.cursor is not None
        return Page(
            limit=self.limit,
            next=self._cursor(last, row, block_key, backward=False) if has_next else None,
            previous=self._cursor(first, row, block_key, backward=True) if has_previous else None,
        )

    def _cursor(
        self, keys: list[str] | None, row: Any, block_key: int | None, *, backward: bool
    ) -> str | None:
        if keys is None:  # an empty page: stay where the cursor was
            if self.cursor is None:
                return None
            typed: tuple[Key, ...] = self.cursor.keys
        else:
            typed = tuple(kind(key) for kind, key in zip(self.key_types, keys, strict=True))
        block = None if block_key is None else int(typed[block_key])
        return cursors.encode(Cursor(typed, backward, row["sequence"], block), self.listing)
