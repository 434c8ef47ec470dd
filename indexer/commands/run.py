"""`pend-index run`: the daemon, with its signals and its metrics."""

import asyncio
import contextlib
import signal

import click
import uvloop

from indexer.daemon import Daemon
from indexer.metrics import IndexerMetrics, serve
from indexer.settings import IndexerSettings
from service.commands.invocation import Invocation, pass_invocation


@click.command("run")
@pass_invocation
def run(invocation: Invocation[IndexerSettings]) -> None:
    """Follow the head and fill what is missing behind it, until SIGTERM or Ctrl-C."""
    settings = invocation.settings()
    metrics = IndexerMetrics()
    with contextlib.ExitStack() as stack:
        if settings.metrics.enabled:
            port = stack.enter_context(serve(metrics, settings.metrics.host, settings.metrics.port))
            click.echo(f"metrics on http://{settings.metrics.host}:{port}/metrics", err=True)
        uvloop.run(_run(settings, metrics))


async def _run(settings: IndexerSettings, metrics: IndexerMetrics) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    await Daemon(settings, metrics, stop).run()
