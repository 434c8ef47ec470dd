"""The write API on the HTTP server, in one process or several."""

import asyncio
import os

from service.http import serving
from service.http.serving import LazyApplication
from service.settings import load, variable_of
from write_api.app import check_keys, running
from write_api.settings import WriteSettings


def serve(settings: WriteSettings) -> None:
    """Serve until a signal ends it. Workers read the settings from the environment of this process.

    Raises what `check_keys` raises, before any worker begins: they would begin, and end, again and again.
    """
    asyncio.run(check_keys(settings))
    serving.serve(
        "write_api.serving:application",
        host=settings.write.host,
        port=settings.write.port,
        workers=settings.write.workers,
        announce="write API",
        port_variable=variable_of("write.port"),
    )


def application() -> LazyApplication:
    """The application of one worker."""
    settings = load(WriteSettings, os.environ.get("PEND_CONFIG")).settings
    return LazyApplication(lambda: running(settings))
