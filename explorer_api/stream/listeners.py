"""Who listens: a connection, and how it is written to without a copy, a task or a queue of its own.

A message is encoded once and handed to each connection's transport, whose buffer is the only queue there is:
bounded, and given up with its reader when that does not read. Works on uvicorn's connections alone.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from explorer_api.clients import Client
from explorer_api.stream.messages import Message, chunk, framed

LAST_WORDS_S = 5.0
"""How long a reader may take to read why it is dropped."""
_CLOSE, _LAST_CHUNK = 0x88, b"0\r\n\r\n"


class Listener(ABC):
    """One connection. `channels` in the order given; `is_live` once it hears rows as they come."""

    __slots__ = ("channels", "client", "is_live", "queue_bytes_max", "reason", "transport")

    def __init__(self, client: Client, transport: Any, queue_bytes_max: int) -> None:
        self.client = client
        self.transport = transport
        self.queue_bytes_max = queue_bytes_max
        self.channels: dict[str, None] = {}
        self.is_live = True
        self.reason: str | None = None
        """Why it was ended from here; None while it lasts."""

    @abstractmethod
    def tell(self, message: Message) -> None:
        """Send it, or give the reader up."""

    @abstractmethod
    def flush(self, sequence: int) -> None:
        """A row was told on all its channels."""

    @abstractmethod
    def beat(self, heartbeat: Message) -> None: ...

    @abstractmethod
    async def drained(self) -> None:
        """Until there is room."""

    @abstractmethod
    def end(self, message: Message, close_code: int, reason: str) -> None:
        """Send a last message, and close once it was read, or after a while."""

    def write(self, data: bytes) -> None:
        transport = self.transport
        if self.reason is not None or transport.is_closing():
            return
        waiting = transport.get_write_buffer_size()
        if waiting > self.queue_bytes_max:
            self.drop(waiting)
        else:
            transport.write(data)

    def drop(self, waiting: int) -> None:
        """Give up a reader that does not read."""
        detail = (
            f"{waiting} bytes wait to be read, {self.queue_bytes_max} may; resume from your last sequence"
        )
        body = b'{"type":"error","error":"too_slow","detail":"%s"}' % detail.encode()
        self.end(Message(0, body), 1013, "too slow")

    def _abort_later(self) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(LAST_WORDS_S, self.transport.abort)


class WebSocketListener(Listener):
    __slots__ = ("protocol",)

    def __init__(self, client: Client, protocol: WebSocketsSansIOProtocol, queue_bytes_max: int) -> None:
        super().__init__(client, protocol.transport, queue_bytes_max)
        self.protocol = protocol

    def tell(self, message: Message) -> None:
        self.write(message.frame)

    def beat(self, heartbeat: Message) -> None:
        self.write(heartbeat.frame)

    def flush(self, sequence: int) -> None:
        """Nothing waits: each message was written as it was told."""

    async def drained(self) -> None:
        await self.protocol.writable.wait()

    def end(self, message: Message, close_code: int, reason: str) -> None:
        protocol = self.protocol
        if self.reason is not None or protocol.close_sent or self.transport.is_closing():
            return
        self.reason = reason
        close = framed(_CLOSE, close_code.to_bytes(2, "big") + reason.encode()[:123])
        self.transport.write(message.frame + close)
        # As uvicorn does when an application closes, but without waiting for room in the buffer first.
        protocol.close_sent = True
        protocol.stop_keepalive()
        protocol.queue.put_nowait({"type": "websocket.disconnect", "code": close_code, "reason": reason})
        if protocol.read_paused:
            protocol.read_paused = False
            self.transport.resume_reading()
        protocol.close_timer = self._abort_later()


class EventListener(Listener):
    """Server-sent events. The `id:` says what was told of a row, so that a cut within it is no loss."""

    __slots__ = ("cycle", "places", "row")

    def __init__(
        self, client: Client, cycle: RequestResponseCycle, queue_bytes_max: int, channels: Sequence[str]
    ) -> None:
        super().__init__(client, cycle.transport, queue_bytes_max)
        self.cycle = cycle
        self.places = {channel: place for place, channel in enumerate(channels, 1)}
        self.row: list[Message] = []

    def tell(self, message: Message) -> None:
        if message.channel is None:
            self.write(message.event(str(message.sequence)))
        else:
            self.row.append(message)

    def flush(self, sequence: int) -> None:
        row, self.row = self.row, []
        if len(row) > 1:
            row.sort(key=self._place)
            for message in row[:-1]:
                self.write(message.event(f"{sequence}.{self._place(message)}"))
        if row:
            self.write(row[-1].event(str(sequence)))

    def _place(self, message: Message) -> int:
        return self.places[message.channel or ""]

    def beat(self, heartbeat: Message) -> None:
        # No data: moves the client's Last-Event-ID and nothing else.
        self.write(chunk(b": heartbeat\nid: %d\n\n" % heartbeat.sequence))

    async def drained(self) -> None:
        await self.cycle.flow.drain()

    def end(self, message: Message, close_code: int, reason: str) -> None:  # noqa: ARG002
        if self.reason is not None or self.transport.is_closing():
            return
        self.reason = reason
        self.transport.write(chunk(b"data: %s\n\n" % message.body) + _LAST_CHUNK)
        self.transport.close()
        self._abort_later()
