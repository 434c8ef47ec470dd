"""An event to very many sockets: encoded and framed once, then one `write` a socket."""

import asyncio
from typing import Any

from engineio import packet as engine_packet
from socketio import AsyncManager, packet

_TEXT = 0x81
_AT_ONCE = 200
"""Sockets that are told before anything else has its turn."""


class Broadcasting(AsyncManager):  # type: ignore[misc]
    """python-socketio's own makes a task and an encoding of each recipient."""

    async def emit(
        self,
        event: str,
        data: Any,
        namespace: str,
        room: Any = None,
        skip_sid: Any = None,
        callback: Any = None,
        to: Any = None,
        **_: Any,
    ) -> None:
        if self.server is None or namespace not in self.rooms:
            return
        assert callback is None, "nobody is asked for an acknowledgement here"
        payload = self.server.packet_class(packet.EVENT, namespace=namespace, data=[event, data]).encode()
        assert isinstance(payload, str), "events are JSON"
        handed = engine_packet.Packet(engine_packet.MESSAGE, payload)
        frame = framed(_TEXT, handed.encode().encode())
        skipped = set(skip_sid if isinstance(skip_sid, list) else [skip_sid])
        for number, (sid, eio_sid) in enumerate(list(self.get_participants(namespace, to or room)), 1):
            if sid not in skipped:
                await self.server.hand(eio_sid, frame, handed)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)


def framed(kind: int, payload: bytes) -> bytes:
    """One frame of a server: not masked, not compressed (RFC 6455, 5.2)."""
    length = len(payload)
    if length < 126:
        return bytes((kind, length)) + payload
    if length < 65_536:
        return bytes((kind, 126)) + length.to_bytes(2, "big") + payload
    return bytes((kind, 127)) + length.to_bytes(8, "big") + payload
