"""Sessions in Redis: one that was ended is refused before the database is asked, one that is used lives on.

The database decides: Redis may be away, or have forgotten, and nothing but a query more is the cost.
"""

import asyncio
from collections.abc import Collection
from uuid import UUID

import structlog
from redis.asyncio import Redis

from service.redis import AWAY, RedisSettings, heed_cancellation, open_redis

log = structlog.get_logger(__name__)

_STEM = "pend:write:session:"
_ENDED = b"ended"
_WITHIN_S = 1.0
_AWAY_FOR_S = 2.0


class SessionCache:
    """Keys live for `lives_s` after they were used last, as sessions do."""

    def __init__(self, redis: RedisSettings | None, lives_s: int) -> None:
        self._redis: Redis | None = None if redis is None else open_redis(redis)
        self._lives_s = lives_s
        self._free = asyncio.Semaphore(redis.connections_max if redis else 1)
        self._again_at = 0.0
        self.up = redis is not None

    async def has_ended(self, session: UUID) -> bool:
        """Whether Redis knows that the session was ended; using it lengthens its life."""
        return await self._ask("GETEX", f"{_STEM}{session}", "EX", self._lives_s) == _ENDED

    async def ended_of(self, sessions: Collection[UUID]) -> set[UUID]:
        """Those that Redis knows to be ended; none of them lives longer for it."""
        asked = list(sessions)
        if not asked:
            return set()
        found = await self._ask("MGET", *(f"{_STEM}{session}" for session in asked))
        values = found if isinstance(found, list) else []
        return {session for session, value in zip(asked, values, strict=False) if value == _ENDED}

    async def begin(self, session: UUID, version: int) -> None:
        await self._ask("SET", f"{_STEM}{session}", str(version), "EX", self._lives_s)

    async def end(self, *sessions: UUID) -> None:
        for session in sessions:
            await self._ask("SET", f"{_STEM}{session}", _ENDED, "EX", self._lives_s)

    async def ping(self) -> None:
        """Raises what Redis raises."""
        if self._redis is not None:
            await self._redis.ping()

    async def aclose(self) -> None:
        if self._redis is not None:
            await self._redis.aclose()

    async def _ask(self, *command: object) -> object:
        now = asyncio.get_running_loop().time()
        if self._redis is None or now < self._again_at:
            return None
        try:
            # More at once than there are connections wait: the client would call that an outage.
            async with asyncio.timeout(_WITHIN_S), self._free:
                answer: object = await self._redis.execute_command(*command)  # type: ignore[no-untyped-call]
            heed_cancellation()
        except AWAY as error:
            if self.up:
                log.warning(
                    "sessions are looked up in the database: Redis is away", reason=type(error).__name__
                )
            self.up = False
            self._again_at = now + _AWAY_FOR_S
            return None
        if not self.up:
            log.info("sessions are looked up in Redis again")
        self.up = True
        return answer
