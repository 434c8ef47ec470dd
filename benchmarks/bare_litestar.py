"""A handler that returns constant bytes, the least that Litestar can do: the explorer is held against it."""

import gc
import os
import sys

from granian.constants import Interfaces, Loops, RuntimeModes
from granian.http import HTTP1Settings
from granian.server import Server
from litestar import Litestar, MediaType, Response, get

_BODY = b'{"data":"%s"}' % (b"x" * 116)


@get("/constant", media_type=MediaType.JSON)
async def constant() -> Response[bytes]:
    return Response(_BODY, media_type=MediaType.JSON)


def application() -> Litestar:
    gc.collect()
    gc.freeze()
    return Litestar([constant], openapi_config=None, logging_config=None)


def main() -> None:
    port = int(sys.argv[1])
    print(f"bare on http://127.0.0.1:{port} pid {os.getpid()}", flush=True)
    Server(
        "benchmarks.bare_litestar:application",
        factory=True,
        port=port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        runtime_mode=RuntimeModes.st,
        backlog=4096,
        backpressure=30_000,
        http1_settings=HTTP1Settings(header_read_timeout=60_000),
        log_enabled=False,
    ).serve()


if __name__ == "__main__":
    main()
