"""/api/v1/admin: dashboards of the platform, the database and the requests."""

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from service.http.problems import DatabaseAway
from write_api.acting import ADMIN, Act, queries
from write_api.answer import Answer, answer
from write_api.answers.overview import (
    Activity,
    AssetTotals,
    Counted,
    DashboardStats,
    DatabaseActivity,
    DatabaseHealth,
    OpenWork,
    PerformanceMetrics,
    TableSize,
)
from write_api.desk import Desk
from write_api.inputs import amounts
from write_api.performance import route_figures

_COUNTED_MAX, _TABLES, _ACTIVITY_ROWS = 10_000, 15, 100_000
_TOTALS_S = 1.0
_SUMMARISED = tuple(name for name in Counted.__struct_fields__ if name != "counted_at")
_Hours = Annotated[int, QueryParameter(name="hours", ge=1, le=168, description="Hours to look back.")]


class _KeptTotals:
    """The totals of all assets, summed anew after a second: dashboards of many ask at once."""

    def __init__(self) -> None:
        self._totals: list[AssetTotals] = []
        self._until = 0.0

    async def totals(self, act: Act) -> list[AssetTotals]:
        """Who acts has analytics.read."""
        now = time.monotonic()
        if now >= self._until:
            self._totals = [
                AssetTotals(
                    row["currency"],
                    row["assets"],
                    amounts.to_text(row["total_invested"]),
                    amounts.to_text(row["total_reserved"]),
                )
                for row in await act.many(queries.select_asset_totals)
            ]
            self._until = now + _TOTALS_S
        return self._totals


def routes(desk: Desk) -> Router:
    kept = _KeptTotals()

    @get(
        "/dashboard-stats",
        summary="The platform at a glance",
        operation_id="getDashboardStats",
        responses={200: ResponseSpec(DashboardStats, description="Summary and what waits now")},
        opt={"actor": ADMIN, "permission": "analytics.read"},
    )
    async def get_dashboard_stats(request: Request[Any, Any, Any]) -> Answer:
        async def read(act: Act) -> Answer:
            summary = await act.one(queries.select_platform)
            waiting = await act.one(queries.select_open_work, _COUNTED_MAX)
            if summary is None or waiting is None:
                raise DatabaseAway("the summaries are being made; try again soon", retry_after_s=5)
            counted = {name: msgspec.json.decode(summary[name]) for name in _SUMMARISED}
            totals = await kept.totals(act)
            stats = DashboardStats(
                msgspec.convert({"counted_at": summary["counted_at"], **counted}, Counted),
                OpenWork(**dict(waiting), counted_max=_COUNTED_MAX),
                totals,
            )
            return answer(stats)

        return await desk.office.run(request, read)

    @get(
        "/database-health",
        summary="The database server and the work in its background",
        operation_id="getDatabaseHealth",
        responses={200: ResponseSpec(DatabaseHealth, description="Figures of now")},
        opt={"actor": ADMIN, "permission": "system.read"},
    )
    async def get_database_health(request: Request[Any, Any, Any]) -> Answer:
        async def read(act: Act) -> Answer:
            row = await act.one(queries.select_database_health)
            assert row is not None, "who has the permission is given its row"
            values = dict(row)
            hit, fetched = values.pop("blocks_hit"), values.pop("blocks_read")
            tables = [TableSize(**dict(each)) for each in await act.many(queries.select_table_sizes, _TABLES)]
            share = hit / (hit + fetched) if hit + fetched else None
            return answer(DatabaseHealth(tables=tables, cache_hit_share=share, **values))

        return await desk.office.run(request, read)

    @get(
        "/database-activity",
        summary="What was changed lately, by hour and kind",
        operation_id="getDatabaseActivity",
        responses={200: ResponseSpec(DatabaseActivity, description="Changes, counted")},
        opt={"actor": ADMIN, "permission": "system.read"},
    )
    async def get_database_activity(request: Request[Any, Any, Any], hours: _Hours = 24) -> Answer:
        since = datetime.now(UTC) - timedelta(hours=hours)

        async def read(act: Act) -> Answer:
            rows = await act.many(queries.select_activity, since, _ACTIVITY_ROWS)
            looked_at = sum(row["changes"] for row in rows)
            found = [Activity(**dict(row)) for row in rows]
            return answer(DatabaseActivity(since, looked_at, looked_at < _ACTIVITY_ROWS, found))

        return await desk.office.run(request, read)

    @get(
        "/performance-metrics",
        summary="How requests fare, route by route",
        operation_id="getPerformanceMetrics",
        responses={200: ResponseSpec(PerformanceMetrics, description="Figures since the server began")},
        opt={"actor": ADMIN, "permission": "system.read"},
    )
    async def get_performance_metrics(request: Request[Any, Any, Any]) -> Answer:
        async def read(_act: Act) -> Answer:
            reader = desk.office.sessions
            figures = route_figures(desk.metrics.collect())
            return answer(PerformanceMetrics(figures, reader.busy, reader.connections))

        return await desk.office.run(request, read)

    return Router(
        "/admin",
        route_handlers=[
            get_dashboard_stats,
            get_database_health,
            get_database_activity,
            get_performance_metrics,
        ],
        tags=["overview"],
    )
