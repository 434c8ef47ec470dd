"""A real nginx before an explorer, with the configuration that is shipped: only hosts, ports and places differ."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from postgres import children
from tests.database import refuse_or_skip

CONFIGURATION = Path(__file__).parents[1] / "deploy" / "nginx" / "explorer.conf"
_DEBIAN = "/usr/sbin/nginx"
_WORDS = {
    "explorer": "server explorer:8080;",
    "stream": "server explorer-stream:8081;",
    "listen": "listen 8088;",
}
_WITHIN_S = 20.0
_POLL_S = 0.02


def require_nginx() -> str:
    """The binary, or a skip that says what was not tested; with CI=true a failure."""
    found = shutil.which("nginx") or (_DEBIAN if Path(_DEBIAN).exists() else None)
    if found is None:
        refuse_or_skip("nginx before the explorer", "nginx is missing; apt-get install nginx-light")
    return found


def shipped(folder: Path, **places: str) -> str:
    """The shipped text with other hosts, and `folder` for /tmp. Each word that is replaced must be there once."""
    text = CONFIGURATION.read_text()
    for name, place in places.items():
        word = _WORDS[name]
        assert text.count(word) == 1, word
        text = text.replace(word, f"{word.split()[0]} {place};")
    return text.replace("/tmp/", f"{folder}/")


def checked(folder: Path, **places: str) -> "subprocess.CompletedProcess[str]":
    """What `nginx -t` says of it."""
    file = folder / "checked.conf"
    file.write_text(shipped(folder, **places))
    return subprocess.run(
        (require_nginx(), "-t", "-p", folder, "-c", file),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@contextmanager
def nginx(explorer: str, stream: str, folder: Path) -> Iterator[str]:
    """The URL of the proxy, until the block ends. `explorer` and `stream` are host:port."""
    binary = require_nginx()
    file, log = folder / "nginx.conf", folder / "nginx.log"
    # Its workers must reach the folder, which is ours alone.
    user = " user root;" if os.geteuid() == 0 else ""
    with socket.socket() as kept:
        # Bound, but not listening: nobody else is given the port before nginx has it.
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        kept.bind((children.LOOPBACK, 0))
        place = f"{children.LOOPBACK}:{kept.getsockname()[1]}"
        file.write_text(shipped(folder, explorer=explorer, stream=stream, listen=f"{place} reuseport"))
        process = children.spawn(
            (binary, "-p", str(folder), "-c", str(file), "-g", f"daemon off;{user}"), log=log
        )
        try:
            _listens(process, place, log)
            yield f"http://{place}"
        finally:
            children.stop(process, signal.SIGTERM, timeout_s=10)


def _listens(process: "subprocess.Popen[bytes]", place: str, log: Path) -> None:
    host, _, port = place.partition(":")
    deadline = time.monotonic() + _WITHIN_S
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except OSError:
            time.sleep(_POLL_S)
        else:
            return
