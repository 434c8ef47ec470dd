"""Tells Redis that something new is committed; a hint only: readers learn what from the outbox.

Redis away is said once, counted, and costs nothing but the hint.
"""

import asyncio

import structlog
from redis.exceptions import RedisError

from indexer.metrics import IndexerMetrics
from indexer.settings import IndexerSettings
from service.redis import RedisUnavailable, open_redis, ping

log = structlog.get_logger(__name__)

CHANNEL = "pend:committed"
_PING_EVERY_S = 5.0
_ANSWER_S = 4.0


async def announce(settings: IndexerSettings, metrics: IndexerMetrics, committed: asyncio.Event) -> None:
    """Publish on `CHANNEL` after commits, several at once where they come fast; never returns or fails."""
    redis_settings = settings.redis_settings()
    if redis_settings is None:
        return
    client = open_redis(redis_settings)
    up: bool | None = None
    task = asyncio.current_task()
    assert task is not None
    try:
        while True:
            reason = ""
            try:
                if committed.is_set():
                    committed.clear()
                    async with asyncio.timeout(_ANSWER_S):
                        await client.publish(CHANNEL, b"")
                else:
                    await ping(client, redis_settings)
            except (RedisError, RedisUnavailable, OSError, TimeoutError) as error:
                reason = str(error) or type(error).__name__
                committed.set()  # what was committed meanwhile is told when it is back
            if task.cancelling():  # one that meets the driver while it connects is lost there
                raise asyncio.CancelledError
            if up is not (not reason):
                up = not reason
                metrics.redis_up(up=up)
                log.log(20 if up else 30, "redis answers" if up else "redis is away", reason=reason)
            if up:
                try:
                    async with asyncio.timeout(_PING_EVERY_S):
                        await committed.wait()
                except TimeoutError:
                    continue
            else:
                await asyncio.sleep(_PING_EVERY_S)
    finally:
        await client.aclose()
