"""The HTTP server: granian, one process or several, ended by SIGTERM with every request answered.

Its defaults are traps: 1,024 connections a worker, idle ones closed after 30 s (PERF_API.md 5).
"""

import os
import socket
from contextlib import ExitStack
from tempfile import TemporaryDirectory

from granian.constants import Interfaces, Loops, RuntimeModes
from granian.http import HTTP1Settings
from granian.server import Server as Granian

from explorer_api.app import LazyApplication
from explorer_api.metrics import FOLDER_VARIABLE
from explorer_api.settings import ExplorerSettings
from service.open_files import raise_limit
from service.settings import load, variable_of

_BACKLOG = 4_096
_BACKPRESSURE = 30_000
_KEEP_ALIVE_MS = 60_000
_DRAIN_S = 10


def serve(settings: ExplorerSettings, target: str = "explorer_api.serving:application") -> None:
    """Serve until a signal ends it. Workers read the settings from the environment of this process."""
    raise_limit()
    port = settings.http.port or free_port(settings.http.host)
    os.environ[variable_of("http.port")] = str(port)
    print(f"explorer on http://{settings.http.host}:{port}", flush=True)  # noqa: T201  for people and programs
    with ExitStack() as stack:
        if settings.http.workers > 1:
            os.environ[FOLDER_VARIABLE] = stack.enter_context(TemporaryDirectory(prefix="pend-explorer-"))
        Granian(
            target,
            factory=True,
            address=settings.http.host,
            port=port,
            interface=Interfaces.ASGI,
            workers=settings.http.workers,
            loop=Loops.uvloop,
            runtime_mode=RuntimeModes.st,
            backlog=_BACKLOG,
            backpressure=_BACKPRESSURE,
            http1_settings=HTTP1Settings(header_read_timeout=_KEEP_ALIVE_MS),
            log_enabled=False,
            workers_kill_timeout=_DRAIN_S,
            respawn_failed_workers=True,
        ).serve()


def application() -> LazyApplication:
    """The application of one worker."""
    settings = load(ExplorerSettings, os.environ.get("PEND_CONFIG")).settings
    return LazyApplication(settings)


def free_port(host: str) -> int:
    """A port that nobody listens on now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as found:
        found.bind((host, 0))
        port: int = found.getsockname()[1]
        return port
