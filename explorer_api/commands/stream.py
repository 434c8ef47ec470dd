"""`pend-explorer stream`: the live stream, in a process of its own."""

import asyncio

import click
import uvloop

from explorer_api.settings import ExplorerSettings
from service.commands.invocation import Invocation, pass_invocation


@click.command("stream")
@click.option("--host", help="Address to listen on; overrides stream.host.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), help="Port; 0 is any free one; overrides stream.port."
)
@pass_invocation
def stream(invocation: Invocation[ExplorerSettings], *, host: str | None, port: int | None) -> None:
    """Tell whoever listens what is committed, until SIGTERM or Ctrl-C."""
    settings = invocation.settings({"stream.host": host, "stream.port": port})
    from explorer_api.stream.serving import serve_stream  # noqa: PLC0415  takes longer to read than the rest

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_stream(settings))
