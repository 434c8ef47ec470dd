"""Processes of our programs that need not read their modules first: that takes longer than what most do.

A server for each program reads them once and forks. What it forks has an environment, a folder, a session, pipes and an exit of
its own, and runs the module as `-m` would. The acceptance tests start the interpreter itself.
"""

import asyncio
import atexit
import gc
import importlib
import json
import os
import runpy
import select
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.shared_server import REPOSITORY

INDEXER, WRITE_API = "indexer", "write_api"
_READ_BEFORE = {
    INDEXER: tuple(
        f"indexer.commands.{name}"
        for name in ("run", "backfill", "status", "verify", "rebuild", "redecode", "abi", "db")
    ),
    WRITE_API: (
        "write_api.serving",
        "write_api.live.serving",
        "write_api.working.tasks",
        "write_api.seeding",
        *(f"write_api.commands.{name}" for name in ("admin", "audit", "db", "keys", "live", "serve", "work")),
    ),
}


_ASKING = threading.Lock()


@dataclass(slots=True)
class Forked:
    """The part of `asyncio.subprocess.Process` that tests use."""

    pid: int
    stdout: asyncio.StreamReader
    stderr: asyncio.StreamReader
    returncode: int | None = None
    _ended: asyncio.Task[None] = field(init=False)

    def watch(self, told: asyncio.StreamReader) -> None:
        self._ended = asyncio.create_task(self._end(told))

    async def wait(self) -> int:
        await asyncio.shield(self._ended)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    async def _end(self, told: asyncio.StreamReader) -> None:
        self.returncode = int(await told.read())


async def fork(arguments: Sequence[str], environment: Mapping[str, str]) -> Forked:
    """`python -m indexer …` in `/`, where no pend.toml lies, in a session of its own, with two pipes to write to."""
    pipes = [os.pipe() for _ in range(3)]
    pid = _ask(INDEXER, arguments, environment, [write for _, write in pipes])
    stdout, stderr, told = [await _reader(read) for read, _ in pipes]
    forked = Forked(pid, stdout, stderr)
    forked.watch(told)
    return forked


class Spawned:
    """The part of `subprocess.Popen` that tests use."""

    def __init__(self, pid: int, told: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._told = told

    def poll(self) -> int | None:
        return self._look(0.0)

    def wait(self, timeout: float | None = None) -> int:
        if (code := self._look(timeout)) is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._told], [], [], timeout)[0]:
            told = os.read(self._told, 16)
            os.close(self._told)
            self.returncode = int(told)
        return self.returncode


def spawn(program: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Spawned:
    """`python -m program …` in `/`, in a session of its own, with both outputs appended to `log`."""
    told, tells = os.pipe()
    with log.open("ab") as output:
        pid = _ask(program, arguments, environment, [os.dup(output.fileno()), os.dup(output.fileno()), tells])
    return Spawned(pid, told)


def run(
    program: str, arguments: Sequence[str], environment: Mapping[str, str], timeout_s: float
) -> "subprocess.CompletedProcess[str]":
    """The same to its end, with what it wrote."""
    told, tells = os.pipe()
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        outputs = [os.dup(stdout.fileno()), os.dup(stderr.fileno())]
        process = Spawned(_ask(program, arguments, environment, [*outputs, tells]), told)
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess(
            [program, *arguments], code, stdout.read().decode(), stderr.read().decode()
        )


def _ask(program: str, arguments: Sequence[str], environment: Mapping[str, str], files: list[int]) -> int:
    """Fork with stdout, stderr and where the end is told, which are closed here; the process."""
    request = json.dumps([list(arguments), dict(environment)]).encode()
    with _ASKING:  # the answer says nothing of whose it is
        server = _server(program)
        socket.send_fds(server, [len(request).to_bytes(4, "big")], files)
        server.sendall(request)
        for file in files:
            os.close(file)
        return int.from_bytes(_read(server, 4), "big")


async def _reader(file: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(file, "rb", buffering=0)
    )
    return reader


@cache
def _server(program: str) -> socket.socket:
    """The way to this process's server of a program; at the end of which the server ends."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fork_server", program, str(theirs.fileno())],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _read(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = connection.recv(count - len(found))
        if not part:
            raise EOFError("the fork server ended")
        found += part
    return found


def serve(connection: socket.socket) -> list[str] | None:
    """Fork whenever it is asked for. Returns the arguments in each child, None in the server at its end."""
    woken, wake = socket.socketpair()
    exits: dict[int, int] = {}
    with connection, woken, wake, selectors.DefaultSelector() as selector:
        for end in (woken, wake):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake.fileno())
        selector.register(connection, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if woken in ready:
                woken.recv(1 << 10)
                _reap(exits)
            if connection in ready:
                length, files, _, _ = socket.recv_fds(connection, 4, 3)
                if not length:
                    signal.set_wakeup_fd(-1)
                    return None
                arguments, environment = json.loads(_read(connection, int.from_bytes(length, "big")))
                pid = os.fork()
                if pid == 0:
                    _become(files, environment)
                    for file in (*files, *exits.values()):
                        os.close(file)
                    return [str(argument) for argument in arguments]
                for file in files[:2]:
                    os.close(file)
                exits[pid] = files[2]
                connection.sendall(pid.to_bytes(4, "big"))


def _reap(exits: dict[int, int]) -> None:
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = ended
            with suppress(BrokenPipeError):
                os.write(exits[pid], str(os.waitstatus_to_exitcode(status)).encode())
            os.close(exits.pop(pid))


def _become(files: Sequence[int], environment: Mapping[str, str]) -> None:
    """Nothing of the server is left but the modules it has read."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.dup2(files[0], 1)
    os.dup2(files[1], 2)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir("/")
    sys.path[0] = "/"


def main(program: str, file: int) -> None:
    for module in _READ_BEFORE[program]:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # else every collection of every child would copy what it has in common with the others
    arguments = serve(socket.socket(fileno=file))
    if arguments is not None:
        sys.argv = [program, *arguments]
        runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
