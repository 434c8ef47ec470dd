"""Servers and load on one machine: the server on the first core, everything that asks on the others."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.indexing import environment

_WITHIN_S = 60.0
_CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORES = _CORES[0], ",".join(str(core) for core in _CORES[1:] or _CORES)

_PATHS = """
local paths = {}
local at = 0
function init(args)
  for line in io.lines(args[1]) do paths[#paths + 1] = line end
  math.randomseed(tonumber(args[2] or "1"))
  at = math.random(#paths)
end
function request()
  at = at % #paths + 1
  return wrk.format("GET", paths[at])
end
local failed = 0
function response(status) if status ~= 200 and status ~= 304 then failed = failed + 1 end end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw."""

    per_s: float
    p50_ms: float
    p99_ms: float
    errors: int


@dataclass(frozen=True, slots=True)
class Served:
    url: str
    pid: int


@contextmanager
def beside_servers() -> Iterator[None]:
    """This process, and what it starts but servers, leaves the first core to these."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, _CORES[1:] or _CORES)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def serving(
    module: str,
    *arguments: str,
    ready: str,
    path: str,
    cores: str = str(SERVER_CORE),
    **settings: object,
) -> Iterator[Served]:
    """A server process, on the first core if not said, from its first answer at `path` on."""
    said = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed below
    process = subprocess.Popen(
        ["taskset", "-c", cores, sys.executable, "-m", module, *arguments],
        env=environment(**settings),
        stdout=subprocess.PIPE,
        stderr=said,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        lines = (re.search(ready, line) for line in process.stdout)
        found = next(filter(None, lines), None)
        if found is None:
            said.seek(0)
            raise RuntimeError(f"{module} did not start:\n{said.read()[-4000:]}")
        _wait_for(f"{found[1]}{path}")
        yield Served(found[1], process.pid)
    finally:
        said.close()
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def explorer(
    dsn: str, *arguments: str, module: str = "explorer_api", **settings: object
) -> AbstractContextManager[Served]:
    """`pend-explorer serve`, limits and metrics on, with limits too high to refuse the load."""
    values: dict[str, object] = {
        "database__dsn": dsn,
        "database__role": "pend_explorer",
        "http__port": free_port(),
        "limits__requests_per_minute": 10_000_000,
        "limits__burst_per_s": 1_000_000,
        **settings,
    }
    given = arguments or ("serve",)
    return serving(module, *given, ready=r"explorer on (http://\S+)", path="/ping", **values)


def stream(dsn: str, redis_url: str, **settings: object) -> AbstractContextManager[Served]:
    """`pend-explorer stream` fed by Redis; one address may hold every connection."""
    values: dict[str, object] = {
        "database__dsn": dsn,
        "database__role": "pend_explorer",
        "redis__url": redis_url,
        "stream__port": 0,
        "stream__connections_per_client": 1_000_000,
        **settings,
    }
    return serving("explorer_api", "stream", ready=r"stream on (http://\S+)", path="/ping", **values)


def bare_stream() -> AbstractContextManager[Served]:
    return serving("benchmarks.bare_stream", ready=r"bare stream on (http://\S+)", path="/ping")


def bare() -> AbstractContextManager[Served]:
    ready = r"bare on (http://\S+)"
    return serving("benchmarks.bare_litestar", str(free_port()), ready=ready, path="/constant")


def wrk(
    url: str,
    paths: Sequence[str],
    folder: Path,
    *,
    connections: int = 64,
    seconds: float = 3,
    headers: Sequence[str] = (),
) -> Load:
    """Closed loop over `paths`, in turn from a random place on."""
    script, listed = folder / "paths.lua", folder / "paths.txt"
    script.write_text(_PATHS)
    listed.write_text("\n".join(paths) + "\n")
    head = [part for header in headers for part in ("-H", header)]
    done = subprocess.run(
        [
            *(
                "taskset",
                "-c",
                CLIENT_CORES,
                "wrk",
                "-t1",
                f"-c{connections}",
                f"-d{seconds:g}s",
                "--latency",
            ),
            *(*head, "-s", str(script), url, "--", str(listed), str(time.monotonic_ns() % 1_000_000)),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    text = done.stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    p50, p99 = (re.search(rf"{share}%\s+([\d.]+)(us|ms|s)", text) for share in (50, 99))
    assert rate is not None, text
    assert p50 is not None, text
    assert p99 is not None, text
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    errors = int(failed[1]) if failed else 0
    errors += sum(int(each) for each in broken.groups()) if broken else 0
    return Load(float(rate[1]), _ms(p50), _ms(p99), errors)


def _ms(found: "re.Match[str]") -> float:
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + _WITHIN_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
