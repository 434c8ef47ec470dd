"""What was done, by one person and by all."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec


class Recorded(msgspec.Struct):
    """How many events were taken."""

    events: int


class Activity(msgspec.Struct):
    """Something that you did in the application."""

    id: UUID
    event_type: str
    event_data: dict[str, Any]
    session_id: UUID | None
    timestamp: datetime


class EventCount(msgspec.Struct):
    """Events of one type in one hour or day."""

    begins_at: datetime
    event_type: str
    events: int


class EventCounts(msgspec.Struct):
    """Hours or days without events are left out."""

    first_day: date
    last_day: date
    by: str
    data: list[EventCount]


class DayVisitors(msgspec.Struct):
    """One day (UTC). The same visitor on two days is not recognised."""

    day: date
    visitors: int
    events: int


class VisitorCounts(msgspec.Struct):
    """Days without visitors are left out."""

    first_day: date
    last_day: date
    data: list[DayVisitors]


class AssetPerformance(msgspec.Struct):
    """An active asset as the last summary found it; summaries are made every ten minutes."""

    id: UUID
    title: str
    category: str
    total_invested: str
    investor_count: int
    funding_percentage: str
    """Of the cap; 0 where there is none."""
    total_investments: int
    average_investment: str | None


class DayGrowth(msgspec.Struct):
    """Users who joined on one day (UTC), by the tier that they have now."""

    day: date
    tier: int
    joined: int


class UserGrowth(msgspec.Struct):
    """Days on which nobody joined are left out."""

    first_day: date
    last_day: date
    data: list[DayGrowth]
