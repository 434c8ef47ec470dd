"""The channel in Redis that processes of the panel share, and that the API tells them by."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import structlog
from redis.asyncio import Redis
from socketio import AsyncRedisManager

from service.redis import AWAY, RedisSettings, heed_cancellation, open_redis
from write_api.panel_broadcasting import Broadcasting

log = structlog.get_logger(__name__)

CHANNEL = "pend-write-panel"
_PUBLISH_S, _AGAIN_S = 0.25, 1.0
_LISTEN_S = 10.0


class PanelChannel(AsyncRedisManager, Broadcasting):  # type: ignore[misc]
    """AsyncRedisManager on a client with TLS and time limits; `write_only` raises AWAY when Redis is away.

    One that listens never fails: without Redis it reaches those who are connected here, and `missed` is
    called when it hears again.
    """

    def __init__(
        self, redis: RedisSettings, *, write_only: bool = False, missed: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(redis.url, channel=CHANNEL, write_only=write_only)
        self.up = False
        self._own: Redis = open_redis(redis)
        self._missed = missed
        self._again_at = 0.0

    async def aclose(self) -> None:
        if not self.write_only:
            thread: asyncio.Task[None] | None = getattr(self, "thread", None)
            if thread is not None:
                thread.cancel()
                await asyncio.wait({thread})
        await self._own.aclose()

    async def _publish(self, data: dict[str, Any]) -> None:
        text = self.json.dumps(data)
        if self.write_only:
            await self._own.publish(self.channel, text)
            return
        loop = asyncio.get_running_loop()
        if loop.time() < self._again_at:
            return
        try:
            async with asyncio.timeout(_PUBLISH_S):
                await self._own.publish(self.channel, text)
        except AWAY as error:
            log.warning("other processes of the panel were not told", reason=type(error).__name__)
            self._again_at = loop.time() + _AGAIN_S

    async def _listen(self) -> AsyncIterator[bytes]:
        heard_before = False
        while True:
            try:
                async with self._own.pubsub(ignore_subscribe_messages=True) as pubsub:
                    await pubsub.subscribe(self.channel)
                    if not self.up:
                        log.info("the panel hears the other processes")
                        if heard_before:
                            self._missed()
                    self.up = heard_before = True
                    while True:
                        message = await pubsub.get_message(timeout=_LISTEN_S)
                        if message is not None and message["type"] == "message":
                            yield message["data"]
            except AWAY as error:
                if self.up:
                    log.warning(
                        "the panel hears nothing of other processes: Redis is away",
                        reason=type(error).__name__,
                    )
                self.up = False
                heed_cancellation()
                await asyncio.sleep(_AGAIN_S)
