"""The least that uvloop can do for very many sockets: the stream is held against it.

Whoever opens a WebSocket here is told what another connection sends after `TELL `, up to the end of the line:
framed once, then one `write` a socket.
"""

import asyncio
import gc
from typing import cast

import uvloop

from explorer_api.stream.messages import framed
from service.http.web_sockets import BACKLOG

_TEXT = 0x81
_PONG = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\npong"
_SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
_SUBSCRIBED = framed(_TEXT, b'{"type":"subscribed"}')
_audience: "set[asyncio.Transport]" = set()


class Connection(asyncio.Protocol):
    """One that listens, one that tells, or a question whether anyone is here."""

    __slots__ = ("is_listening", "line", "transport")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self.line, self.is_listening = b"", False

    def data_received(self, data: bytes) -> None:
        if self.is_listening:
            self.transport.write(_SUBSCRIBED)
            _audience.add(self.transport)
            return
        self.line += data
        if self.line.startswith(b"TELL "):
            *lines, self.line = self.line.split(b"\n")
            for line in lines:
                tell(line[5:])
        elif self.line.endswith(b"\r\n\r\n"):
            self.is_listening = b"upgrade: websocket" in self.line.lower()
            self.line = b""
            self.transport.write(_SWITCHED if self.is_listening else _PONG)

    def connection_lost(self, _error: Exception | None) -> None:
        _audience.discard(self.transport)


def tell(text: bytes) -> None:
    frame = framed(_TEXT, text)
    for transport in _audience:
        transport.write(frame)


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0, backlog=BACKLOG)
    gc.collect()
    gc.freeze()
    print(f"bare stream on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
