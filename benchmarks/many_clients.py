"""Very many clients in one process: keep-alive connections that ask now and then, or subscribers that listen.

Run as a process of its own, so that its work is not the server's; it prints one JSON object.
"""

import asyncio
import json
import random
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

_OPENING_AT_ONCE = 200
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
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def ask(self, due_at: float | None = None) -> None:
        """Ask now; time counts from when it was due, so that a late question is no fast answer."""
        if self.transport is None or self.transport.is_closing():
            self.errors.append("closed")
            return
        if self.asked_at:
            self.errors.append("still waiting")
            return
        self.kind, request = self.requests()
        self.asked_at = time.perf_counter() if due_at is None else due_at
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
class _Subscriber(asyncio.Protocol):
    """One WebSocket that counts the frames of blocks and when they came."""

    opening: bytes
    after: bytes
    arrived: "dict[bytes, list[float]]"
    mark: bytes
    opened: bool = False
    buffer: bytearray = field(default_factory=bytearray)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self.opening)
        self.transport = transport

    transport: asyncio.Transport | None = None

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        if not self.opened:
            self.buffer += data
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self.opened = True
            data = bytes(self.buffer[end + 4 :])
            self.buffer.clear()
            if self.after and self.transport is not None:
                self.transport.write(self.after)
        start = 0
        while (place := data.find(self.mark, start)) >= 0:
            start = place + len(self.mark)
            self.arrived.setdefault(data[start : start + 12], []).append(now)


async def ask(
    url: str, connections: int, every_s: float, run_s: float, mix: dict[str, tuple[int, list[str]]]
) -> dict[str, object]:
    """Each connection asks every so often, spread evenly: an open loop. `mix`: for each kind weight and paths."""
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
    print("open", file=sys.stderr, flush=True)
    begun = time.perf_counter()
    per_s = connections / every_s
    total = int(run_s * per_s)
    for number in range(total):
        due = begun + number / per_s
        wait = due - time.perf_counter()
        if wait > 0.001:
            await asyncio.sleep(wait)
        askers[number % connections].ask(due)
    await asyncio.sleep(2)
    unanswered = sum(asker.asked_at > 0 for asker in askers)
    return {
        "asked": total,
        "unanswered": unanswered,
        "errors": _counted(errors),
        "seconds": {kind: sorted(each) for kind, each in seconds.items()},
    }


async def subscribe(url: str, connections: int, run_s: float, mark: str, after: str) -> dict[str, object]:
    """Each connection subscribes and listens; `mark` begins what tells one message from the next."""
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    opening = _HANDSHAKE.format(path=target, host=host).encode()
    arrived: dict[bytes, list[float]] = {}
    loop = asyncio.get_running_loop()
    gate = asyncio.Semaphore(_OPENING_AT_ONCE)
    sent = _masked(after.encode()) if after else b""

    async def connect() -> None:
        async with gate:
            await loop.create_connection(
                lambda: _Subscriber(opening, sent, arrived, mark.encode()), host, port
            )

    await asyncio.gather(*(connect() for _ in range(connections)))
    print("open", file=sys.stderr, flush=True)
    await asyncio.sleep(run_s)
    return {
        "messages": {
            name.decode("latin-1"): {"count": len(each), "last_after_s": max(each) - min(each)}
            for name, each in arrived.items()
        }
    }


def _masked(text: bytes) -> bytes:
    """One text frame of a client; its mask is zero, so that the text stays as it is."""
    length = (
        bytes([0x80 | len(text)]) if len(text) < 126 else bytes([0x80 | 126]) + len(text).to_bytes(2, "big")
    )
    return b"\x81" + length + bytes(4) + text


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
