"""Subscribers of a stream: `benchmarks.many_clients` in a process of its own, while a block runs."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from explorer_api.stream.application import PATH

MARK = '{"type":"blocks","channel":"blocks","sequence":'
SUBSCRIBE = '{"subscribe":["blocks"]}'


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message: how many received it, and the time of the first and of the last of them."""

    count: int
    first_at: float
    last_at: float


@dataclass(slots=True)
class Heard:
    """What came to all of them; filled when they are gone."""

    arrivals: dict[int, Arrival] = field(default_factory=dict)
    """By sequence."""
    ended: dict[str, int] = field(default_factory=dict)
    """Connections that the server ended, by the reason."""
    cpu_us_each: float = 0.0
    """What a message cost here: far less than it cost the server, or it is these that were measured."""


@contextmanager
def listeners(url: str, connections: int, folder: Path) -> Iterator[Heard]:
    """So many are subscribed to `blocks` within the block."""
    order = folder / "subscribe.json"
    asked = {"url": url + PATH, "connections": connections, "mark": MARK, "request": SUBSCRIBE}
    order.write_text(json.dumps({"do": "subscribe", **asked}))
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.many_clients", str(order)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    heard = Heard()
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        if line != "open\n":
            raise RuntimeError(line + process.stderr.read())
        yield heard
        out, err = process.communicate()
        if process.returncode:
            raise RuntimeError(err)
        told = json.loads(out)
        heard.arrivals = {int(name): Arrival(**each) for name, each in told["messages"].items()}
        heard.ended, heard.cpu_us_each = told["ended"], told["cpu_us_each"]
    finally:
        process.kill()
        process.wait()
