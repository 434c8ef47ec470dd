"""A real EVM node for tests: anvil, from the locked npm packages beside the acceptance tests.

It listens on a free loopback port, is stopped when the test ends however it ends, and dies with
the test process where the kernel offers that. A machine without it skips aloud; CI fails.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.database import refuse_or_skip

PACKAGES = Path(__file__).parent / "acceptance" / "packages"
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 5.0
HOW_TO_GET_IT = (
    f"run `npm ci` in {PACKAGES.relative_to(Path(__file__).parents[1])}, or put anvil 1.7+ on PATH"
)

_LISTENING = re.compile(r"Listening on 127\.0\.0\.1:(\d+)")


@dataclass(frozen=True)
class Anvil:
    """A running node: where it answers and what it calls itself."""

    http_url: str
    ws_url: str
    chain_id: int
    log_path: Path


class AnvilStartError(RuntimeError):
    """anvil ended, or stayed silent, before it listened; the message carries what it printed."""


def find_anvil() -> Path | None:
    """The binary itself, not npm's script: a signal sent to it reaches the node."""
    for candidate in sorted(PACKAGES.glob("node_modules/@foundry-rs/anvil-*/bin/anvil*")):
        if os.access(candidate, os.X_OK):
            return candidate
    on_path = shutil.which("anvil")
    return Path(on_path) if on_path else None


def require_anvil() -> Path:
    """The binary, or a skip that says what was not tested; with CI=true a failure."""
    found = find_anvil()
    if found is None:
        refuse_or_skip("a real EVM node (anvil)", f"anvil is missing; {HOW_TO_GET_IT}")
    assert found is not None
    return found


@contextlib.contextmanager
def running_anvil(
    binary: Path, *, hardfork: str = "prague", chain_id: int = 31337, arguments: Sequence[str] = ()
) -> Iterator[Anvil]:
    """Run one node for as long as the block lasts. Raises `AnvilStartError` with its output."""
    with tempfile.TemporaryDirectory(prefix="pend-anvil-") as folder:
        log_path = Path(folder) / "anvil.log"
        command = [
            *_die_with_the_tests(),
            str(binary),
            *("--host", "127.0.0.1", "--port", "0", "--color", "never"),
            *("--hardfork", hardfork, "--chain-id", str(chain_id)),
            *("--cache-path", folder),
            *arguments,
        ]
        with log_path.open("wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            port = _port(process, log_path)
            yield Anvil(f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}", chain_id, log_path)
        finally:
            _stop(process)


@pytest.fixture
def anvil() -> Iterator[Anvil]:
    with running_anvil(require_anvil()) as node:
        yield node


def _die_with_the_tests() -> list[str]:
    """A test run killed with SIGKILL runs no `finally`; the kernel then ends the node (prctl(2))."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


def _port(process: subprocess.Popen[bytes], log_path: Path) -> int:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        # Asked before the log is read, so that a line printed just before an exit is still seen.
        ended = process.poll()
        printed = log_path.read_text(errors="replace")
        if listening := _LISTENING.search(printed):
            return int(listening[1])
        if ended is not None:
            raise AnvilStartError(f"anvil ended with code {ended}: {printed[-1000:]}")
        time.sleep(0.02)
    raise AnvilStartError(f"anvil did not listen within {START_TIMEOUT_S:.0f} s: {printed[-1000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
