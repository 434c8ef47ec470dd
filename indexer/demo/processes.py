"""The demo's child processes: started in sessions of their own, logged to files, waited for with a view.

None outlives the demo, however that ends (postgres.children).
"""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from indexer.demo.interrupts import Interrupts
from postgres import children

_POLL_S = 0.05
_LAST_LINES = 12


class DemoFailed(click.ClickException):
    """A part did not start or did not do its work; says which, and the end of what it wrote."""

    exit_code = 1

    def __init__(self, what: str, output: str = "") -> None:
        tail = "\n".join(f"    {line}" for line in output.strip().splitlines()[-_LAST_LINES:])
        super().__init__(f"{what}\n{tail}" if tail else what)


@dataclass(frozen=True, slots=True)
class Finished:
    exit_code: int
    seconds: float
    output: str


@dataclass(slots=True)
class Child:
    """A running command; what it writes goes to `log`."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    started_at: float

    @property
    def exit_code(self) -> int | None:
        return self.process.poll()

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self, *, timeout_s: float) -> Finished:
        """SIGTERM, and SIGKILL after `timeout_s`; harmless when it has ended."""
        begun = time.monotonic()
        children.stop(self.process, signal.SIGTERM, timeout_s=timeout_s)
        return Finished(self.process.returncode, time.monotonic() - begun, self.output())


@dataclass(frozen=True, slots=True)
class Launcher:
    """Starts Python modules in `folder`'s keeping; `tick` runs while one is waited for."""

    folder: Path
    interrupts: Interrupts
    tick: Callable[[], None]

    def start(self, name: str, environment: Mapping[str, str], *command: str) -> Child:
        log = self.folder / f"{name}.log"
        process = children.spawn((sys.executable, "-m", *command), log=log, environment=environment)
        return Child(name, process, log, time.monotonic())

    def run(self, name: str, environment: Mapping[str, str], *command: str) -> Finished:
        """One command to its end; a part of it is no failure here: the caller judges the exit code."""
        child = self.start(name, environment, *command)
        try:
            while child.exit_code is None:
                self.pause()
        finally:
            child.stop(timeout_s=10)
        return Finished(child.process.returncode, time.monotonic() - child.started_at, child.output())

    def wait_for_line(self, child: Child, pattern: str, *, timeout_s: float) -> re.Match[str]:
        """The first match of `pattern` in what `child` writes."""
        deadline = time.monotonic() + timeout_s
        while True:
            ended = child.exit_code
            if match := re.search(pattern, child.output(), re.MULTILINE):
                return match
            if ended is not None:
                raise DemoFailed(f"{child.name} ended with exit code {ended}:", child.output())
            if time.monotonic() > deadline:
                raise DemoFailed(f"{child.name} was not ready after {timeout_s:g} s:", child.output())
            self.pause()

    def pause(self) -> None:
        """A moment: look for Ctrl-C, refresh the view, sleep."""
        self.interrupts.check()
        self.tick()
        time.sleep(_POLL_S)
