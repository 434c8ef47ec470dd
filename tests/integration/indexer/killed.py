"""kill -9 at random instants, counted in what the node is asked, and what must be true at once afterwards."""

import asyncio
import os
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import structlog
from aiohttp import web

from devnet.chain import Devnet
from devnet.faults import Exchange, NoFaults
from tests.invariants import assert_held
from tests.oracle import value
from tests.processes import Running, children_of, eventually, is_alive

log = structlog.get_logger(__name__)

# Something goes on between two requests too: a COPY, a commit; and before the first one.
_JITTER_MAX_S, _START_S = 0.25, 0.5


class Victim(StrEnum):
    """What the signal goes to; the workers of a parent that is gone have to end by themselves."""

    PARENT = "parent"
    GROUP = "group"
    WORKER = "worker"


@dataclass
class Counting(NoFaults):
    """A node that counts what it is asked, wakes who waits for a number, and lives on meanwhile."""

    live: Callable[[], None] = lambda: None
    asked: int = 0
    _wanted: int = 0
    _reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def before(self, exchange: Exchange) -> web.Response | None:
        self.asked += 1
        self.live()
        if self.asked == self._wanted:
            self._reached.set()
        return None

    async def asked_more(self, count: int) -> None:
        if count > 0:
            self._reached.clear()
            self._wanted = self.asked + count
            await self._reached.wait()


@dataclass
class Life:
    """A chain that grows by a block each `every`-th request, and now and then changes its branch."""

    devnet: Devnet
    rng: random.Random
    every: int = 6
    reorg_depth_max: int = 3
    _asked: int = 0

    def __call__(self) -> None:
        self._asked += 1
        if self._asked % self.every == 0:
            if self.rng.random() < 0.25:
                self.devnet.reorg(self.rng.randint(1, self.reorg_depth_max))
            else:
                self.devnet.advance()


@dataclass
class Kills:
    """Those of one run, from a seed; told when something fails."""

    wanted: int
    rng: random.Random
    done: list[str] = field(default_factory=list)

    @property
    def left(self) -> int:
        return self.wanted - len(self.done)

    async def strike(self, running: Running, node: Counting, dsn: str, *, asked_max: int) -> Victim | None:
        """Kill at a random instant of the run, its start included; None when there was nothing to kill.

        A parent is gone with all its workers afterwards, and what is committed holds.
        """
        rng, before = self.rng, node.asked
        victim = rng.choice(list(Victim))
        starting = rng.random() < 0.15
        reached = asyncio.create_task(node.asked_more(0 if starting else rng.randint(1, asked_max)))
        ended = asyncio.create_task(running.process.wait())
        await asyncio.wait({reached, ended}, return_when=asyncio.FIRST_COMPLETED)
        # No synchronisation: this is what makes the instant a random one.
        await asyncio.sleep(rng.uniform(0, _START_S if starting else _JITTER_MAX_S))
        reached.cancel()
        ended.cancel()
        if not self._kill(running, victim):
            return None
        if victim is not Victim.WORKER:
            await eventually(lambda: not _members(running.pid), "no process is left behind")
        stored = await value(dsn, "SELECT count(*) FROM chain.blocks")
        kill = f"{victim} after {node.asked - before} requests, {stored} blocks stored"
        self.done.append(kill)
        log.info(
            "killed", number=len(self.done), victim=victim.value, asked=node.asked - before, stored=stored
        )
        await assert_held(dsn)
        return victim

    def _kill(self, running: Running, victim: Victim) -> bool:
        if running.process.returncode is not None:
            return False
        try:
            match victim:
                case Victim.PARENT:
                    os.kill(running.pid, signal.SIGKILL)
                case Victim.GROUP:
                    os.killpg(running.pid, signal.SIGKILL)
                case Victim.WORKER:
                    os.kill(self.rng.choice(children_of(running.pid)), signal.SIGKILL)
        except (ProcessLookupError, IndexError):  # it has just ended, or has no workers now
            return False
        return True


def _members(group: int) -> list[int]:
    """The living processes of a process group."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and is_alive(pid := int(folder.name)):
            try:
                if os.getpgid(pid) == group:
                    found.append(pid)
            except ProcessLookupError:
                continue
    return found
