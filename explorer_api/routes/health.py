"""/ping, probes, /api/v1/health and /metrics: always computed, never limited."""

import msgspec
from litestar import Router, get
from litestar.openapi.datastructures import ResponseSpec

from explorer_api.answer import JSON, Answer, AnswerResponse, Lifetime
from explorer_api.answers.health import HealthReport
from explorer_api.health import Health
from service.http.health import Probed
from service.http.metrics import MEDIA_TYPE

_KEPT_S = 0.2
_NOT_STORED = ((b"cache-control", b"no-store"),)


def routes(health: Health) -> Router:
    @get("/ping", include_in_schema=False)
    async def ping() -> AnswerResponse:
        return _live(b"pong", media_type="text/plain; charset=utf-8")

    @get(
        "/health/live",
        summary="Whether this process runs",
        operation_id="getLiveness",
        responses={200: ResponseSpec(Probed, description="It does")},
    )
    async def live() -> AnswerResponse:
        return _live(msgspec.json.encode(Probed("alive")))

    @get(
        "/health/ready",
        summary="Whether this process can answer; 503 where it cannot",
        operation_id="getReadiness",
        responses={
            200: ResponseSpec(Probed, description="It can"),
            503: ResponseSpec(Probed, description="It cannot: the database does not answer"),
        },
    )
    async def ready() -> AnswerResponse:
        if await health.is_ready():
            return _live(msgspec.json.encode(Probed("ready")))
        return _live(msgspec.json.encode(Probed("not ready")), status=503)

    @get(
        "/api/v1/health",
        summary="How everything is that answers depend on; 503 when unhealthy",
        operation_id="getHealth",
        responses={
            200: ResponseSpec(HealthReport, description="healthy or degraded"),
            503: ResponseSpec(HealthReport, description="unhealthy: the database does not answer"),
        },
    )
    async def deep() -> AnswerResponse:
        report = await health.report()
        status = 503 if report.status == "unhealthy" else 200
        return _live(msgspec.json.encode(report), status=status, ttl_s=_KEPT_S)

    @get("/metrics", include_in_schema=False)
    async def metrics() -> AnswerResponse:
        return _live(health.metrics.exposition(), media_type=MEDIA_TYPE)

    return Router("/", route_handlers=[ping, live, ready, deep, metrics], tags=["health"])


def _live(body: bytes, *, media_type: str = JSON, status: int = 200, ttl_s: float = 0.0) -> AnswerResponse:
    headers = () if status == 200 else _NOT_STORED
    return AnswerResponse(
        Answer(body, 0, Lifetime.LIVE, ttl_s, media_type=media_type, status=status, headers=headers)
    )
