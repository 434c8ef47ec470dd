"""Very many clients in one process: keep-alive connections that ask now and then, or subscribers that listen.

Run as a process of its own, so that its work is not the server's; it prints one JSON object.
"""

import asyncio
import gc
import json
import random
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import uvloop

_OPENING_AT_ONCE = 200
_TEXT, _CLOSE, _PING, _PONG = 0x81, 0x88, 0x89, 0x8A
_SUBSCRIBED = b'{"type":"subscribed"'
_HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@dataclass(slots=True)
class _Asker(asyncio.Protocol):
    """One connection that asks one question at a time."""

    requests: "Callable[[], tuple[str, bytes]]"
    seconds: "dict[str, list[float]]"
    errors: "list[str]"
    transport: asyncio.Transport | None = None
    asked_at: float = 0.0
    kind: str = ""
    buffer: bytearray = field(default_factory=bytearray)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class

    def ask(self, due_at: float | None = None) -> None:
        """Ask now; time counts from when it was due, if that is over: a late question is no fast answer."""
        if self.transport is None or self.transport.is_closing():
            self.errors.append("closed")
            return
        if self.asked_at:
            self.errors.append("still waiting")
            return
        self.kind, request = self.requests()
        now = time.perf_counter()
        self.asked_at = now if due_at is None else min(now, due_at)
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self.buffer[:end]).lower()
        place = head.find(b"content-length:")
        length = int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
        if len(self.buffer) < end + 4 + length:
            return
        status = head[9:12]
        if status not in {b"200", b"304", b"404"}:
            self.errors.append(status.decode("latin-1"))
        self.seconds.setdefault(self.kind, []).append(time.perf_counter() - self.asked_at)
        self.asked_at = 0.0
        self.buffer.clear()

    def connection_lost(self, _error: Exception | None) -> None:
        self.transport = None


@dataclass(slots=True)
class _Audience:
    """What all subscribers of this process saw; a message is named by what follows `mark` in it."""

    mark: bytes
    arrived: dict[bytes, list[float]] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Subscriber(asyncio.Protocol):
    """One WebSocket that sends a request when it is open, and notes when each message came."""

    opening: bytes
    request: bytes
    audience: _Audience
    subscribed: "asyncio.Future[None]"
    transport: asyncio.Transport | None = None
    is_open: bool = False
    buffer: bytes = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self.transport.write(self.opening)

    def data_received(self, data: bytes) -> None:
        now = time.time()
        if self.buffer:
            data = self.buffer + data
        place, size = 0, len(data)
        if not self.is_open:
            place = data.find(b"\r\n\r\n") + 4
            if place < 4:
                self.buffer = data
                return
            if not data.startswith(b"HTTP/1.1 101"):
                self._end(data[:60].decode("latin-1").splitlines()[0])
                return
            self.is_open = True
            assert self.transport is not None
            self.transport.write(self.request)
        while size - place >= 2:
            length, head = data[place + 1], 2
            if length > 125:
                head = 4 if length == 126 else 10
                if size - place < head:
                    break
                length = int.from_bytes(data[place + 2 : place + head], "big")
            start = place + head
            if start + length > size:
                break
            self._hear(data[place], data[start : start + length], now)
            place = start + length
        self.buffer = data[place:]

    def _hear(self, kind: int, payload: bytes, now: float) -> None:
        mark = self.audience.mark
        if kind == _TEXT and payload.startswith(mark):
            name = payload[len(mark) : payload.index(b",", len(mark))]
            self.audience.arrived.setdefault(name, []).append(now)
        elif kind == _TEXT and payload.startswith(_SUBSCRIBED) and not self.subscribed.done():
            self.subscribed.set_result(None)
        elif kind == _PING:
            assert self.transport is not None
            self.transport.write(_masked(_PONG, payload))
        elif kind == _CLOSE:
            self._end(f"closed: {payload[2:].decode()}")

    def _end(self, why: str) -> None:
        self.audience.ended.append(why)
        if not self.subscribed.done():
            self.subscribed.set_exception(ConnectionError(why))
        assert self.transport is not None
        self.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.subscribed.done():
            self.subscribed.set_exception(ConnectionError(f"lost before it was subscribed: {error}"))
        elif error is not None:
            self.audience.ended.append(f"lost: {error}")


async def ask(
    url: str,
    connections: int,
    every_s: float,
    run_s: float,
    mix: dict[str, tuple[int, list[str]]],
    warm_s: float = 0.0,
) -> dict[str, object]:
    """Each connection asks every so often, spread evenly: an open loop. `mix`: weight and paths of a kind.

    What is asked in the first `warm_s` seconds does not count.
    """
    host, port = urlsplit(url).hostname or "127.0.0.1", urlsplit(url).port or 80
    rng = random.Random(7)
    kinds, weights = list(mix), [weight for weight, _ in mix.values()]
    prepared = {
        kind: [
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: gzip\r\n\r\n".encode() for path in paths
        ]
        for kind, (_, paths) in mix.items()
    }
    seconds: dict[str, list[float]] = {}
    errors: list[str] = []
    loop = asyncio.get_running_loop()

    def requests() -> tuple[str, bytes]:
        (kind,) = rng.choices(kinds, weights)
        return kind, rng.choice(prepared[kind])

    gate = asyncio.Semaphore(_OPENING_AT_ONCE)

    async def connect() -> _Asker:
        async with gate:
            _, asker = await loop.create_connection(lambda: _Asker(requests, seconds, errors), host, port)
            return asker

    askers = await asyncio.gather(*(connect() for _ in range(connections)))
    _opened()
    per_s = connections / every_s

    async def keep_asking(for_s: float) -> int:
        begun = time.perf_counter()
        total = int(for_s * per_s)
        for number in range(total):
            due = begun + number / per_s
            wait = due - time.perf_counter()
            # A timer counts whole milliseconds; who is late still hears answers before the next question.
            await asyncio.sleep(wait if wait > 0.001 else 0)
            askers[number % connections].ask(due)
        return total

    await keep_asking(warm_s)
    await asyncio.sleep(min(1.0, warm_s))
    seconds.clear()
    errors.clear()
    total = await keep_asking(run_s)
    await asyncio.sleep(2)
    unanswered = sum(asker.asked_at > 0 for asker in askers)
    return {
        "asked": total,
        "unanswered": unanswered,
        "errors": _counted(errors),
        "seconds": {kind: sorted(each) for kind, each in seconds.items()},
    }


async def subscribe(url: str, connections: int, mark: str, request: str) -> dict[str, object]:
    """Each connection subscribes by `request` and listens until stdin ends.

    Times are those of the clock on the wall, which the database also reads. What comes before all are
    subscribed is not counted.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    opening = _HANDSHAKE.format(path=parts.path, host=parts.netloc).encode()
    sent = _masked(_TEXT, request.encode())
    audience = _Audience(mark.encode())
    loop = asyncio.get_running_loop()
    gate = asyncio.Semaphore(_OPENING_AT_ONCE)

    async def connect() -> None:
        async with gate:
            subscribed = loop.create_future()
            await loop.create_connection(lambda: _Subscriber(opening, sent, audience, subscribed), host, port)
            await subscribed

    await asyncio.gather(*(connect() for _ in range(connections)))
    audience.arrived.clear()
    _opened()
    begun_cpu_s = time.process_time()
    await loop.run_in_executor(None, sys.stdin.read)
    cpu_s = time.process_time() - begun_cpu_s
    return {
        "ended": _counted(audience.ended),
        "cpu_us_each": cpu_s * 1e6 / max(1, sum(map(len, audience.arrived.values()))),
        "messages": {
            name.decode("latin-1"): {"count": len(each), "first_at": min(each), "last_at": max(each)}
            for name, each in audience.arrived.items()
        },
    }


def _opened() -> None:
    """Say so. What there is now stays: no full collection stops the clients later."""
    gc.collect()
    gc.freeze()
    print("open", file=sys.stderr, flush=True)


def _masked(kind: int, payload: bytes) -> bytes:
    """One frame of a client; its mask is zero, so that the payload stays as it is."""
    length = len(payload)
    size = bytes([0x80 | length]) if length < 126 else b"\xfe" + length.to_bytes(2, "big")
    return bytes([kind]) + size + bytes(4) + payload


def _counted(errors: Sequence[str]) -> dict[str, int]:
    return {each: errors.count(each) for each in set(errors)}


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    given = json.loads(Path(sys.argv[1]).read_text())
    work = {"ask": ask, "subscribe": subscribe}[given.pop("do")]
    print(json.dumps(uvloop.run(work(**given))), flush=True)  # type: ignore[operator]


if __name__ == "__main__":
    main()
