"""The explorer on the HTTP server, in one process or several."""

import os

from explorer_api.app import running
from explorer_api.settings import ExplorerSettings
from service.http import serving
from service.http.serving import LazyApplication
from service.settings import load, variable_of


def serve(settings: ExplorerSettings, target: str = "explorer_api.serving:application") -> None:
    """Serve until a signal ends it. Workers read the settings from the environment of this process."""
    http = settings.http
    serving.serve(
        target,
        host=http.host,
        port=http.port,
        workers=http.workers,
        announce="explorer",
        port_variable=variable_of("http.port"),
    )


def application() -> LazyApplication:
    """The application of one worker."""
    settings = load(ExplorerSettings, os.environ.get("PEND_CONFIG")).settings
    return LazyApplication(lambda: running(settings))
