"""Figures over time: which span is asked for, and whether it is wholly past."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal, TypeAlias

from litestar.params import Parameter, QueryParameter

from explorer_api.answer import Lifetime
from explorer_api.block_times import moment_of
from explorer_api.problems import RangeTooWide
from explorer_api.reading import Row
from service.http.problems import BadParameter

POINTS_MAX = 10_000
_UNITS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
_DEFAULTS = {"hour": timedelta(days=7), "day": timedelta(days=365)}
_TIME = "ISO 8601, or seconds since 1970"

Interval: TypeAlias = Annotated[
    Literal["hour", "day"], Parameter(description="What one point sums up; hours and days are of UTC.")
]
From: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        name="from", description=f"First hour or day, as a time in it ({_TIME}); default: 7 days, or a year."
    ),
]
To: TypeAlias = Annotated[
    str | None,
    QueryParameter(name="to", description=f"Where to end ({_TIME}); default: with the newest block."),
]


@dataclass(frozen=True, slots=True)
class Span:
    """Hours or days from `begin` to before `end`; without them `length` up to the newest."""

    interval: str
    begin: datetime | None
    end: datetime | None
    length: timedelta

    @classmethod
    def of(cls, interval: str, begin: str | None, end: str | None) -> "Span":
        """Raises `BadParameter`, `RangeTooWide`."""
        first = None if begin is None else _moment("from", begin)
        last = None if end is None else _moment("to", end)
        if first is not None and last is not None:
            if first >= last:
                raise BadParameter("to", end, "a time after from")
            points = (last - first) / _UNITS[interval]
            if points > POINTS_MAX:
                raise RangeTooWide(
                    f"from and to are {points:,.0f} {interval}s apart, and one answer has at most "
                    f"{POINTS_MAX:,}; ask for less, or by day"
                )
        if first is not None and last is None:
            last = first + POINTS_MAX * _UNITS[interval]
        return cls(interval, first, last, _DEFAULTS[interval])

    def arguments(self) -> tuple[str, datetime | None, datetime | None, timedelta]:
        """Interval, first time, time after the last, and the length where these are not given."""
        return self.interval, self.begin, self.end, self.length

    def lifetime(self, row: Row) -> Lifetime:
        """FINAL when every hour and day of it is over and its blocks are final.

        `newest` of the row is the hour or day of the newest block, `last_block` the highest of the span.
        """
        newest, last_block, final = row["newest"], row["last_block"], row["finalized_number"]
        if self.begin is None or self.end is None or newest is None or last_block is None or final is None:
            return Lifetime.HEAD
        over = self.end <= newest and last_block <= final
        return Lifetime.FINAL if over else Lifetime.HEAD


def _moment(field: str, text: str) -> datetime:
    moment = moment_of(field, text)
    if not 1970 <= moment.year < 2200:
        raise BadParameter(field, text, "a time from 1970 to 2199")
    return moment
