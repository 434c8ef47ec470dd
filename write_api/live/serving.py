"""The panel on uvicorn, in one process."""

from service.http.settling import settle
from service.http.web_sockets import Server, config_of, listening, serve_until_signal, url_of
from write_api.live.link import FRAME_BYTES_MAX
from write_api.live.running import LiveOptions, running_panel
from write_api.settings import WriteSettings


async def serve_panel(settings: WriteSettings, options: LiveOptions) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    bound = listening(settings.write.host, settings.write.live_port)
    async with running_panel(settings, options) as (application, following):
        settle()
        # Engine.IO asks clients itself whether they are there.
        config = config_of(application, FRAME_BYTES_MAX, ws_ping_interval=None, ws_ping_timeout=None)
        server = Server(config, application.close)
        print(f"panel on {url_of(bound)}", flush=True)  # noqa: T201  for people and programs
        await serve_until_signal(server, bound, following)
