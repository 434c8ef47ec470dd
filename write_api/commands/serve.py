"""`pend-write serve`: the HTTP API."""

import click

from service.commands.invocation import Invocation, pass_invocation
from write_api.settings import WriteSettings


@click.command("serve")
@click.option("--host", help="Address to listen on; overrides write.host.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port; 0 is any free one; overrides write.port.")
@click.option("--workers", type=click.IntRange(1, 64), help="Server processes; overrides write.workers.")
@pass_invocation
def serve(
    invocation: Invocation[WriteSettings], *, host: str | None, port: int | None, workers: int | None
) -> None:
    """Serve the API until SIGTERM or Ctrl-C."""
    overrides: dict[str, object] = {"write.host": host, "write.port": port, "write.workers": workers}
    settings = invocation.settings(overrides)
    invocation.hand_down(overrides)
    from write_api.serving import serve as run  # noqa: PLC0415  takes longer to read than the rest

    run(settings)
