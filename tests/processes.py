"""`pend-index` as an operator runs it: a process, its environment, its output and its exit code."""

import asyncio
import os
import re
import signal
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.fork_server import Forked, fork

WITHIN_S = 60.0
"""Far beyond what anything takes on a busy machine: reached only when something is broken."""
_POLL_S = 0.02
_POLL_MAX_S = 0.1

Check = Callable[[], bool | Awaitable[bool]]


async def eventually(check: Check, what: str, *, within_s: float = WITHIN_S) -> None:
    """Ask `check` again and again until it says yes; fails naming `what` when the time is over.

    The longer it takes, the rarer it is asked: asking costs the machine what it needs to get there.
    """
    begun_at = asyncio.get_running_loop().time()
    while True:
        answer = check()
        if await answer if not isinstance(answer, bool) else answer:
            return
        waited_s = asyncio.get_running_loop().time() - begun_at
        assert waited_s < within_s, f"not within {within_s:g} s: {what}"
        await asyncio.sleep(min(_POLL_MAX_S, max(_POLL_S, waited_s / 20)))


@dataclass(frozen=True, slots=True)
class Finished:
    """What is left of a process: exit code (negative: killed by that signal) and output."""

    code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        return self.stdout + self.stderr


@dataclass(slots=True)
class Running:
    """A process in progress; what it says is read as it comes, so that it never blocks on a full pipe."""

    process: Forked
    stdout: list[str] = field(default_factory=list)
    stderr: list[str] = field(default_factory=list)
    readers: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def said(self) -> str:
        return "".join(self.stdout + self.stderr)

    async def says(self, pattern: str, *, within_s: float = WITHIN_S) -> re.Match[str]:
        """Wait until the output matches `pattern`; fails at once when the process ends without it."""
        await self.until(lambda: bool(re.search(pattern, self.said)), f"says {pattern!r}", within_s=within_s)
        match = re.search(pattern, self.said)
        assert match is not None
        return match

    async def until(self, check: Check, what: str, *, within_s: float = WITHIN_S) -> None:
        """Wait for what the process brings about; its end or the deadline fails, with its output."""
        waiting = asyncio.create_task(eventually(check, what, within_s=within_s))
        ended = asyncio.create_task(self._ended())
        await asyncio.wait({waiting, ended}, return_when=asyncio.FIRST_COMPLETED)
        try:
            if not waiting.done():
                # What its last words or deeds brought about counts.
                async with asyncio.timeout(1):
                    await waiting
            await waiting
        except (AssertionError, TimeoutError) as error:
            raise AssertionError(
                f"not so: {what}; exit code {self.process.returncode}:\n{self.said}"
            ) from error

    async def _ended(self) -> None:
        await asyncio.wait(self.readers)

    def send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    async def finished(self, *, within_s: float = WITHIN_S) -> Finished:
        """Wait for the end of the process and of its output."""
        try:
            async with asyncio.timeout(within_s):
                code = await self.process.wait()
                await asyncio.gather(*self.readers)
        except TimeoutError as error:
            raise AssertionError(f"still runs after {within_s:g} s:\n{self.said}") from error
        return Finished(code, "".join(self.stdout), "".join(self.stderr))

    async def metrics(self) -> Mapping[str, float]:
        """Every sample of /metrics without labels, by its name."""
        url = (await self.says(r"metrics on (http://\S+)"))[1]
        text = await asyncio.to_thread(_get, url)
        return {
            sample.name: sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if not sample.labels
        }


@asynccontextmanager
async def pend_index(*arguments: str, env: Mapping[str, str]) -> AsyncIterator[Running]:
    """`python -m indexer …` in a process group of its own, which is gone when the block ends."""
    process = await fork(arguments, {**os.environ, **env})
    running = Running(process)
    running.readers = [
        asyncio.create_task(_read(process.stdout, running.stdout)),
        asyncio.create_task(_read(process.stderr, running.stderr)),
    ]
    try:
        yield running
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        await asyncio.gather(*running.readers)


async def run_pend_index(*arguments: str, env: Mapping[str, str], within_s: float = WITHIN_S) -> Finished:
    """Run a command to its end."""
    async with pend_index(*arguments, env=env) as running:
        return await running.finished(within_s=within_s)


FETCHED = ("fetched__token_metadata", "fetched__native_balances", "fetched__contract_codes")


def environment(dsn: str, node_url: str, *, ws_url: str | None = None, **settings: object) -> dict[str, str]:
    """Variables for a quick process; `backfill__workers=2` sets backfill.workers, and so on."""
    values: dict[str, object] = {
        "database__dsn": dsn,
        "node__urls": node_url,
        "node__ws_url": ws_url or "",
        "node__poll_interval_s": 0.05,
        "node__retry_deadline_s": 1,
        "metrics__port": 0,
        # What is read beside the blocks is for the tests that are about it.
        **dict.fromkeys(FETCHED, "false"),
        **settings,
    }
    return {f"PEND_{name.upper()}": str(value) for name, value in values.items()}


def children_of(pid: int) -> list[int]:
    """Processes whose parent is `pid`, without the resource tracker of multiprocessing."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        found = [int(child) for task in children.parent.parent.iterdir() for child in _children(task)]
    except FileNotFoundError:
        return []
    return [child for child in found if "resource_tracker" not in _command(child)]


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _children(task: Path) -> list[str]:
    try:
        return (task / "children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


async def _read(stream: asyncio.StreamReader, into: list[str]) -> None:
    while line := await stream.readline():
        into.append(line.decode(errors="replace"))


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text: str = answer.read().decode()
        return text
