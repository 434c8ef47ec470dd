"""How the parts are that a program stands on: each asked at once, and never for longer than 50 ms."""

import asyncio
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import msgspec
import structlog

log = structlog.get_logger(__name__)

PART_S = 0.05
_GIVEN_UP_S = 5.0
_SHARE_FREE = 0.05

Status = Literal["healthy", "slow", "degraded", "unavailable", "off"]


class Part(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One part. slow: no answer within 50 ms; unavailable: none at all; off: not set up."""

    status: Status
    milliseconds: float
    detail: str | None = None
    """What is wrong, where something is."""
    used_bytes: int | None = None
    free_bytes: int | None = None


class Probed(msgspec.Struct, forbid_unknown_fields=True):
    """What an orchestrator asks for: only the status code counts."""

    status: Literal["alive", "ready", "not ready"]


T = TypeVar("T")
P = TypeVar("P", bound=Part)


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


async def sound(probe: "Probe[T] | None") -> Sounding[T]:
    """What a part says; one that is not set up is off."""
    return Sounding("off", 0.0) if probe is None else await probe.sound()


def disk_probe() -> "Probe[tuple[int, int]]":
    """Bytes used and free where this process runs."""
    return Probe(lambda: asyncio.to_thread(_disk))


def part(shape: type[P], sounding: Sounding[Any], **figures: Any) -> P:
    """A part as it is told of; programs add figures by a subclass of `Part`."""
    return shape(sounding.status, sounding.milliseconds, _SAID.get(sounding.status), **figures)


def room(shape: type[P], sounding: Sounding[Any], used: int, free: int) -> P:
    """Bytes of a part that fills up."""
    scarce = free < _SHARE_FREE * (used + free)
    return shape(
        "degraded" if scarce else "healthy",
        sounding.milliseconds,
        f"less than {_SHARE_FREE:.0%} is free" if scarce else None,
        used_bytes=used,
        free_bytes=free,
    )


def disk_part(shape: type[P], sounding: "Sounding[tuple[int, int]]") -> P:
    return part(shape, sounding) if sounding.value is None else room(shape, sounding, *sounding.value)


def memory_part(shape: type[P]) -> P:
    """Scarce where the machine's is; `used_bytes` are those of this process."""
    begun = time.perf_counter()
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    total, free = (int(lines[name].split()[0]) * 1_024 for name in ("MemTotal", "MemAvailable"))
    milliseconds = round((time.perf_counter() - begun) * 1_000, 2)
    told = room(shape, Sounding("healthy", milliseconds), total - free, free)
    told.used_bytes = resident
    return told


def _disk() -> tuple[int, int]:
    usage = shutil.disk_usage(Path.cwd())
    return usage.used, usage.free


_SAID = {"slow": "takes longer than 50 ms", "unavailable": "does not answer"}
