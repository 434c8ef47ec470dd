"""uvicorn, set for many long connections: no compression, no access log, and a goodbye before it ends."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.http.asgi import ASGIApp
from service.open_files import raise_limit

BACKLOG = 4_096
_REQUEST_WITHIN_S = 15.0
_KEEP_ALIVE_S = 75
_DRAIN_S = 5


class PatientHttp(HttpToolsProtocol):
    """Gives up a client that connects and sends no request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.loop.call_later(_REQUEST_WITHIN_S, self._give_up, transport)

    def _give_up(self, transport: asyncio.Transport) -> None:
        asked: Any = self.cycle
        if asked is None and transport.get_protocol() is self and not transport.is_closing():
            transport.close()


class Server(uvicorn.Server):
    """Awaits `closing` when a signal ends it, before its connections are closed, and leaves quietly."""

    def __init__(self, config: uvicorn.Config, closing: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._closing = closing

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        await self._closing()
        await super().shutdown(sockets)
        self._captured_signals.clear()  # it was heeded; uvicorn would raise it again


def config_of(application: ASGIApp, message_bytes_max: int, **options: Any) -> uvicorn.Config:
    application_: Any = application
    return uvicorn.Config(
        application_,
        http=PatientHttp,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_max_size=message_bytes_max,
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_DRAIN_S,
        **options,
    )


def listening(host: str, port: int) -> socket.socket:
    """A bound socket: its port is known before anyone connects. Raises `OSError`."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    bound.listen(BACKLOG)
    bound.setblocking(False)
    return bound


def url_of(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve_until_signal(server: Server, bound: socket.socket, following: "asyncio.Task[None]") -> None:
    """Serve; raises what ended `following`, without which there is nothing to serve."""
    raise_limit()
    serving = asyncio.create_task(server.serve([bound]))
    await asyncio.wait({serving, following}, return_when=asyncio.FIRST_COMPLETED)
    if not serving.done():
        server.should_exit = True
    await serving
    if following.done():
        following.result()
