"""Who has an application open, in every process: kept in Redis, and gone with the process that said so.

Without Redis, or while it is away, each process knows its own.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable
from typing import Any, Literal, cast
from uuid import UUID, uuid4

import msgspec
import structlog
from redis.asyncio import Redis

from service.redis import AWAY, RedisSettings, heed_cancellation, open_redis

log = structlog.get_logger(__name__)

State = Literal["viewing", "writing", "away"]
BEAT_S = 1.0
_ALIVE_MS = 3_000
_KEPT_S = 60
_WITHIN_S, _AWAY_FOR_S = 0.5, 2.0
_STEM = "pend:write:panel:"


class Present(msgspec.Struct, frozen=True, order=True):
    """An administrator who has it open; of several connections of his, the busiest state."""

    admin_id: UUID
    state: State


_BUSY: dict[State, int] = {"writing": 2, "viewing": 1, "away": 0}


class Presence:
    def __init__(self, redis: RedisSettings | None) -> None:
        self._redis: Redis | None = None if redis is None else open_redis(redis)
        self._process = uuid4().hex
        self._own: dict[UUID, dict[str, Present]] = defaultdict(dict)
        self._told: dict[UUID, list[Present]] = {}
        self._again_at = 0.0

    async def enter(self, application: UUID, sid: str, present: Present) -> None:
        """Or change the state."""
        self._own[application][sid] = present
        await self._ask(self._write(application))

    async def leave(self, application: UUID, sid: str) -> None:
        self._own[application].pop(sid, None)
        if not self._own[application]:
            del self._own[application]
            self._told.pop(application, None)
        await self._ask(self._erase(application, (sid,)))

    async def of(self, application: UUID) -> list[Present]:
        """In order of their ids, each once."""
        everyone = list(self._own.get(application, {}).values())
        others = await self._ask(self._others(application))
        found: dict[UUID, Present] = {}
        for each in [*everyone, *(others or ())]:
            before = found.get(each.admin_id)
            if before is None or _BUSY[each.state] > _BUSY[before.state]:
                found[each.admin_id] = each
        return sorted(found.values())

    async def changed(self) -> list[tuple[UUID, list[Present]]]:
        """Say that this process lives and who is here; where others came or went since it was told last."""
        await self._ask(self._beat())
        out = []
        for application in list(self._own):
            now = await self.of(application)
            if self._told.get(application, now) != now:
                out.append((application, now))
            self._told[application] = now
        return out

    async def aclose(self) -> None:
        """Everybody here is gone."""
        if self._redis is None:
            return
        await self._ask(self._gone())
        await self._redis.aclose()

    async def _write(self, application: UUID) -> None:
        await self._send([application])

    async def _beat(self) -> None:
        await self._send(list(self._own))

    async def _send(self, applications: list[UUID]) -> None:
        assert self._redis is not None
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.set(f"{_STEM}process:{self._process}", b"alive", px=_ALIVE_MS)
        for application in applications:
            key = f"{_STEM}present:{application}"
            here = self._own.get(application)
            if here:
                fields = {self._field(sid): msgspec.json.encode(present) for sid, present in here.items()}
                pipeline.hset(key, mapping=cast(Any, fields))
                pipeline.expire(key, _KEPT_S)
        await pipeline.execute()

    async def _erase(self, application: UUID, sids: tuple[str, ...]) -> None:
        assert self._redis is not None
        fields = [self._field(sid) for sid in sids]
        await self._redis.hdel(f"{_STEM}present:{application}", *fields)

    async def _gone(self) -> None:
        assert self._redis is not None
        for application, here in self._own.items():
            await self._erase(application, tuple(here))
        await self._redis.delete(f"{_STEM}process:{self._process}")

    async def _others(self, application: UUID) -> list[Present]:
        assert self._redis is not None
        key = f"{_STEM}present:{application}"
        kept = await cast(Awaitable[dict[bytes, bytes]], self._redis.hgetall(key))
        by_process: dict[str, list[tuple[bytes, bytes]]] = defaultdict(list)
        for name, value in kept.items():
            by_process[name.decode().partition(":")[0]].append((name, value))
        by_process.pop(self._process, None)
        if not by_process:
            return []
        alive = await self._redis.mget([f"{_STEM}process:{process}" for process in by_process])
        found: list[Present] = []
        for lives, members in zip(alive, by_process.values(), strict=True):
            if lives is None:
                await self._redis.hdel(key, *(name for name, _ in members))
            else:
                found += [msgspec.json.decode(value, type=Present) for _, value in members]
        return found

    def _field(self, sid: str) -> str:
        return f"{self._process}:{sid}"

    async def _ask(self, asking: Any) -> Any:
        loop = asyncio.get_running_loop()
        if self._redis is None or loop.time() < self._again_at:
            asking.close()
            return None
        try:
            async with asyncio.timeout(_WITHIN_S):
                answer = await asking
            heed_cancellation()
        except AWAY as error:
            log.warning("presence is known in this process alone", reason=type(error).__name__)
            self._again_at = loop.time() + _AWAY_FOR_S
            return None
        return answer
