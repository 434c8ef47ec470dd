"""ASGI of the panel: who may connect, and what else one asks a server."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import msgspec
from prometheus_client import generate_latest
from socketio import ASGIApp as SocketIoApp

from postgres.reader import Reader
from service.http import problems
from service.http.addresses import address_of, network_of
from service.http.asgi import Header, Receive, Scope, Send
from service.http.cors import allow_origin
from service.http.health import Probe, Probed
from service.http.problems import BadParameter, Busy, Problem, TooManyRequests, UnknownRoute
from write_api.acting import queries
from write_api.callers import Caller
from write_api.live.floor import Floor
from write_api.live.link import POLICY, Link
from write_api.live.panel import Panel
from write_api.panel_channel import PanelChannel
from write_api.problems import Forbidden
from write_api.settings import WriteSection

PATH = "/socket.io"
_SIGN_IN_WITHIN_S = 10.0
_RETRY_AFTER_S = 10
_JSON, _TEXT, _METRICS = b"application/json", b"text/plain; charset=utf-8", b"text/plain; version=0.0.4"


@dataclass(slots=True)
class PanelApplication:
    """`connections_per_address` counts those that are not signed in yet, too."""

    settings: WriteSection
    floor: Floor
    reader: Reader
    channel: PanelChannel | None
    connections_per_address: int
    is_closing: bool = False
    _connections: "Counter[str]" = field(default_factory=Counter)
    _sockets: SocketIoApp = field(init=False)
    _database: "Probe[object]" = field(init=False)

    def __post_init__(self) -> None:
        Panel(self.floor)
        self._sockets = SocketIoApp(self.floor.server, socketio_path=PATH)
        self._database = Probe(lambda: self.reader.one(queries.select_database))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["type"] == "websocket":
                await self._connect(scope, receive, send)
            else:
                await self._beside(scope, send)
        except Problem as problem:
            self.floor.metrics.refused.labels(str(problem.status)).inc()
            await self._refuse(scope, problem, send)

    async def close(self) -> None:
        """Say goodbye to everyone."""
        self.is_closing = True
        await self.floor.close()
        await asyncio.sleep(0.1)  # until it is written

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        if scope["path"].rstrip("/") != PATH:
            raise UnknownRoute(f"there is no such route here; the panel is at {PATH}/")
        asked = parse_qs(scope["query_string"].decode("latin-1"))
        if asked.get("EIO") != ["4"] or asked.get("transport") != ["websocket"] or "sid" in asked:
            raise BadParameter("transport", asked.get("transport", [""])[0], "websocket alone, with EIO=4")
        self._check_origin(headers)
        address = address_of(scope, headers, self.settings.trusted_proxies)
        network = network_of(address)
        self.floor.limiter.admit(Caller("", f"panel:{network}", ""), [])
        held = self._connections[network]
        if held >= self.connections_per_address:
            raise TooManyRequests(
                f"{held} connections come from this address, as many as may", retry_after_s=_RETRY_AFTER_S
            )
        if self.is_closing:
            raise Busy("the server ends; connect again", retry_after_s=1)
        link = Link(address, headers.get(b"user-agent", b"").decode("latin-1")[:400], receive, send)
        scope["pend.link"] = link
        self._connections[network] += 1
        giving_up = asyncio.get_running_loop().call_later(_SIGN_IN_WITHIN_S, _give_up, link)
        try:
            await self._sockets(scope, link.receive, link.send)
        finally:
            giving_up.cancel()
            self._connections[network] -= 1
            if not self._connections[network]:
                del self._connections[network]

    def _check_origin(self, headers: dict[bytes, bytes]) -> None:
        """Pages of this host, and of write.cors_origins. Raises `Forbidden`."""
        given = headers.get(b"origin")
        if given is None:
            return
        origin, allowed = given.decode("latin-1"), self.settings.cors_origins
        same = urlsplit(origin).netloc.encode() == headers.get(b"host")
        if not (same or "*" in allowed or origin in allowed):
            raise Forbidden("pages of this origin may not connect (write.cors_origins)", rule="origin")

    async def _beside(self, scope: Scope, send: Send) -> None:
        path = scope["path"]
        if path == "/ping":
            await _answer(send, _TEXT, b"pong")
        elif path == "/health/live":
            await _answer(send, _JSON, msgspec.json.encode(Probed("alive")))
        elif path == "/health/ready":
            await self._ready(send)
        elif path == "/metrics":
            self.floor.metrics.redis_up.set(self.channel is not None and self.channel.up)
            await _answer(send, _METRICS, generate_latest(self.floor.metrics.registry))
        elif path.rstrip("/") == PATH:
            raise BadParameter(
                "transport", "polling", "websocket alone: io(url, {transports: ['websocket']})"
            )
        else:
            raise UnknownRoute(f"there is no such route here; the panel is at {PATH}/")

    async def _ready(self, send: Send) -> None:
        database = await self._database.sound()
        if database.status == "unavailable" or self.is_closing:
            await _answer(send, _JSON, msgspec.json.encode(Probed("not ready")), status=503)
        else:
            await _answer(send, _JSON, msgspec.json.encode(Probed("ready")))

    async def _refuse(self, scope: Scope, problem: Problem, send: Send) -> None:
        request_id = uuid4().hex[:16]
        out: list[Header] = [(b"x-request-id", request_id.encode())]
        if (origin := dict(scope["headers"]).get(b"origin")) is not None:
            allow_origin(origin, self.settings.cors_origins, b"X-Request-Id, Retry-After", out)
            out.append((b"vary", b"Origin"))
        if "retry_after_s" in problem.members:
            out.append((b"retry-after", b"%d" % problem.members["retry_after_s"]))
        body = problems.encode(problem, scope["path"], request_id)
        prefix = "websocket.http" if scope["type"] == "websocket" else "http"
        await _answer(send, problems.MEDIA_TYPE, body, status=problem.status, more=out, prefix=prefix)


def _give_up(link: Link) -> None:
    if not link.is_signed_in:
        link.close_soon(0, POLICY, f"no sign-in within {_SIGN_IN_WITHIN_S:g} s")


async def _answer(
    send: Send,
    media_type: bytes,
    body: bytes,
    *,
    status: int = 200,
    more: list[Header] | None = None,
    prefix: str = "http",
) -> None:
    headers: list[Header] = [
        (b"content-type", media_type),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *(more or ()),
    ]
    await send({"type": f"{prefix}.response.start", "status": status, "headers": headers})
    await send({"type": f"{prefix}.response.body", "body": body, "more_body": False})
