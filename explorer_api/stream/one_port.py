"""The API and the stream in one process on one port: for development and the demo.

uvicorn answers fewer requests a second than granian; where that counts, each has its own process.
"""

import asyncio
from dataclasses import dataclass

import uvloop

from explorer_api.app import running
from explorer_api.settings import ExplorerSettings
from explorer_api.stream.application import PATH, StreamApplication
from explorer_api.stream.running import running_stream
from explorer_api.stream.serving import server_of
from service.http.asgi import ASGIApp, Receive, Scope, Send
from service.http.settling import settle
from service.http.web_sockets import listening, serve_until_signal, url_of


@dataclass(frozen=True, slots=True)
class OnePort:
    """ASGI: the path decides who answers."""

    api: ASGIApp
    stream: StreamApplication

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == PATH or scope["type"] == "websocket":
            await self.stream(scope, receive, send)
        else:
            await self.api(scope, receive, send)


def serve_with_stream(settings: ExplorerSettings) -> None:
    """Serve both until SIGTERM or Ctrl-C."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


async def _serve(settings: ExplorerSettings) -> None:
    bound = listening(settings.http.host, settings.http.port)
    async with running(settings) as edge, running_stream(settings) as (stream, following):
        settle()
        server = server_of(OnePort(edge, stream), stream, settings.stream)
        print(f"explorer on {url_of(bound)}", flush=True)  # noqa: T201  for people and programs
        await serve_until_signal(server, bound, following)
