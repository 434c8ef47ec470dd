"""PURE but for `SharedWindows`. How often somebody may do something: in memory, agreed on in Redis.

A request costs a look into memory. About once a second what was counted since goes to Redis and what the
others have counted comes back, in one pipeline, so that processes and machines behave as one within a second.
"""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from redis.asyncio import Redis

from service.redis import AWAY, RedisSettings, heed_cancellation, open_redis

log = structlog.get_logger(__name__)

SLOTS = 12
"""Parts of a window; what was counted leaves it part by part."""
_SENT_AT_ONCE = 200
_ANSWER_S = 1.0
_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Allowed:
    """At most `count` within any `seconds`."""

    count: int
    seconds: float

    @property
    def policy(self) -> bytes:
        """As RateLimit-Policy spells it."""
        return b"%d;w=%d" % (self.count, math.ceil(self.seconds))


class Burst:
    """The exact last times of one client: any `allowed.seconds` hold at most `allowed.count` of them.

    Times come from one clock that never runs backwards.
    """

    __slots__ = ("_oldest", "_times", "allowed")

    def __init__(self, allowed: Allowed) -> None:
        self.allowed = allowed
        self._times: list[float] = []
        self._oldest = 0

    def wait_s(self, now: float) -> float:
        """Seconds until one more is allowed; 0 is now."""
        if len(self._times) < self.allowed.count:
            return 0.0
        return max(0.0, self._times[self._oldest] + self.allowed.seconds - now)

    def count(self, now: float) -> None:
        """Count one that was allowed."""
        times = self._times
        if len(times) < self.allowed.count:
            times.append(now)
            return
        oldest = self._oldest
        times[oldest] = now
        self._oldest = oldest + 1 if oldest + 1 < len(times) else 0


class Window:
    """What one client did lately, by slots of the clock that all processes share; others' counts are added.

    Any `allowed.seconds` lie within the slot of now and the SLOTS before it, whose sum is at most
    `allowed.count`: the limit is never exceeded, and what was counted is forgotten at most one slot late.
    """

    __slots__ = ("_counts", "_fresh", "_unsent", "allowed", "frees_at", "name", "slot", "slot_s", "total")

    def __init__(self, name: str, allowed: Allowed) -> None:
        self.name = name
        self.allowed = allowed
        self.slot_s = allowed.seconds / SLOTS
        self.slot = -1
        self.total = 0
        self.frees_at = 0.0
        """When something of what was counted is forgotten."""
        self._fresh = 0  # counted in `slot`, and in none of the two below yet
        self._counts: dict[int, int] = {}
        self._unsent: dict[int, int] = {}

    def left(self, now: float) -> int:
        """How many more are allowed now."""
        slot = int(now / self.slot_s)
        if slot > self.slot:
            self._settle()
            self.slot = slot
            self._forget()
        return self.allowed.count - self.total

    def count(self) -> bool:
        """Count one that was allowed, after `left`; whether it is the first since the last `take`."""
        if not self.total:
            self.frees_at = (self.slot + SLOTS + 1) * self.slot_s
        self.total += 1
        self._fresh += 1
        return self._fresh == 1 and not self._unsent

    def take(self) -> dict[int, int]:
        """What is not sent yet, by slot; it counts as sent."""
        self._settle()
        taken, self._unsent = self._unsent, {}
        return taken

    def hear(self, slot: int, everyone: int) -> None:
        """All processes together have counted `everyone` in a slot. What is known here never shrinks."""
        self._settle()
        known = self._counts.get(slot, 0)
        if everyone + self._unsent.get(slot, 0) > known and slot >= self.slot - SLOTS:
            self._counts[slot] = everyone + self._unsent.get(slot, 0)
            self._forget()

    def _settle(self) -> None:
        if self._fresh:
            self._counts[self.slot] = self._counts.get(self.slot, 0) + self._fresh
            self._unsent[self.slot] = self._unsent.get(self.slot, 0) + self._fresh
            self._fresh = 0

    def _forget(self) -> None:
        oldest = self.slot - SLOTS
        for old in [each for each in self._counts if each < oldest]:
            del self._counts[old]
        self.total = sum(self._counts.values())
        if self._counts:
            self.frees_at = (min(self._counts) + SLOTS + 1) * self.slot_s


class Clock:
    """Seconds since 1970 that never run backwards: slots of all machines begin together."""

    def __init__(self) -> None:
        self.ahead_s = time.time() - time.monotonic()

    def now(self) -> float:
        return time.monotonic() + self.ahead_s

    def adjust(self) -> None:
        """Follow a clock that was set forward; one that was set back is waited for."""
        self.ahead_s = max(self.ahead_s, time.time() - time.monotonic())


class SharedWindows:
    """Brings the windows that changed in step with all other processes. Without Redis each counts alone."""

    def __init__(self, settings: RedisSettings | None, stem: Callable[[], str], clock: Clock) -> None:
        self._settings = settings
        self._stem = stem
        self._clock = clock
        self._changed: list[Window] = []
        self._client: Redis | None = None
        self.up = settings is not None
        self.is_shared = settings is not None

    def changed(self, window: Window) -> None:
        """The window has something to send."""
        self._changed.append(window)

    async def run(self) -> None:
        """For ever; ends at once where there is no Redis."""
        if not self.is_shared:
            return
        try:
            while True:
                await asyncio.sleep(_EVERY_S)
                self._clock.adjust()
                await self.reconcile()
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def reconcile(self) -> None:
        """Send and hear once. What could not be sent stays counted here, and is not sent again."""
        changed, self._changed = self._changed, []
        try:
            for begin in range(0, len(changed), _SENT_AT_ONCE):
                async with asyncio.timeout(_ANSWER_S):
                    await self._exchange(changed[begin : begin + _SENT_AT_ONCE])
                heed_cancellation()
        except AWAY as error:
            for window in changed:
                window.take()
            if self.up:
                log.warning("limits hold in each process alone: Redis is away", reason=_said(error))
            self.up = False
        else:
            if changed and not self.up:
                log.info("limits hold in all processes again")
            self.up = self.up or bool(changed)

    async def _exchange(self, windows: list[Window]) -> None:
        pipeline = self._redis().pipeline(transaction=False)
        asked: list[tuple[Window, range, int]] = []
        for window in windows:
            sent = window.take()
            stem = f"{self._stem()}:limit:{window.name}:"
            for slot, count in sent.items():
                pipeline.incrby(f"{stem}{slot}", count)
                pipeline.expire(f"{stem}{slot}", math.ceil(window.allowed.seconds + 2 * window.slot_s))
            slots = range(window.slot - SLOTS, window.slot + 1)
            pipeline.mget([f"{stem}{slot}" for slot in slots])
            asked.append((window, slots, 2 * len(sent)))
        answers: list[Any] = await pipeline.execute()
        place = 0
        for window, slots, before in asked:
            place += before
            for slot, counted in zip(slots, answers[place], strict=True):
                if counted is not None:
                    window.hear(slot, int(counted))
            place += 1

    def _redis(self) -> Redis:
        if self._client is None:
            assert self._settings is not None
            self._client = open_redis(self._settings)
        return self._client


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__
