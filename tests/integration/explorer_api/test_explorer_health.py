"""Probes, deep health and metrics, of an explorer whose parts are well, slow, or gone."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from explorer_api.answers.health import HealthReport
from service.embedded_redis import EmbeddedRedis
from service.http.health import PART_S, Probe
from tests.integration.explorer_api.explorers import Explored, Serving, explorer_process

Sql = psycopg.Connection[dict[str, Any]]


async def _report(session: aiohttp.ClientSession) -> tuple[int, HealthReport, str]:
    async with session.get("/api/v1/health") as answer:
        body = await answer.read()
        assert answer.headers["Cache-Control"] == ("no-cache" if answer.status == 200 else "no-store")
        return answer.status, msgspec.json.decode(body, type=HealthReport), body.decode()


async def _becomes(session: aiohttp.ClientSession, status: str) -> tuple[int, HealthReport, str]:
    async with asyncio.timeout(30):
        while True:
            found = await _report(session)
            if found[1].status == status:
                return found
            await asyncio.sleep(0.1)


async def _metrics(session: aiohttp.ClientSession) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    async with session.get("/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain")
        text = await answer.text()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@contextmanager
def _forbidden(dsn: str) -> Iterator[None]:
    """Nobody may connect to this database, and nobody is connected."""
    name = dsn.rpartition("/")[2]
    with psycopg.connect(dsn.rpartition("/")[0] + "/postgres", autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
        try:
            yield
        finally:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())


async def test_probes_of_a_well_explorer(api: aiohttp.ClientSession) -> None:
    for path, body in (
        ("/ping", b"pong"),
        ("/health/live", b'{"status":"alive"}'),
        ("/health/ready", b'{"status":"ready"}'),
    ):
        async with api.get(path) as answer:
            assert (answer.status, await answer.read()) == (200, body)
            assert answer.headers["Cache-Control"] == "no-cache"
            assert "RateLimit-Limit" not in answer.headers


async def test_health_of_a_well_explorer_tells_every_part(
    api: aiohttp.ClientSession, sql: Sql, explored: Explored, serving: Serving
) -> None:
    status, report, text = await _becomes(api, "healthy")
    assert status == 200
    parts = report.parts
    row = sql.execute("SELECT outbox_sequence FROM chain_state").fetchone()
    assert row is not None
    assert (parts.outbox.sequence, parts.outbox.behind_s) == (row["outbox_sequence"], 0)
    assert (parts.indexing.head_number, parts.indexing.lag_blocks) == (explored.head, 0)
    assert parts.node.head_number == explored.head
    assert parts.indexing.head_age_s is not None
    assert parts.memory.used_bytes is not None
    assert parts.memory.used_bytes > 2**20
    assert parts.disk.free_bytes is not None
    for address in (explored.dsn, explored.node_url, serving.url, "127.0.0.1", "/home", "/tmp"):
        assert address not in text


async def test_health_without_redis_is_degraded_and_well_again(explored: Explored, tmp_path: Path) -> None:
    server = EmbeddedRedis()
    server.start()
    try:
        with explorer_process(
            explored.dsn, tmp_path, node_url=explored.node_url, redis_url=server.url
        ) as started:
            async with aiohttp.ClientSession(started.url) as session:
                assert (await _becomes(session, "healthy"))[0] == 200
                assert (await _metrics(session))["pend_explorer_redis_up", ()] == 1
                server.stop()
                status, report, text = await _becomes(session, "degraded")
                assert (status, report.parts.redis.status) == (200, "unavailable")
                assert report.parts.database.status == "healthy"
                assert "127.0.0.1" not in text
                assert (await _metrics(session))["pend_explorer_redis_up", ()] == 0
                async with session.get("/health/ready") as answer:
                    assert answer.status == 200
    finally:
        server.stop()


async def test_health_without_database_is_unhealthy_and_well_again(
    explored: Explored, tmp_path: Path
) -> None:
    with explored.clone() as dsn, explorer_process(dsn, tmp_path, node_url=explored.node_url) as started:
        async with aiohttp.ClientSession(started.url) as session:
            status, report, _ = await _becomes(session, "healthy")
            assert report.parts.redis.status == "off"
            with _forbidden(dsn):
                status, report, text = await _becomes(session, "unhealthy")
                assert (status, report.parts.database.status) == (503, "unavailable")
                assert "127.0.0.1" not in text
                assert "ALLOW" not in text
                async with session.get("/health/ready") as answer:
                    assert (answer.status, await answer.json()) == (503, {"status": "not ready"})
                async with session.get("/health/live") as answer:
                    assert answer.status == 200
            assert (await _becomes(session, "healthy"))[0] == 200
            async with session.get("/health/ready") as answer:
                assert answer.status == 200


async def test_metrics_count_requests_of_every_worker(explored: Explored, tmp_path: Path) -> None:
    asked = 40
    with explorer_process(explored.dsn, tmp_path, http__workers=2) as started:
        for _ in range(asked):
            async with (
                aiohttp.ClientSession(started.url) as session,
                session.get("/api/v1/blocks/1", headers={"Connection": "close"}) as answer,
            ):
                assert answer.status == 200
        async with aiohttp.ClientSession(started.url) as session, asyncio.timeout(30):
            while True:
                found = await _metrics(session)
                counted = sum(
                    count
                    for (name, labels), count in found.items()
                    if name == "pend_explorer_requests_total"
                    and ("route", "/api/v1/blocks/{block}") in labels
                )
                if counted == asked and found["pend_explorer_workers", ()] == 2:
                    break
                await asyncio.sleep(0.1)
        route = ("route", "/api/v1/blocks/{block}")
        assert found["pend_explorer_request_duration_seconds_count", (route,)] == asked
        assert found["pend_explorer_request_duration_seconds_bucket", (("le", "+Inf"), route)] == asked
        assert found["pend_explorer_outbox_sequence", ()] > 0


async def test_probe_that_takes_long_is_slow_and_delays_nobody() -> None:
    answered = asyncio.Event()
    asked = 0

    async def ask() -> int:
        nonlocal asked
        asked += 1
        await answered.wait()
        return 7

    probe = Probe(ask)
    for _ in range(2):
        sounding = await probe.sound()
        assert (sounding.status, sounding.value) == ("slow", None)
        assert sounding.milliseconds >= PART_S * 900
    answered.set()
    sounding = await probe.sound()
    assert (sounding.status, sounding.value, asked) == ("healthy", 7, 1)


async def test_probe_that_failed_is_away_until_it_answers() -> None:
    answered = asyncio.Event()
    fails = True

    async def ask() -> None:
        if fails:
            raise ConnectionError("refused by 10.1.2.3")
        await answered.wait()

    probe = Probe(ask)
    assert (await probe.sound()).status == "unavailable"
    fails = False
    assert (await probe.sound()).status == "unavailable"  # takes long now: still not an answer
    answered.set()
    assert (await probe.sound()).status == "healthy"


async def test_probe_tells_nobody_of_an_answer_to_somebody_before() -> None:
    asked = 0
    answers = [asyncio.Event() for _ in range(2)]

    async def ask() -> int:
        nonlocal asked
        asked += 1
        await answers[asked - 1].wait()
        return asked

    probe = Probe(ask)
    assert (await probe.sound()).status == "slow"
    answers[0].set()
    for _ in range(3):
        await asyncio.sleep(0)
    assert (await probe.sound()).status == "slow"  # it was asked anew
    answers[1].set()
    assert (await probe.sound()).value == 2


@pytest.mark.parametrize("path", ["/health/live?x=1", "/api/v1/health?deep=1"])
async def test_health_with_parameters_is_refused(api: aiohttp.ClientSession, path: str) -> None:
    async with api.get(path) as answer:
        assert answer.status == 400
