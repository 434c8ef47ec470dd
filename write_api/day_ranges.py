"""Ranges of days that reports are asked for, both ends included, bounded."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, TypeAlias

from litestar.params import Parameter

from service.http.problems import BadParameter

DAYS_MAX = 92
_DAYS_DEFAULT = 30

FirstDay: TypeAlias = Annotated[
    date | None, Parameter(description="First day (UTC); by default 30 days up to the last.")
]
LastDay: TypeAlias = Annotated[
    date | None, Parameter(description="Last day (UTC), included; by default today.")
]


def day_range(first: date | None, last: date | None, days_max: int = DAYS_MAX) -> tuple[date, date]:
    """Raises `BadParameter`."""
    end = last or datetime.now(UTC).date()
    if end == date.max:
        raise BadParameter("last_day", end, "an earlier day")
    begin = first or end - timedelta(min(_DAYS_DEFAULT - 1, days_max - 1, (end - date.min).days))
    days = (end - begin).days + 1
    if not 1 <= days <= days_max:
        raise BadParameter("first_day", begin, f"a day up to {end}, and {days_max} days at most")
    return begin, end
