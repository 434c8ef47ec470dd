"""/api/v1/analytics: what users do, as their clients report it; administrators see counts alone."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, Router, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from write_api.acting import ADMIN, USER, Act, Row, queries
from write_api.answer import Answer, answer
from write_api.answers.analytics import (
    Activity,
    AssetPerformance,
    DayGrowth,
    DayVisitors,
    EventCount,
    EventCounts,
    Recorded,
    UserGrowth,
    VisitorCounts,
)
from write_api.bodies import faults
from write_api.callers import caller
from write_api.day_ranges import DAYS_MAX, FirstDay, LastDay, day_range
from write_api.desk import Desk
from write_api.inputs import events
from write_api.inputs.amounts import to_text
from write_api.pages import BY_TIME, LIMIT_DEFAULT, CursorText, Limit, Listed, PageRequest

_TYPES_MAX = 50
_DAYS_BY_HOUR_MAX = 7
_VISITOR_BYTES = 16
_PERMISSION = "analytics.read"

EventType = Annotated[
    str | None, Parameter(description="Events of this type alone.", pattern="^[a-z_]{1,50}$")
]
Category = Annotated[str | None, Parameter(description="Assets of this category alone.", max_length=255)]
By = Annotated[
    Literal["hour", "day"],
    Parameter(description=f"Hours are counted over {_DAYS_BY_HOUR_MAX} days at most.", required=False),
]


class ReportedEvent(msgspec.Struct):
    """Something that the user did. `asset_id` in the data is counted too; the rest only the user sees."""

    event_type: str
    event_data: dict[str, Any] = {}


class ReportedEvents(msgspec.Struct):
    """Up to 50 of them."""

    events: list[ReportedEvent]


def routes(desk: Desk) -> Router:
    @post(
        "/analytics/events",
        summary="Report what was done",
        operation_id="recordEvents",
        responses={201: ResponseSpec(Recorded, description="All of them were taken")},
        opt={"actor": USER},
    )
    async def record_events(request: Request[Any, Any, Any], data: ReportedEvents) -> Answer:
        kinds, texts, impersonal = _parsed(data.events)
        session = caller(request).signed_in().session

        async def record(act: Act) -> Answer:
            visitor = desk.keys.keyed_hash(f"visitor {datetime.now(UTC).date()}", str(act.me))
            await act.exec(queries.insert_analytics_events, visitor[:_VISITOR_BYTES], kinds, impersonal)
            await act.exec(queries.insert_user_analytics, act.me, session, kinds, texts)
            return answer(Recorded(len(kinds)), status=201)

        return await desk.office.write(request, record)

    @get(
        "/users/me/activity",
        summary="What you did",
        operation_id="listActivity",
        responses={200: ResponseSpec(Listed[Activity], description="Newest first")},
        opt={"actor": USER},
    )
    async def list_activity(
        request: Request[Any, Any, Any],
        event_type: EventType = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = None,
    ) -> Answer:
        page = PageRequest(f"own-activity {event_type}", limit, cursor, BY_TIME)

        async def read(act: Act) -> Answer:
            rows = await act.many(queries.list_own_activity, *page.arguments(), act.me, event_type)
            return answer(page.page(rows, ("timestamp", "id"), [_activity(row) for row in rows]))

        return await desk.office.run(request, read)

    @get(
        "/analytics/events",
        summary="Events by type and hour or day",
        operation_id="countEvents",
        responses={200: ResponseSpec(EventCounts, description=f"Of the {_TYPES_MAX} most frequent types")},
        opt={"actor": ADMIN, "permission": _PERMISSION},
    )
    async def count_events(
        request: Request[Any, Any, Any],
        first_day: FirstDay = None,
        last_day: LastDay = None,
        by: By = "day",
        event_type: EventType = None,
    ) -> Answer:
        begin, end = day_range(first_day, last_day, _DAYS_BY_HOUR_MAX if by == "hour" else DAYS_MAX)

        async def read(act: Act) -> Answer:
            rows = await act.many(queries.count_events, begin, end, by, event_type, _TYPES_MAX)
            return answer(EventCounts(begin, end, by, [EventCount(*row.values()) for row in rows]))

        return await desk.office.run(request, read)

    @get(
        "/analytics/visitors",
        summary="Visitors by day",
        operation_id="countVisitors",
        responses={200: ResponseSpec(VisitorCounts, description="Different visitors of each day")},
        opt={"actor": ADMIN, "permission": _PERMISSION},
    )
    async def count_visitors(
        request: Request[Any, Any, Any], first_day: FirstDay = None, last_day: LastDay = None
    ) -> Answer:
        begin, end = day_range(first_day, last_day)

        async def read(act: Act) -> Answer:
            rows = await act.many(queries.count_visitors, begin, end)
            return answer(VisitorCounts(begin, end, [DayVisitors(*row.values()) for row in rows]))

        return await desk.office.run(request, read)

    @get(
        "/analytics/assets",
        summary="How assets do",
        operation_id="listAssetPerformance",
        responses={200: ResponseSpec(Listed[AssetPerformance], description="Most invested first")},
        opt={"actor": ADMIN, "permission": _PERMISSION},
    )
    async def list_asset_performance(
        request: Request[Any, Any, Any],
        category: Category = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = None,
    ) -> Answer:
        page = PageRequest(f"asset-performance {category}", limit, cursor, (Decimal, UUID))

        async def read(act: Act) -> Answer:
            rows = await act.many(queries.list_asset_performance, *page.arguments(), category)
            return answer(page.page(rows, ("total_invested", "id"), [_performance(row) for row in rows]))

        return await desk.office.run(request, read)

    @get(
        "/analytics/users",
        summary="How many users joined, by day and tier",
        operation_id="countUserGrowth",
        responses={200: ResponseSpec(UserGrowth, description="Counts alone")},
        opt={"actor": ADMIN, "permission": _PERMISSION},
    )
    async def count_user_growth(
        request: Request[Any, Any, Any], first_day: FirstDay = None, last_day: LastDay = None
    ) -> Answer:
        begin, end = day_range(first_day, last_day)

        async def read(act: Act) -> Answer:
            rows = await act.many(queries.count_growth, begin, end)
            return answer(UserGrowth(begin, end, [DayGrowth(*row.values()) for row in rows]))

        return await desk.office.run(request, read)

    return Router(
        "/",
        route_handlers=[
            record_events,
            list_activity,
            count_events,
            count_visitors,
            list_asset_performance,
            count_user_growth,
        ],
        tags=["analytics"],
    )


def _parsed(given: list[ReportedEvent]) -> tuple[list[str], list[str], list[str]]:
    """Types, data, and what is kept of the data without a person. Raises `Invalid`."""
    with faults() as found:
        if not 1 <= len(given) <= events.BATCH_MAX:
            found.add("events", f"has {len(given)} events; 1 to {events.BATCH_MAX} are taken at once")
            found.check()
        kinds = [
            found.parse(f"events[{number}].event_type", events.parse_type, event.event_type)
            for number, event in enumerate(given)
        ]
        texts = [
            found.parse(f"events[{number}].event_data", events.parse_data, event.event_data)
            for number, event in enumerate(given)
        ]
    return kinds, texts, [events.impersonal(event.event_data) for event in given]


def _activity(row: Row) -> Activity:
    return Activity(
        row["id"],
        row["event_type"],
        msgspec.json.decode(row["event_data"]),
        row["session_id"],
        row["timestamp"],
    )


def _performance(row: Row) -> AssetPerformance:
    average = row["avg_investment_size"]
    return AssetPerformance(
        id=row["id"],
        title=row["title"],
        category=row["category"],
        total_invested=to_text(row["total_invested"]),
        investor_count=row["investor_count"],
        funding_percentage=f"{row['funding_percentage']:.2f}",
        total_investments=row["total_investments"],
        average_investment=None if average is None else to_text(round(average, 18)),
    )
