"""How everything is that answers depend on, asked at once, and never for longer than 50 ms."""

import asyncio
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

import structlog

from explorer_api.answers.health import HealthReport, Part, Parts, Status
from explorer_api.caching.shared import SharedCache
from explorer_api.metrics import HttpMetrics
from explorer_api.reading import Explorer, Row, queries
from node.client import NodeClient

log = structlog.get_logger(__name__)

T = TypeVar("T")

PART_S = 0.05
_GIVEN_UP_S = 5.0
_BEHIND_S = 5.0
_LAG_BLOCKS = 100
_HEAD_AGE_S = 600.0
_SHARE_FREE = 0.05


@dataclass(slots=True)
class Sounding(Generic[T]):
    """What a part said: `value` None when it is slow or away."""

    status: Status
    milliseconds: float
    value: T | None = None


@dataclass(slots=True)
class Probe(Generic[T]):
    """Asks one part, once at a time: a question that takes long goes on behind the answer."""

    ask: Callable[[], Awaitable[T]]
    _running: "asyncio.Task[T] | None" = None
    _begun: float = 0.0
    _was_away: bool = False

    async def sound(self) -> Sounding[T]:
        """Within PART_S. One that did not answer at all the last time is away until it does."""
        if self._running is not None and self._running.done():
            self._settle(self._running)  # asked by somebody who has long gone
        if self._running is None:
            self._begun = time.perf_counter()
            self._running = asyncio.create_task(self._ask())
        task = self._running
        await asyncio.wait({task}, timeout=PART_S)
        milliseconds = round((time.perf_counter() - self._begun) * 1_000, 2)
        if not task.done():
            return Sounding("unavailable" if self._was_away else "slow", milliseconds)
        self._settle(task)
        if self._was_away:
            return Sounding("unavailable", milliseconds)
        return Sounding("healthy", milliseconds, task.result())

    def _settle(self, task: "asyncio.Task[T]") -> None:
        """Remember how a question ended, and let the next one be asked."""
        if self._running is not task:
            return
        self._running = None
        error = None if task.cancelled() else task.exception()
        was_away, self._was_away = self._was_away, task.cancelled() or error is not None
        if self._was_away and not was_away:
            log.warning("a part does not answer", reason=str(error) or type(error).__name__)

    async def _ask(self) -> T:
        async with asyncio.timeout(_GIVEN_UP_S):
            return await self.ask()


@dataclass(slots=True)
class Health:
    """What there is to ask, and what is told of it. Says nothing of where anything is."""

    explorer: Explorer
    shared: SharedCache | None = None
    node: NodeClient | None = None
    metrics: HttpMetrics = field(default_factory=HttpMetrics)
    _database: "Probe[Row | None]" = field(init=False)
    _redis: "Probe[None] | None" = field(init=False)
    _node: "Probe[int] | None" = field(init=False)
    _disk: "Probe[Any]" = field(init=False)

    def __post_init__(self) -> None:
        self._database = Probe(self._ask_database)
        self._redis = None if self.shared is None else Probe(self._ask_redis)
        self._node = None if self.node is None else Probe(self.node.head_number)
        self._disk = Probe(lambda: asyncio.to_thread(shutil.disk_usage, Path.cwd()))

    async def is_ready(self) -> bool:
        """Whether requests can be answered."""
        return (await self._database.sound()).status != "unavailable"

    async def report(self) -> HealthReport:
        database, redis, node, disk = await asyncio.gather(
            self._database.sound(), _sound(self._redis), _sound(self._node), self._disk.sound()
        )
        parts = Parts(
            database=_part(database),
            redis=_part(redis),
            node=_part(node, head_number=node.value),
            outbox=self._outbox(database),
            indexing=_indexing(database, node.value),
            memory=_memory(),
            disk=_part(disk) if disk.value is None else _room(disk, disk.value.used, disk.value.free),
        )
        every = (parts.redis, parts.node, parts.outbox, parts.indexing, parts.memory, parts.disk)
        if parts.database.status == "unavailable":
            status = "unhealthy"
        else:
            well = {"healthy", "off"}
            status = "healthy" if all(p.status in well for p in (parts.database, *every)) else "degraded"
        return HealthReport(status=status, checked_at=datetime.now(UTC), parts=parts)  # type: ignore[arg-type]

    async def _ask_database(self) -> Row | None:
        tip = self.explorer.tip
        return await self.explorer.reader.one(queries.select_health, tip.sequence, tip.head)

    async def _ask_redis(self) -> None:
        assert self.shared is not None
        if not await self.shared.ping():
            raise ConnectionError("Redis does not answer")

    def _outbox(self, database: "Sounding[Row | None]") -> Part:
        sequence = self.explorer.tip.sequence
        if database.value is None:
            return Part(database.status, database.milliseconds, sequence=sequence)
        behind_s = database.value["behind_s"] or 0.0
        late = behind_s > _BEHIND_S
        return Part(
            "degraded" if late else "healthy",
            database.milliseconds,
            "what was committed is heard late: answers may be old" if late else None,
            sequence=sequence,
            behind_s=round(behind_s, 3),
        )


async def _sound(probe: "Probe[T] | None") -> Sounding[T]:
    return Sounding("off", 0.0) if probe is None else await probe.sound()


_SAID = {"slow": "takes longer than 50 ms", "unavailable": "does not answer"}


def _part(sounding: Sounding[Any], **figures: Any) -> Part:
    return Part(sounding.status, sounding.milliseconds, _SAID.get(sounding.status), **figures)


def _indexing(database: "Sounding[Row | None]", node_head: int | None) -> Part:
    if database.status != "healthy":
        return Part(database.status, database.milliseconds)
    row = database.value
    if row is None or row["head_number"] is None:
        return Part("degraded", database.milliseconds, "nothing is indexed yet")
    age_s = row["head_age_s"]
    lag = None if node_head is None else max(0, node_head - row["head_number"])
    detail = None
    if lag is not None and lag > _LAG_BLOCKS:
        detail = f"the node is {lag} blocks ahead"
    elif lag is None and age_s is not None and age_s > _HEAD_AGE_S:
        detail = "the highest block is old; no node is there to say whether it is the highest"
    return Part(
        "healthy" if detail is None else "degraded",
        database.milliseconds,
        detail,
        head_number=row["head_number"],
        head_age_s=None if age_s is None else round(age_s, 3),
        lag_blocks=lag,
    )


def _memory() -> Part:
    begun = time.perf_counter()
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    total, free = (int(lines[name].split()[0]) * 1_024 for name in ("MemTotal", "MemAvailable"))
    part = _room(Sounding("healthy", round((time.perf_counter() - begun) * 1_000, 2)), total - free, free)
    part.used_bytes = resident
    return part


def _room(sounding: Sounding[Any], used: int, free: int) -> Part:
    scarce = free < _SHARE_FREE * (used + free)
    return Part(
        "degraded" if scarce else "healthy",
        sounding.milliseconds,
        f"less than {_SHARE_FREE:.0%} is free" if scarce else None,
        used_bytes=used,
        free_bytes=free,
    )
