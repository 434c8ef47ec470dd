"""One server for every process of a test session, gone when the last of them is, however it ended.

Each process holds a shared flock on `members`; a supervisor, parent of the server, waits for the
exclusive one. The kernel lets go of a dead process's lock, so kill -9 leaves nothing behind.
"""

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
CACHE = REPOSITORY / ".cache"
GONE_WITHIN_S = 10.0


class ServerUnavailable(RuntimeError):
    """The supervisor could not start its server; says why and how to get one."""


class SharedServer:
    """A place in the members of one server, named by the home it gives."""

    def __init__(self, home: str, parent: Path = CACHE / "tests") -> None:
        self.home = home
        self.folder = parent / home
        self._membership: int | None = None

    def join(self) -> str:
        """The server's DSN; starts it for the first member. Raises `ServerUnavailable`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder / "gate"):
            self._membership = os.open(self.folder / "members", os.O_RDWR | os.O_CREAT)
            # Blocks only while a supervisor that saw its last member go is taking its server down.
            fcntl.flock(self._membership, fcntl.LOCK_SH)
            return self._running() or self._start()

    def leave(self) -> None:
        if self._membership is not None:
            os.close(self._membership)
            self._membership = None

    def wait_until_gone(self) -> None:
        """After the last member left: until its server has ended; at once where none was ever started."""
        if not self.folder.is_dir():
            return
        deadline = time.monotonic() + GONE_WITHIN_S
        while self._running() and time.monotonic() < deadline:
            time.sleep(0.02)

    def _running(self) -> str | None:
        """The DSN, if a supervisor lives: it holds `alive` as long as it does, whatever ends it."""
        with (self.folder / "alive").open("a") as alive:
            try:
                fcntl.flock(alive, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                return None
        try:
            return str(json.loads((self.folder / "state.json").read_text())["dsn"])
        except FileNotFoundError:
            return None

    def _start(self) -> str:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "tests.server_supervisor", self.home, str(self.folder)],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert supervisor.stdout is not None
        with supervisor.stdout as answers:
            answer = json.loads(answers.readline() or b'{"failure": "the supervisor died"}')
        supervisor.returncode = 0  # it outlives us; nobody here waits for it
        if "failure" in answer:
            raise ServerUnavailable(answer["failure"])
        return str(answer["dsn"])


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Alone among the processes that lock this path."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
