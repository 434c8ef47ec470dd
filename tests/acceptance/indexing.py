"""`pend-index` as an operator runs it: a process with an environment, an output and an exit code.

Nothing is imported from the indexer; tests wait for what the database shows, with a deadline.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.anvil import Anvil

COMMAND_TIMEOUT_S = 90.0
WAIT_S = 45.0
# The promise of `run`: it has left ten seconds after SIGTERM, with nothing half-done.
STOP_WITHIN_S = 10.0

_POLL_S = 0.05


@dataclass(frozen=True)
class Finished:
    """How a command ended, with all it wrote."""

    exit_code: int
    output: str


@dataclass(frozen=True)
class Daemon:
    """A running `pend-index run`; what it writes is kept for the message of a failing test."""

    process: subprocess.Popen[bytes]
    log_path: Path

    def terminate(self) -> Finished:
        """SIGTERM and its exit code. Raises `subprocess.TimeoutExpired` if it stays."""
        self.process.send_signal(signal.SIGTERM)
        return Finished(self.process.wait(STOP_WITHIN_S), self.output())

    def wait(self, timeout_s: float = WAIT_S) -> Finished:
        """The exit of a daemon that is meant to stop by itself."""
        return Finished(self.process.wait(timeout_s), self.output())

    def output(self) -> str:
        return self.log_path.read_text(errors="replace")[-8000:]


def settings(dsn: str, node: Anvil, **more: str) -> dict[str, str]:
    """The variables of one database and one node; `FOLLOW__X="…"` style keywords are added."""
    return {
        "PEND_DATABASE__DSN": dsn,
        "PEND_DATABASE__ROLE": "pend_indexer",  # its privileges must be enough for all that follows
        "PEND_NODE__URLS": node.http_url,
        "PEND_NODE__WS_URL": node.ws_url,
        "PEND_METRICS__PORT": "0",
        **{f"PEND_{name}": value for name, value in more.items()},
    }


def run_command(environment: Mapping[str, str], *arguments: str) -> Finished:
    """One command to its end."""
    finished = subprocess.run(
        [*_PEND_INDEX, *arguments],
        env=_whole(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )
    return Finished(finished.returncode, finished.stdout.decode(errors="replace"))


@contextlib.contextmanager
def daemon(environment: Mapping[str, str], log_path: Path) -> Iterator[Daemon]:
    """`pend-index run` for as long as the block lasts; gone afterwards, whatever happened."""
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [*_PEND_INDEX, "run"], env=_whole(environment), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    running = Daemon(process, log_path)
    try:
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def wait_until(holds: Callable[[], bool], what: str, running: Daemon, timeout_s: float = WAIT_S) -> None:
    """Return once `holds()`; fail with the daemon's output if it ends first or time runs out."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        exit_code = running.process.poll()
        assert exit_code is None, f"the daemon ended with {exit_code} before {what}:\n{running.output()}"
        assert time.monotonic() < deadline, f"not within {timeout_s:.0f} s: {what}:\n{running.output()}"
        time.sleep(_POLL_S)


_PEND_INDEX = (sys.executable, "-m", "indexer")


def _whole(environment: Mapping[str, str]) -> dict[str, str]:
    """Only what a process needs to start, plus what the test says; no variable leaks in from outside."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**inherited, "PYTHONUNBUFFERED": "1", **environment}
