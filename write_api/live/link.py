"""One WebSocket below Socket.IO: what comes is bounded before it is parsed; it can be closed from here."""

import asyncio
import time

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from service.http.asgi import Message, Receive, Send
from service.rate_limits import Allowed, Burst

FRAMES = Allowed(100, 1.0)
FRAME_BYTES_MAX = 16 * 1024
POLICY = 1008
_ENGINE_CLOSE, _ENGINE_PONG, _ENGINE_MESSAGE = "1", "3", "4"
_CONNECT, _DISCONNECT, _EVENT = "0", "1", "2"


_STALLED_S = 20.0


class Link:
    """Takes text alone: one CONNECT, events of the one namespace, the pong; everything else closes it.

    Runs on uvicorn alone: what is told to many is written to its connection.
    """

    __slots__ = (
        "_burst",
        "_has_asked",
        "_is_closed",
        "_protocol",
        "_receive",
        "_send",
        "_stalled_at",
        "address",
        "agent",
        "is_signed_in",
    )

    def __init__(self, address: str, agent: str, receive: Receive, send: Send) -> None:
        self.address = address
        self.agent = agent
        self.is_signed_in = False
        self._receive = receive
        self._send = send
        self._protocol: WebSocketsSansIOProtocol = send.__self__  # type: ignore[attr-defined]
        self._stalled_at: float | None = None
        self._burst = Burst(FRAMES)
        self._has_asked = False
        self._is_closed = False

    async def receive(self) -> Message:
        """ASGI."""
        if self._is_closed:
            return {"type": "websocket.disconnect", "code": POLICY}
        message = await self._receive()
        if message["type"] == "websocket.receive" and (fault := self._fault(message.get("text"))):
            await self.close(POLICY, fault)
            return {"type": "websocket.disconnect", "code": POLICY}
        return message

    async def send(self, message: Message) -> None:
        """ASGI."""
        if self._is_closed:
            return
        if message["type"] == "websocket.close":
            self._is_closed = True
        await self._send(message)

    def write(self, frame: bytes) -> bool:
        """A frame, at once; whether that was possible: not while others wait to be written."""
        protocol = self._protocol
        if (
            self._is_closed
            or protocol.close_sent
            or not protocol.handshake_complete
            or not protocol.writable.is_set()
            or protocol.transport.is_closing()
        ):
            return False
        protocol.transport.write(frame)
        return True

    def is_stalled(self, now: float) -> bool:
        """Whether the client has read nothing for long of what waits for it. Asked now and then."""
        if self._protocol.writable.is_set():
            self._stalled_at = None
            return False
        if self._stalled_at is None:
            self._stalled_at = now
        return now - self._stalled_at >= _STALLED_S

    def abort(self) -> None:
        self._is_closed = True
        self._protocol.transport.abort()

    async def close(self, code: int, reason: str) -> None:
        """One that does not read is cut off."""
        if not self._is_closed:
            self._is_closed = True
            if not self._protocol.writable.is_set():
                self._protocol.transport.abort()
                return
            await self._send({"type": "websocket.close", "code": code, "reason": reason})

    def close_soon(self, after_s: float, code: int, reason: str) -> None:
        """When what was sent before has gone."""

        async def close() -> None:
            await asyncio.sleep(after_s)
            await self.close(code, reason)

        task = asyncio.ensure_future(close())
        _closing.add(task)
        task.add_done_callback(_closing.discard)

    def _fault(self, text: str | None) -> str | None:
        now = time.monotonic()
        if self._burst.wait_s(now) > 0:
            return f"more than {FRAMES.count} messages a second"
        self._burst.count(now)
        if text is None:
            return "binary messages are not taken"
        if text[:1] in {_ENGINE_PONG, _ENGINE_CLOSE}:
            return None
        kind = text[1:2]
        if text[:1] != _ENGINE_MESSAGE or kind not in {_CONNECT, _DISCONNECT, _EVENT}:
            return "this is nothing that a client of the panel sends"
        if (kind == _CONNECT) == self._has_asked:
            return "a client connects once, and first"
        self._has_asked = True
        return None


_closing: "set[asyncio.Future[None]]" = set()
