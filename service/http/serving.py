"""The HTTP server: granian, one process or several, ended by SIGTERM with every request answered.

Its defaults are traps: 1,024 connections a worker, idle ones closed after 30 s (PERF_API.md 5).
"""

import os
import socket
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack
from tempfile import TemporaryDirectory

import structlog
from granian.constants import Interfaces, Loops, RuntimeModes
from granian.http import HTTP1Settings
from granian.server import Server as Granian

from service.http.asgi import ASGIApp, Receive, Scope, Send
from service.http.metrics import FOLDER_VARIABLE
from service.http.settling import settle
from service.open_files import raise_limit

log = structlog.get_logger(__name__)

_BACKLOG = 4_096
_BACKPRESSURE = 30_000
_KEEP_ALIVE_MS = 60_000
_DRAIN_S = 10


class LazyApplication:
    """ASGI for servers that import an application and then run its lifespan: it is made in the latter."""

    def __init__(self, running: Callable[[], AbstractAsyncContextManager[ASGIApp]]) -> None:
        self._running = running
        self._application: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        assert self._application is not None, "the server did not run the lifespan"
        await self._application(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        async with AsyncExitStack() as stack:
            try:
                self._application = await stack.enter_async_context(self._running())
            except Exception as error:
                # The server says nothing of it, and starts another worker.
                log.exception("the application does not start", reason=str(error))
                raise
            settle()
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


def serve(target: str, *, host: str, port: int, workers: int, announce: str, port_variable: str) -> None:
    """Serve until a signal ends it what the factory `target` ("module:function") makes in each worker.

    Says `announce` and the address. Port 0 is any free one; workers find it in `port_variable`, and every
    other setting in the environment of this process.
    """
    raise_limit()
    port = port or free_port(host)
    os.environ[port_variable] = str(port)
    print(f"{announce} on http://{host}:{port}", flush=True)  # noqa: T201  for people and programs
    with ExitStack() as stack:
        if workers > 1:
            os.environ[FOLDER_VARIABLE] = stack.enter_context(TemporaryDirectory(prefix="pend-http-"))
        Granian(
            target,
            factory=True,
            address=host,
            port=port,
            interface=Interfaces.ASGI,
            workers=workers,
            loop=Loops.uvloop,
            runtime_mode=RuntimeModes.st,
            backlog=_BACKLOG,
            backpressure=_BACKPRESSURE,
            http1_settings=HTTP1Settings(header_read_timeout=_KEEP_ALIVE_MS),
            log_enabled=False,
            workers_kill_timeout=_DRAIN_S,
            respawn_failed_workers=True,
        ).serve()


def free_port(host: str) -> int:
    """A port that nobody listens on now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as found:
        found.bind((host, 0))
        port: int = found.getsockname()[1]
        return port
