"""Publishes every committed row of the outbox to Redis, in order, by one process at a time (invariant 10).

Redis away is normal weather: it is said once, counted and waited out; indexing never waits for it.
Readers lose nothing by anything that happens here: what does not follow what they have, they ask the
database for (service.outbox).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog
from redis.asyncio import Redis

from indexer.lease import Held, Lease, Published
from indexer.metrics import IndexerMetrics
from postgres.connections import Connection
from postgres.errors import translated
from service.outbox import Bounds, Message, OutboxRow, rows_after, select_bounds, select_page
from service.redis import AWAY, RedisSettings, heed_cancellation, open_redis

T = TypeVar("T")

log = structlog.get_logger(__name__)

# Others than the daemon commit too, and tell nobody: a look costs one row of two tables.
_LOOK_EVERY_S = 1.0
_ANSWER_S = 4.0


@dataclass(slots=True)
class Relay:
    """The relay of one daemon. `committed` wakes it; `relayed_to` is what Redis was last known to have."""

    redis: RedisSettings
    metrics: IndexerMetrics
    committed: asyncio.Event
    lease_s: float = 5.0
    relayed_to: int | None = None
    _up: bool | None = None
    _lease: Lease | None = None
    _ours: bool = False

    async def run(self, connection: Connection, on_progress: Callable[[], None] = lambda: None) -> None:
        """Relay until cancelled, and let go of the lease. Raises only the errors of postgres.errors."""
        client = open_redis(self.redis)
        try:
            while True:
                self.committed.clear()
                with translated():
                    outbox = await select_bounds(connection)
                more = outbox is not None and await self._look(client, connection, outbox)
                on_progress()
                if not more:
                    await self._rest()
        finally:
            lease, self._lease, self._ours = self._lease, None, False
            if lease is not None:
                await lease.release()
            await client.aclose()

    async def _look(self, client: Redis, connection: Connection, outbox: Bounds) -> bool:
        """Publish one page if it is ours to do; whether there may be another."""
        if self._lease is None or self._lease.outbox.channel != outbox.channel:
            self._lease = Lease(client, outbox, self.lease_s)
        held = await self._ask(self._lease.hold())
        if held is None:
            self._measure(outbox)
            return False
        if held.ours is not self._ours:
            self._ours = held.ours
            log.info("the relay publishes" if held.ours else "another relay publishes", told=held.told)
        self.relayed_to = held.told.sequence if held.told else None
        result = await self._publish(connection, self._lease, held, outbox) if held.ours else None
        self._measure(outbox)
        return result is Published.MOVED or (
            result is Published.PUBLISHED and (self.relayed_to or 0) < outbox.newest
        )

    async def _publish(
        self, connection: Connection, lease: Lease, held: Held, outbox: Bounds
    ) -> Published | None:
        """None when there is nothing to publish, or Redis went away."""
        after = held.told
        with translated():
            rows, before = None, None
            if after is not None:
                rows, before = rows_after(after, await select_page(connection, after.sequence)), after.stamp
            if rows is None:
                # Redis has forgotten, or its last row is not of this history: readers ask the database.
                after, page = None, await select_page(connection, max(outbox.newest - 1, 0))
                rows, before = page[1:] or page, page[0].stamp if page[1:] else None
        if not rows:
            return None
        if after is None:
            log.warning("the relay begins anew", sequence=rows[0].sequence, told=held.told)
        published = await self._ask(lease.publish(after, messages(before, rows)))
        if published is Published.PUBLISHED:
            self.relayed_to = rows[-1].sequence
        return published

    async def _ask(self, command: Awaitable[T]) -> T | None:
        """What Redis answers; None when it does not, which is said once."""
        reason, answer = "", None
        try:
            async with asyncio.timeout(_ANSWER_S):
                answer = await command
        except AWAY as error:
            reason = str(error) or type(error).__name__
        heed_cancellation()
        if self._up is not (not reason):
            self._up = not reason
            self.metrics.redis_up(up=self._up)
            log.log(20 if self._up else 30, "redis answers" if self._up else "redis is away", reason=reason)
        return answer

    def _measure(self, outbox: Bounds) -> None:
        self.metrics.relayed(self.relayed_to, outbox.newest)

    async def _rest(self) -> None:
        """Until something is committed, or it is time to look; always a while when there is nothing to do."""
        if not (self._up and self._ours):
            await asyncio.sleep(_LOOK_EVERY_S)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_EVERY_S):
                await self.committed.wait()


def messages(before: int | None, rows: Sequence[OutboxRow]) -> list[Message]:
    """Each row with the stamp of the one before it; `before` is that of the first."""
    stamps = [before, *(row.stamp for row in rows)]
    return [Message(row, follows) for row, follows in zip(rows, stamps, strict=False)]
