"""The hint to Redis ends when it is told to, at whatever moment that is."""

import asyncio

from indexer.announce import announce
from indexer.metrics import IndexerMetrics
from indexer.settings import DatabaseSection, IndexerSettings, NodeSection, RedisSection
from service.settings import UrlSecret


async def test_announce_cancelled_at_any_moment_ends(redis_url: str) -> None:
    settings = IndexerSettings(
        database=DatabaseSection(dsn=UrlSecret("postgresql://nobody@127.0.0.1/none")),
        node=NodeSection(urls=(UrlSecret("http://127.0.0.1:1"),)),
        redis=RedisSection(url=UrlSecret(redis_url)),
    )
    for turns in range(30):
        committed = asyncio.Event()
        committed.set()
        task = asyncio.create_task(announce(settings, IndexerMetrics(), committed))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=10)
        assert done, f"a cancellation after {turns} turns of the loop was lost"
        assert task.cancelled()
