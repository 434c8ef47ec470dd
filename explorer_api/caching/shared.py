"""Answers of all processes, in Redis. Whatever Redis does, it costs time at most.

Every look-up that is wanted in one turn of the event loop travels in one MGET, and with it the era: a counter
that any process raises when history turns out to be another, so that a sequence that was given twice misleads
nobody.
"""

import asyncio
import time
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import msgspec
import structlog
from redis.asyncio import Redis

from explorer_api.answer import Answer, Lifetime
from explorer_api.tip import Tip
from service.redis import AWAY, RedisSettings, heed_cancellation, open_redis

log = structlog.get_logger(__name__)

_ANSWER_S = 0.1
_PAUSE_S = 1.0
_WRITES_WAITING_MAX = 1_000


class _Wire(msgspec.Struct, array_like=True):
    era: int
    sequence: int
    lifetime: int
    ttl_s: float
    stored_at: float
    route: str
    media_type: str
    status: int
    block_number: int | None
    block_hash: str | None
    finality: str | None
    body: bytes
    gzipped: bytes | None


@dataclass(slots=True)
class SharedCache:
    """Silent while Redis is away: it is left alone for a second after each failure."""

    settings: RedisSettings
    tip: Tip
    build: str
    """Names the form of answers: processes of another version do not read each other's."""
    up: bool = True
    _client: Redis | None = None
    _wanted: dict[bytes, list["asyncio.Future[bytes | None]"]] = field(default_factory=dict)
    _writes: "deque[tuple[bytes, bytes, float]]" = field(default_factory=deque)
    _writing: asyncio.Task[None] | None = None
    _running: set[asyncio.Task[None]] = field(default_factory=set)
    _away_until: float = 0.0
    _era: int = 0

    async def get(self, target: bytes) -> Answer | None:
        """What any process kept for this target; None also when Redis is away or slow."""
        loop = asyncio.get_running_loop()
        if not self.tip.channel or loop.time() < self._away_until:
            return None
        waiter: asyncio.Future[bytes | None] = loop.create_future()
        if not self._wanted:
            loop.call_soon(lambda: self._begin(self._read()))
        self._wanted.setdefault(self._key(target), []).append(waiter)
        data = await waiter
        return None if data is None else self._decoded(data)

    def put(self, target: bytes, answer: Answer) -> None:
        """Keep it for the others, soon; forgotten when too much waits."""
        if not self.tip.channel or answer.ttl_s <= 0 or len(self._writes) >= _WRITES_WAITING_MAX:
            return
        wire = _Wire(
            self._era,
            answer.sequence,
            int(answer.lifetime),
            answer.ttl_s,
            time.time(),
            answer.route,
            answer.media_type,
            answer.status,
            answer.block_number,
            answer.block_hash,
            answer.finality,
            answer.body,
            answer.gzipped,
        )
        self._writes.append((self._key(target), msgspec.msgpack.encode(wire), answer.ttl_s))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write())

    def forget(self) -> None:
        """Nothing that was kept so far is read again, by no process."""
        if self.tip.channel:
            self._begin(self._raise_era())

    async def _raise_era(self) -> None:
        try:
            async with asyncio.timeout(_ANSWER_S * 10):
                self._era = int(await self._redis().incr(self._era_key()))
        except AWAY as error:
            self._fail(error)

    async def ping(self) -> bool:
        """Whether Redis answers at once."""
        try:
            async with asyncio.timeout(_ANSWER_S):
                await self._redis().ping()
        except AWAY as error:
            self._fail(error)
            return False
        self._succeed()
        return True

    async def aclose(self) -> None:
        for task in [*self._running, *([self._writing] if self._writing else [])]:
            task.cancel()
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _read(self) -> None:
        wanted, self._wanted = self._wanted, {}
        keys = list(wanted)
        found: list[Any] = [None] * len(keys)
        try:
            async with asyncio.timeout(_ANSWER_S):
                era, *found = await self._redis().mget([self._era_key(), *keys])
            self._era = int(era or 0)
            heed_cancellation()
            self._succeed()
        except (*AWAY, ValueError) as error:
            self._fail(error)
        finally:
            for key, data in zip(keys, found, strict=True):
                for waiter in wanted[key]:
                    if not waiter.done():
                        waiter.set_result(data)

    async def _write(self) -> None:
        while self._writes:
            batch = [self._writes.popleft() for _ in range(min(100, len(self._writes)))]
            try:
                async with asyncio.timeout(_ANSWER_S * 10):
                    pipeline = self._redis().pipeline(transaction=False)
                    for key, data, ttl_s in batch:
                        pipeline.set(key, data, px=max(1, int(ttl_s * 1000)))
                    await pipeline.execute()
            except AWAY as error:
                self._fail(error)
                self._writes.clear()

    def _decoded(self, data: bytes) -> Answer | None:
        try:
            wire = msgspec.msgpack.decode(data, type=_Wire)
            lifetime = Lifetime(wire.lifetime)
        except (msgspec.MsgspecError, ValueError):
            return None
        if wire.era != self._era:
            return None
        return Answer(
            body=wire.body,
            sequence=wire.sequence,
            lifetime=lifetime,
            ttl_s=wire.ttl_s,
            block_number=wire.block_number,
            block_hash=wire.block_hash,
            finality=wire.finality,
            media_type=wire.media_type,
            status=wire.status,
            route=wire.route,
            gzipped=wire.gzipped,
            # On this process's clock, as if it had been kept here.
            stored_at=time.monotonic() - max(0.0, time.time() - wire.stored_at),
        )

    def _redis(self) -> Redis:
        if self._client is None:
            self._client = open_redis(self.settings)
        return self._client

    def _key(self, target: bytes) -> bytes:
        return f"{self.tip.channel}:answer:{self.build}:".encode() + target

    def _era_key(self) -> bytes:
        return f"{self.tip.channel}:era".encode()

    def _fail(self, error: BaseException) -> None:
        if self.up:
            log.warning("Redis is away", reason=str(error) or type(error).__name__)
        self.up = False
        self._away_until = asyncio.get_running_loop().time() + _PAUSE_S

    def _succeed(self) -> None:
        if not self.up:
            log.info("Redis answers again")
        self.up = True
        self._away_until = 0.0
