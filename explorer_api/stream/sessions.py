"""One connection from its first message to its end, over a WebSocket or as server-sent events."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from explorer_api.parameters import BLOCK_NUMBER_MAX
from explorer_api.settings import StreamSection
from explorer_api.stream.channels import channel_of
from explorer_api.stream.hub import Hub
from explorer_api.stream.listeners import EventListener, Listener, WebSocketListener
from explorer_api.stream.refusal import Refusal
from explorer_api.stream.replay import Replay
from explorer_api.stream.requests import Request, request_of
from service.http.asgi import Receive, Send
from service.http.problems import BadParameter

PARAMETERS = frozenset({"channels", "sequence", "apikey"})
_RECONNECT_MS = 1_000


@dataclass(slots=True)
class Sessions:
    """What a connection may ask for, and the answers."""

    hub: Hub
    settings: StreamSection
    replay: Replay = field(init=False)

    def __post_init__(self) -> None:
        self.replay = Replay(self.hub, self.settings.replay_rows_max)

    async def converse(self, listener: WebSocketListener, receive: Receive) -> None:
        """Answer requests until the client goes."""
        try:
            while True:
                message = await receive()
                if message["type"] == "websocket.disconnect":
                    return
                await self._answer(listener, request_of(message.get("text")))
        except Refusal as refusal:
            self.refuse(listener, refusal)
            while (await receive())["type"] != "websocket.disconnect":
                pass

    async def pour(self, listener: EventListener, asked: "Asked", receive: Receive, send: Send) -> None:
        """Send events until the client goes; the head of the answer was sent."""
        await send(
            {"type": "http.response.body", "body": b"retry: %d\n\n" % _RECONNECT_MS, "more_body": True}
        )
        try:
            if asked.sequence is not None:
                await self.replay.resume(listener, asked.positions(), None, None)
            else:
                self.hub.join(listener, asked.channels)
            self._subscribed(listener, asked.channels)
        except Refusal as refusal:
            self.refuse(listener, refusal)
        while (await receive())["type"] != "http.disconnect":
            pass

    def refuse(self, listener: Listener, refusal: Refusal) -> None:
        message = self.hub.note("error", error=refusal.error, detail=refusal.detail)
        listener.end(message, refusal.close_code, refusal.error.replace("_", " "))

    async def _answer(self, listener: Listener, request: Request) -> None:
        if request.subscribe is not msgspec.UNSET:
            channels = self._within_bounds(listener, request.subscribe)
            self.hub.join(listener, channels)
            self._subscribed(listener, channels)
        elif request.unsubscribe is not msgspec.UNSET:
            channels = [channel_of(name) for name in request.unsubscribe]
            self.hub.leave(listener, channels)
            listener.tell(self.hub.note("unsubscribed", channels=channels))
        elif request.resume is not msgspec.UNSET:
            positions = request.resume.by_channel()
            if listener.channels:
                raise Refusal("bad_message", "resume comes before subscribe, and once; connect anew")
            self._within_bounds(listener, list(positions))
            if positions:
                await self.replay.resume(listener, positions, request.resume.stamp, request.resume.history)
            self._subscribed(listener, list(positions))
        else:
            listener.tell(self.hub.note("pong", ping=request.ping))

    def _subscribed(self, listener: Listener, channels: list[str]) -> None:
        listener.tell(self.hub.note("subscribed", channels=channels, history=self.hub.history))

    def _within_bounds(self, listener: Listener, names: list[str]) -> list[str]:
        most = self.settings.subscriptions_max
        channels = list(dict.fromkeys(channel_of(name) for name in names))
        if len(listener.channels.keys() | set(channels)) > most:
            raise Refusal("too_many_channels", f"a connection may listen to {most} channels")
        return channels


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client of server-sent events asks for in its URL and by Last-Event-ID."""

    channels: list[str]
    sequence: int | None
    told: int = 0
    """How many of the channels were told of the row after `sequence` already."""

    def positions(self) -> dict[str, int]:
        assert self.sequence is not None
        return {channel: self.sequence + (place < self.told) for place, channel in enumerate(self.channels)}


def asked_of(query: bytes, last_event_id: bytes | None, channels_max: int) -> Asked:
    """Raises `BadParameter`."""
    given: dict[str, Any] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=100):
        if name not in PARAMETERS:
            raise BadParameter(
                name, value, f"one of the parameters of this route: {', '.join(sorted(PARAMETERS))}"
            )
        given[name] = value
    names = [name for name in given.get("channels", "").split(",") if name]
    try:
        channels = list(dict.fromkeys(channel_of(name) for name in names))
    except Refusal as refusal:
        raise BadParameter("channels", given["channels"], refusal.detail) from refusal
    if not 1 <= len(channels) <= channels_max:
        raise BadParameter(
            "channels", given.get("channels", ""), f"1 to {channels_max} channels, separated by commas"
        )
    if last_event_id:
        text, dot, told = last_event_id.decode("latin-1").partition(".")
        sequence = _number("Last-Event-ID", text)
        if dot:
            return Asked(channels, sequence - 1, _number("Last-Event-ID", told))
        return Asked(channels, sequence)
    if "sequence" in given:
        return Asked(channels, _number("sequence", given["sequence"]))
    return Asked(channels, None)


def _number(field_name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or (number := int(text)) > BLOCK_NUMBER_MAX:
        raise BadParameter(field_name, text, f"a sequence from 0 to {BLOCK_NUMBER_MAX}")
    return number
