"""A stream that follows the outbox, for as long as a block runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import structlog

from explorer_api.api_keys import ApiKeys
from explorer_api.clients import Clients
from explorer_api.settings import ExplorerSettings
from explorer_api.stream.application import StreamApplication
from explorer_api.stream.facts import Facts
from explorer_api.stream.hub import Hub
from explorer_api.stream.metrics import StreamMetrics
from postgres.capabilities import Home, detect
from postgres.errors import DatabaseError, translated
from postgres.pool import connect, open_pool
from postgres.reader import Reader

log = structlog.get_logger(__name__)

_CONNECTIONS, _WAIT_S = 4, 5.0
_KEYS_EVERY_S = 5.0


@asynccontextmanager
async def running_stream(
    settings: ExplorerSettings,
) -> AsyncIterator[tuple[StreamApplication, "asyncio.Task[None]"]]:
    """The application, and the task that never ends by itself: where it does, the stream is broken."""
    database = settings.database_settings("pend-explorer-stream")
    with translated():
        first = await connect(database)
        capabilities = await detect(first)
        await first.close()
    database = replace(database, plans_once=capabilities.home is Home.PLAIN)
    async with Reader(database, _CONNECTIONS, _WAIT_S) as reader:
        keys = ApiKeys(reader)
        await keys.refresh()
        pool = await open_pool(replace(database, pool_size_max=3))
        hub = Hub(Facts(reader), pool, settings.redis_settings(), settings.stream.heartbeat_s)
        await hub.start()
        clients = Clients(settings.http.trusted_proxies, keys)
        application = StreamApplication(settings, hub, clients, StreamMetrics())
        following = asyncio.create_task(hub.follow())
        tasks = [following, asyncio.create_task(hub.beat()), asyncio.create_task(_refresh(keys))]
        try:
            yield application, following
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError, DatabaseError):
                    await task
            pool.terminate()


async def _refresh(keys: ApiKeys) -> None:
    while True:
        await asyncio.sleep(_KEYS_EVERY_S)
        try:
            await keys.refresh()
        except DatabaseError as error:
            log.warning("API keys could not be read again", reason=str(error))
