"""What clients are sent: each message is encoded once for all who hear it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

_TEXT = 0x81


@dataclass(slots=True)
class Message:
    """JSON text. `channel` None: it is for all channels of whoever hears it."""

    sequence: int
    body: bytes
    channel: str | None = None
    _frame: bytes | None = None
    _events: dict[str, bytes] = field(default_factory=dict)

    @property
    def frame(self) -> bytes:
        """As a WebSocket carries it."""
        if self._frame is None:
            self._frame = framed(_TEXT, self.body)
        return self._frame

    def event(self, id_: str) -> bytes:
        """As an event stream in chunks carries it."""
        event = self._events.get(id_)
        if event is None:
            event = self._events[id_] = chunk(b"id: %s\ndata: %s\n\n" % (id_.encode(), self.body))
        return event


def framed(kind: int, payload: bytes) -> bytes:
    """One frame of a server: not masked, not compressed (RFC 6455, 5.2)."""
    length = len(payload)
    if length < 126:
        return bytes((kind, length)) + payload
    if length < 65_536:
        return bytes((kind, 126)) + length.to_bytes(2, "big") + payload
    return bytes((kind, 127)) + length.to_bytes(8, "big") + payload


def chunk(data: bytes) -> bytes:
    """One chunk of a body whose length nobody knows (RFC 9112, 7.1)."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def news(channel: str, sequence: int, stamp: int, data: bytes) -> Message:
    """What a row of the outbox means on a channel; `data` is JSON of one line."""
    kind = channel.partition(":")[0]
    body = b'{"type":"%s","channel":"%s","sequence":%d,"stamp":%d,"data":%s}' % (
        kind.encode(),
        channel.encode(),
        sequence,
        stamp,
        data,
    )
    return Message(sequence, body, channel)


def reorg(sequence: int, stamp: int, data: bytes) -> Message:
    """A retraction: one message, whatever the channels."""
    return Message(sequence, b'{"type":"reorg","sequence":%d,"stamp":%d,"data":%s}' % (sequence, stamp, data))


def note(kind: str, sequence: int, **members: Any) -> Message:
    """What the server says of the stream itself."""
    return Message(sequence, msgspec.json.encode({"type": kind, "sequence": sequence, **members}))


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
