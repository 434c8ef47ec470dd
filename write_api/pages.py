"""Pages of lists: newest first, by keys, never by number. A cursor names its list and filters."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Generic, TypeAlias, TypeVar
from uuid import UUID

import msgspec
from litestar.params import Parameter, QueryParameter

from service.http.problems import CursorMalformed

LIMIT_MAX, LIMIT_DEFAULT = 100, 25

Limit: TypeAlias = Annotated[
    int, Parameter(ge=1, le=LIMIT_MAX, description="Rows of a page at most.", required=False)
]
CursorText: TypeAlias = Annotated[
    str | None, QueryParameter(name="cursor", description="`next` of the page before.", max_length=512)
]

T = TypeVar("T")


class Listed(msgspec.Struct, Generic[T]):
    """A page of a list. `next` is the cursor of the page after it; null at the end."""

    data: list[T]
    next: str | None


class PageRequest:
    """Which page of which list is asked for. `arguments()` are the first parameters of its query."""

    def __init__(self, listing: str, limit: int, cursor: str | None, kinds: tuple[type, ...]) -> None:
        self.limit = limit
        self._listing = sha256(listing.encode()).digest()[:6]
        self.keys: tuple[Any, ...] = (None,) * len(kinds) if cursor is None else self._keys(cursor, kinds)

    def arguments(self) -> tuple[Any, ...]:
        """One row more than the page, and the keys of the last row before it, null on the first page."""
        return (self.limit + 1, *self.keys)

    def page(self, rows: Sequence[Any], keys: tuple[str, ...], shown: list[T]) -> Listed[T]:
        """`rows` are those of the query, `keys` the columns that the cursor holds.

        `shown` has one for each row, the one too many included.
        """
        if len(rows) <= self.limit:
            return Listed(shown, None)
        last = rows[self.limit - 1]
        packed = self._listing + msgspec.json.encode([last[key] for key in keys])
        return Listed(shown[: self.limit], urlsafe_b64encode(packed).decode().rstrip("="))

    def _keys(self, cursor: str, kinds: tuple[type, ...]) -> tuple[Any, ...]:
        try:
            packed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            if packed[:6] != self._listing:
                raise CursorMalformed("this cursor is of another list or filter; begin at the first page")
            keys: tuple[Any, ...] = msgspec.json.decode(packed[6:], type=tuple[kinds])  # type: ignore[valid-type]
        except (ValueError, msgspec.DecodeError, RecursionError):
            raise CursorMalformed("this is no cursor of this list; begin at the first page") from None
        return keys


BY_TIME: tuple[type, ...] = (datetime, UUID)
"""Keys of lists in order of time."""
BY_NUMBER: tuple[type, ...] = (int,)
