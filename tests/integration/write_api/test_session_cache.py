"""Sessions in Redis, asked by more requests at once than there are connections."""

import asyncio
from uuid import uuid4

from service.redis import RedisSettings
from write_api.session_cache import SessionCache


async def test_more_at_once_than_connections_are_no_outage(redis_server: str) -> None:
    cache = SessionCache(RedisSettings(url=redis_server, connections_max=2), 60)
    sessions = [uuid4() for _ in range(60)]
    try:
        await asyncio.gather(*(cache.begin(session, 1) for session in sessions))
        await asyncio.gather(*(cache.end(session) for session in sessions))
        assert await asyncio.gather(*(cache.has_ended(session) for session in sessions)) == [True] * 60
        assert cache.up
    finally:
        await cache.aclose()
