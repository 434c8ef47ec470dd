"""Limits that several processes share through Redis, and what becomes of them without it."""

import asyncio
from typing import Any

import aiohttp
import pytest
import redis

from explorer_api.clients import Client
from explorer_api.limiting import Limiter
from explorer_api.settings import LimitsSection
from service.embedded_redis import EmbeddedRedis
from service.http.asgi import Header
from service.http.problems import TooManyRequests
from service.redis import RedisSettings
from tests.integration.explorer_api.explorers import Explored, explorer_process, problem

LIMITS = LimitsSection(requests_per_minute=100, burst_per_s=1_000)


def _remaining(limiter: Limiter, client: Client) -> int:
    out: list[Header] = []
    limiter.admit(client, "/api/v1/blocks", out)
    return int(dict(out)[b"ratelimit-remaining"])


async def test_two_limiters_agree_through_redis(redis_url: str) -> None:
    first, second = (Limiter(LIMITS, RedisSettings(url=redis_url)) for _ in range(2))
    here, there = Client("192.0.2.1", "anonymous"), Client("192.0.2.1", "anonymous")
    try:
        for _ in range(60):
            _remaining(first, here)
        await first.shared.reconcile()
        assert _remaining(second, there) == 99  # nobody has asked yet
        await second.shared.reconcile()
        assert _remaining(second, there) == 38
        for _ in range(38):
            _remaining(second, there)
        await second.shared.reconcile()
        _remaining(first, here)  # hears of the others when it next has something to say
        await first.shared.reconcile()
        for limiter, client in ((first, here), (second, there)):
            with pytest.raises(TooManyRequests):
                _remaining(limiter, client)
        with redis.Redis.from_url(redis_url) as store:
            keys = list(store.scan_iter("pend:limit:192.0.2.1:*"))
            assert sum(int(store.get(key) or 0) for key in keys) == 101
            assert all(0 < store.ttl(key) <= 70 for key in keys)
    finally:
        await first.shared.aclose()
        await second.shared.aclose()


async def test_limiter_without_redis_counts_alone_and_says_so_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    client = Client("192.0.2.1", "anonymous")
    with EmbeddedRedis() as server:
        limiter = Limiter(LIMITS, RedisSettings(url=server.url, connect_timeout_s=0.5))
        assert _remaining(limiter, client) == 99
        await limiter.shared.reconcile()
        assert limiter.shared.up
    try:
        for left in (98, 97, 96):
            assert _remaining(limiter, client) == left
            await limiter.shared.reconcile()
            assert not limiter.shared.up
        while _remaining(limiter, client):
            pass
        with pytest.raises(TooManyRequests):
            _remaining(limiter, client)
    finally:
        await limiter.shared.aclose()
    assert capsys.readouterr().out.count("limits hold in each process alone") == 1


async def test_limiter_runs_until_it_is_cancelled_and_ends_at_once_without_redis(redis_url: str) -> None:
    await Limiter(LIMITS).run()
    await Limiter(LimitsSection(enabled=False), RedisSettings(url=redis_url)).run()
    limiter, client = Limiter(LIMITS, RedisSettings(url=redis_url)), Client("192.0.2.1", "anonymous")
    running = asyncio.create_task(limiter.run())
    _remaining(limiter, client)
    with redis.Redis.from_url(redis_url) as store:
        async with asyncio.timeout(10):
            while not await asyncio.to_thread(lambda: list(store.scan_iter("pend:limit:*"))):
                await asyncio.sleep(0.02)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_limit_of_two_explorers_is_one(
    explored: Explored, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    limits: dict[str, Any] = {
        "limits__enabled": True,
        "limits__requests_per_minute": 30,
        "limits__burst_per_s": 30,
    }
    with (
        explorer_process(explored.dsn, tmp_path_factory.mktemp("a"), redis_url=redis_url, **limits) as first,
        explorer_process(explored.dsn, tmp_path_factory.mktemp("b"), redis_url=redis_url, **limits) as second,
    ):
        async with aiohttp.ClientSession(first.url) as here, aiohttp.ClientSession(second.url) as there:
            for left in range(29, 4, -1):
                async with here.get("/api/v1/blocks/1") as answer:
                    assert answer.status == 200
                    assert answer.headers["RateLimit-Remaining"] == str(left)
            own, remaining = 0, 30
            async with asyncio.timeout(60):
                while own + remaining > 5:  # it has not heard of all the other's 25
                    async with there.get("/api/v1/blocks/1") as answer:
                        if answer.status == 429:
                            break
                        own, remaining = own + 1, int(answer.headers["RateLimit-Remaining"])
                    await asyncio.sleep(0.2)
            assert own < 30
            for _ in range(remaining):
                async with there.get("/api/v1/blocks/1") as answer:
                    assert answer.status in {200, 429}
            details = await problem(there, "/api/v1/blocks/1", 429)
            async with there.get("/api/v1/blocks/1") as answer:
                headers = answer.headers
            assert details["type"] == "/problems/too-many-requests"
            assert 1 <= int(headers["Retry-After"]) <= details["retry_after_s"]
            assert headers["RateLimit-Limit"] == "30"
            assert headers["RateLimit-Remaining"] == "0"
            assert headers["RateLimit-Reset"] == headers["Retry-After"]
            assert headers["RateLimit-Policy"] == "30;w=60, 30;w=1"
            async with there.get("/health/live") as answer:
                assert answer.status == 200
