"""Very many Socket.IO clients in one process, each with a token of its own; they listen until stdin ends.

Run as a process of its own, so that its work is not the server's; it prints one JSON object.
"""

import asyncio
import gc
import json
import resource
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import uvloop

_OPENING_AT_ONCE = 200
_TEXT, _CLOSE = 0x81, 0x88
_HANDSHAKE = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@dataclass(slots=True)
class Audience:
    """When each message came, by the number that follows `mark` in it; why connections ended."""

    mark: bytes
    arrived: dict[int, list[float]] = field(default_factory=dict)
    ended: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Client(asyncio.Protocol):
    opening: bytes
    token: str
    audience: Audience
    connected: "asyncio.Future[None]"
    transport: asyncio.Transport | None = None
    is_open: bool = False
    buffer: bytes = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self.transport.write(self.opening)

    def data_received(self, data: bytes) -> None:
        now = time.time()
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
        while size - place >= 2:
            length, head = data[place + 1], 2
            if length > 125:
                head = 4
                if size - place < head:
                    break
                length = int.from_bytes(data[place + 2 : place + 4], "big")
            start = place + head
            if start + length > size:
                break
            self._hear(data[place], data[start : start + length], now)
            place = start + length
        self.buffer = data[place:]

    def _hear(self, kind: int, payload: bytes, now: float) -> None:
        mark = self.audience.mark
        if kind == _TEXT and payload.startswith(mark):
            number = int(payload[len(mark) : payload.index(b",", len(mark))])
            self.audience.arrived.setdefault(number, []).append(now)
        elif payload == b"2":
            self._say("3")
        elif payload.startswith(b"0"):
            self._say("40" + json.dumps({"token": self.token}))
        elif payload.startswith(b"40") and not self.connected.done():
            self.connected.set_result(None)
        elif kind == _CLOSE or payload.startswith(b"44"):
            self._end(payload[2:].decode(errors="replace"))

    def _say(self, text: str) -> None:
        payload = text.encode()
        length = len(payload)
        size = bytes([0x80 | length]) if length < 126 else b"\xfe" + length.to_bytes(2, "big")
        assert self.transport is not None
        self.transport.write(bytes([_TEXT]) + size + bytes(4) + payload)

    def _end(self, why: str) -> None:
        self.audience.ended[why] += 1
        if not self.connected.done():
            self.connected.set_exception(ConnectionError(why))
        assert self.transport is not None
        self.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.connected.done():
            self.connected.set_exception(ConnectionError(f"lost before it was connected: {error}"))


async def listen(url: str, tokens: list[str], mark: str) -> dict[str, object]:
    parts = urlsplit(url)
    opening = _HANDSHAKE.format(host=parts.netloc).encode()
    audience = Audience(mark.encode())
    loop = asyncio.get_running_loop()
    gate = asyncio.Semaphore(_OPENING_AT_ONCE)

    async def connect(token: str) -> None:
        async with gate:
            connected = loop.create_future()
            await loop.create_connection(
                lambda: Client(opening, token, audience, connected),
                parts.hostname or "127.0.0.1",
                parts.port or 80,
            )
            await connected

    begun = time.perf_counter()
    await asyncio.gather(*map(connect, tokens))
    connected_s = time.perf_counter() - begun
    gc.collect()
    gc.freeze()
    print("open", file=sys.stderr, flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    return {
        "connected_s": connected_s,
        "ended": dict(audience.ended),
        "messages": {
            number: {"count": len(each), "first_at": min(each), "last_at": max(each)}
            for number, each in audience.arrived.items()
        },
    }


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    given = json.loads(Path(sys.argv[1]).read_text())
    print(json.dumps(uvloop.run(listen(**given))), flush=True)


if __name__ == "__main__":
    main()
