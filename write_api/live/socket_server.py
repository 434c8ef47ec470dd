"""python-socketio's server, made to bear clients that mean harm."""

import logging
from typing import Any

import socketio

from write_api.live.link import FRAME_BYTES_MAX, POLICY, Link

NAMESPACE = "/"
_QUEUE_MAX = 256
_PING_INTERVAL_S, _PING_TIMEOUT_S = 25, 20

_quiet = logging.getLogger("pend.panel.protocol")
_quiet.setLevel(logging.CRITICAL)  # it logs what clients send, and a traceback for whatever they send wrong


class SocketServer(socketio.AsyncServer):  # type: ignore[misc]
    """Events of one connection are answered one after another.

    What is not Socket.IO closes the connection, and so does a client that does not read.
    """

    def __init__(self, manager: socketio.AsyncManager) -> None:
        super().__init__(
            async_mode="asgi",
            client_manager=manager,
            transports=["websocket"],
            allow_upgrades=False,
            async_handlers=False,
            cors_allowed_origins=[],  # whose pages may connect is decided before
            max_http_buffer_size=FRAME_BYTES_MAX,
            ping_interval=_PING_INTERVAL_S,
            ping_timeout=_PING_TIMEOUT_S,
            logger=_quiet,
            engineio_logger=_quiet,
        )

    def link_of(self, eio_sid: str) -> Link | None:
        environ = self.environ.get(eio_sid)
        return None if environ is None else environ["asgi.scope"]["pend.link"]

    async def hand(self, eio_sid: str, frame: bytes, eio_pkt: Any) -> None:
        """A packet and its frame: written at once where nothing waits before it."""
        socket, link = self.eio.sockets.get(eio_sid), self.link_of(eio_sid)
        if socket is None or link is None:
            return
        if not (socket.queue.empty() and link.write(frame)):
            await self._send_eio_packet(eio_sid, eio_pkt)

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: Any, data: Any) -> None:  # noqa: A002
        # The library would run its own handlers for what a client calls "connect" or "disconnect".
        if not isinstance(data[0], str) or data[0] in self.reserved_events:
            raise ValueError("no name of an event")
        await super()._handle_event(eio_sid, namespace, id, data)

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        try:
            await super()._handle_eio_message(eio_sid, data)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            if link := self.link_of(eio_sid):
                await link.close(POLICY, "this is not Socket.IO")

    async def _send_eio_packet(self, eio_sid: str, eio_pkt: Any) -> None:
        socket = self.eio.sockets.get(eio_sid)
        if socket is not None and socket.queue.qsize() >= _QUEUE_MAX:
            if link := self.link_of(eio_sid):
                link.abort()
            return
        await super()._send_eio_packet(eio_sid, eio_pkt)
