"""`pend-write live`: the admin panel's Socket.IO, in a process of its own."""

import asyncio

import click
import uvloop

from service.commands.invocation import Invocation, pass_invocation
from write_api.settings import WriteSettings


@click.command("live")
@click.option("--host", help="Address to listen on; overrides write.host.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), help="Port; 0 is any free one; overrides write.live_port."
)
@click.option(
    "--token-grace",
    type=click.FloatRange(0, 3_600),
    default=60.0,
    show_default=True,
    help="Seconds after its token expired that a client may send a new one.",
)
@click.option(
    "--check-every",
    type=click.FloatRange(0.1, 60),
    default=60.0,
    show_default=True,
    help="Seconds between two looks into the database whether a session is in force.",
)
@click.option(
    "--per-address",
    type=click.IntRange(1, 1_000_000),
    default=500,
    show_default=True,
    help="Connections from one address at most.",
)
@pass_invocation
def live(
    invocation: Invocation[WriteSettings],
    *,
    host: str | None,
    port: int | None,
    token_grace: float,
    check_every: float,
    per_address: int,
) -> None:
    """Serve the panel until SIGTERM or Ctrl-C."""
    settings = invocation.settings({"write.host": host, "write.live_port": port})
    from write_api.live.running import LiveOptions  # noqa: PLC0415  takes longer to read than the rest
    from write_api.live.serving import serve_panel  # noqa: PLC0415

    options = LiveOptions(token_grace, check_every, per_address)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_panel(settings, options))
