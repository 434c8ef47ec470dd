"""`pend-explorer serve`: the HTTP API."""

import click

from explorer_api.settings import ExplorerSettings
from service.commands.invocation import Invocation, pass_invocation


@click.command("serve")
@click.option("--host", help="Address to listen on; overrides http.host.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port; 0 is any free one; overrides http.port.")
@click.option("--workers", type=click.IntRange(1, 64), help="Server processes; overrides http.workers.")
@click.option("--with-stream", is_flag=True, help="Serve the stream too, in one process on the same port.")
@pass_invocation
def serve(
    invocation: Invocation[ExplorerSettings],
    *,
    host: str | None,
    port: int | None,
    workers: int | None,
    with_stream: bool,
) -> None:
    """Serve the API until SIGTERM or Ctrl-C."""
    overrides: dict[str, object] = {"http.host": host, "http.port": port, "http.workers": workers}
    settings = invocation.settings(overrides)
    if with_stream:
        if settings.http.workers > 1:
            raise click.UsageError("--with-stream is one process; leave http.workers at 1, or serve apart")
        from explorer_api.stream.one_port import serve_with_stream  # noqa: PLC0415  as below

        serve_with_stream(settings)
        return
    invocation.hand_down(overrides)
    from explorer_api.serving import serve as run  # noqa: PLC0415  takes longer to read than the rest

    run(settings)
