"""ASGI of the stream: who may connect, and what else one asks a server."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

from prometheus_client import generate_latest

from explorer_api.clients import Client, Clients
from explorer_api.problems import MethodNotAllowed
from explorer_api.settings import ExplorerSettings
from explorer_api.stream.hub import Hub
from explorer_api.stream.listeners import EventListener, Listener, WebSocketListener
from explorer_api.stream.metrics import StreamMetrics
from explorer_api.stream.sessions import Sessions, asked_of
from service.http import problems
from service.http.asgi import Header, Receive, Scope, Send
from service.http.problems import Problem, TooManyRequests, UnknownRoute

PATH = "/api/v1/stream"
_RETRY_AFTER_S = 10


@dataclass(slots=True)
class StreamApplication:
    """Runs on uvicorn alone: listeners write to its connections."""

    settings: ExplorerSettings
    hub: Hub
    clients: Clients
    metrics: StreamMetrics
    sessions: Sessions = field(init=False)
    is_closing: bool = False
    _connections: "Counter[str]" = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.sessions = Sessions(self.hub, self.settings.stream)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["path"] != PATH:
                await self._beside(scope, send)
            elif scope["type"] == "websocket":
                await self._web_socket(scope, receive, send)
            else:
                await self._events(scope, receive, send)
        except Problem as problem:
            await _refuse(scope, problem, send)

    def close(self) -> None:
        """Say goodbye to everyone: what comes after this sequence is to be asked for again."""
        self.is_closing = True
        goodbye = self.hub.note("closing", detail="the server ends; connect again and resume")
        for listener in list(self.hub.listeners):
            listener.end(goodbye, 1012, "restarting")

    async def _web_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._admitted(scope) as client:
            await receive()
            await send({"type": "websocket.accept"})
            protocol = send.__self__  # type: ignore[attr-defined]
            listener = WebSocketListener(client, protocol, self.settings.stream.queue_bytes_max)
            with self._open(listener, "websocket"):
                await self.sessions.converse(listener, receive)

    async def _events(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            raise MethodNotAllowed(f"{scope['method']} is not known here; a stream answers GET")
        headers = dict(scope["headers"])
        most = self.settings.stream.subscriptions_max
        asked = asked_of(scope["query_string"], headers.get(b"last-event-id"), most)
        out: list[Header] = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
            (b"x-content-type-options", b"nosniff"),
            *self._allowed_origin(headers.get(b"origin")),
        ]
        with self._admitted(scope) as client:
            await send({"type": "http.response.start", "status": 200, "headers": out})
            cycle = send.__self__  # type: ignore[attr-defined]
            bytes_max = self.settings.stream.queue_bytes_max
            listener = EventListener(client, cycle, bytes_max, asked.channels)
            with self._open(listener, "events"):
                await self.sessions.pour(listener, asked, receive, send)

    async def _beside(self, scope: Scope, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/ping":
            await _answer(send, b"text/plain; charset=utf-8", b"pong")
        elif scope["type"] == "http" and scope["path"] == "/metrics":
            self.metrics.sequence.set(self.hub.sequence)
            await _answer(send, b"text/plain; version=0.0.4", generate_latest(self.metrics.registry))
        else:
            raise UnknownRoute(f"there is no such route here; the stream is at {PATH}")

    @contextmanager
    def _admitted(self, scope: Scope) -> Iterator[Client]:
        """A place for as long as the block runs. Raises `TooManyRequests`."""
        client = self.clients.of(scope, dict(scope["headers"]))
        most = self.settings.stream.connections_per_client
        held = self._connections[client.name]
        if self.is_closing or held >= most:
            self.metrics.refused.inc()
            why = "the server ends" if self.is_closing else f"you hold {held} connections, {most} are allowed"
            raise TooManyRequests(f"{why}; try again later", retry_after_s=_RETRY_AFTER_S)
        self._connections[client.name] += 1
        try:
            yield client
        finally:
            self._connections[client.name] -= 1
            if not self._connections[client.name]:
                del self._connections[client.name]

    @contextmanager
    def _open(self, listener: Listener, kind: str) -> Iterator[None]:
        """Known to the hub for as long as the block runs."""
        self.hub.listeners.add(listener)
        self.metrics.connections.labels(kind).inc()
        try:
            yield
        finally:
            self.hub.leave(listener, list(listener.channels))
            self.hub.listeners.discard(listener)
            self.metrics.connections.labels(kind).dec()
            if listener.reason is not None:
                self.metrics.ended.labels(listener.reason).inc()

    def _allowed_origin(self, origin: bytes | None) -> list[Header]:
        allowed = self.settings.http.cors_origins
        if origin is None:
            return []
        if "*" in allowed:
            return [(b"access-control-allow-origin", b"*")]
        if origin.decode("latin-1") in allowed:
            return [(b"access-control-allow-origin", origin), (b"vary", b"Origin")]
        return []


async def _answer(send: Send, media_type: bytes, body: bytes) -> None:
    headers = [(b"content-type", media_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _refuse(scope: Scope, problem: Problem, send: Send) -> None:
    request_id = uuid4().hex[:16]
    body = problems.encode(problem, scope["path"], request_id)
    headers: list[Header] = [
        (b"x-request-id", request_id.encode()),
        (b"content-type", problems.MEDIA_TYPE),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    if "retry_after_s" in problem.members:
        headers.append((b"retry-after", b"%d" % problem.members["retry_after_s"]))
    prefix = "websocket.http" if scope["type"] == "websocket" else "http"
    await send({"type": f"{prefix}.response.start", "status": problem.status, "headers": headers})
    await send({"type": f"{prefix}.response.body", "body": body, "more_body": False})
