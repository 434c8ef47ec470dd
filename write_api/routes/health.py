"""/ping, probes, /api/v1/health and /metrics: always computed, never limited."""

from litestar import Router, get
from litestar.openapi.datastructures import ResponseSpec

from service.http.health import Probed
from service.http.metrics import MEDIA_TYPE
from write_api.acting import ANYONE
from write_api.answer import Answer, answer
from write_api.answers.health import HealthReport
from write_api.health import Health


def routes(health: Health) -> Router:
    @get("/ping", include_in_schema=False)
    async def ping() -> Answer:
        return Answer(b"pong", media_type_="text/plain; charset=utf-8")

    @get(
        "/health/live",
        summary="Whether this process runs",
        operation_id="getLiveness",
        responses={200: ResponseSpec(Probed, description="It does")},
    )
    async def live() -> Answer:
        return answer(Probed("alive"))

    @get(
        "/health/ready",
        summary="Whether this process can answer; 503 where it cannot",
        operation_id="getReadiness",
        responses={
            200: ResponseSpec(Probed, description="It can"),
            503: ResponseSpec(Probed, description="It cannot: the database does not answer"),
        },
    )
    async def ready() -> Answer:
        if await health.is_ready():
            return answer(Probed("ready"))
        return answer(Probed("not ready"), status=503)

    @get(
        "/api/v1/health",
        summary="How everything is that requests depend on; 503 when unhealthy",
        operation_id="getHealth",
        responses={
            200: ResponseSpec(HealthReport, description="healthy or degraded"),
            503: ResponseSpec(HealthReport, description="unhealthy: the database does not answer"),
        },
    )
    async def deep() -> Answer:
        report = await health.report()
        return answer(report, status=503 if report.status == "unhealthy" else 200)

    @get("/metrics", include_in_schema=False)
    async def metrics() -> Answer:
        return Answer(health.metrics.exposition(), media_type_=MEDIA_TYPE)

    return Router(
        "/", route_handlers=[ping, live, ready, deep, metrics], tags=["health"], opt={"actor": ANYONE}
    )
