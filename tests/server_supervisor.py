"""The parent of one shared server: `python -m tests.server_supervisor <home> <folder>`."""

import fcntl
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from tests.database_homes import STARTERS
from tests.shared_server import ServerUnavailable


def supervise(folder: Path, start: Callable[[Path], AbstractContextManager[str]]) -> None:
    """Run a server until the last member has left; the first line of output is its DSN or the failure."""
    alive = (folder / "alive").open("a")
    fcntl.flock(alive, fcntl.LOCK_EX)
    for left in folder.glob("server-*"):  # by a supervisor that was killed
        shutil.rmtree(left, ignore_errors=True)
    data = Path(tempfile.mkdtemp(prefix="server-", dir=folder))
    data.chmod(0o755)  # the server may run under another account
    state = folder / "state.json"
    try:
        with start(data) as dsn:
            answer = {"dsn": dsn, "supervisor": os.getpid()}
            partial = state.with_suffix(".partial")
            partial.write_text(json.dumps(answer))
            partial.rename(state)
            _answer(answer)
            with (folder / "members").open("a") as members:
                fcntl.flock(members, fcntl.LOCK_EX)
                state.unlink()
                # Held until this process ends: who joins now waits, then starts the next server.
                os.dup(members.fileno())
    except ServerUnavailable as error:
        _answer({"failure": str(error)})
    except Exception as error:  # noqa: BLE001 - the message is what the waiting test session shows
        _answer({"failure": f"{type(error).__name__}: {error}"})
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _answer(answer: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    # A member may be gone before the server is: nothing more is said.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    supervise(Path(sys.argv[2]), STARTERS[sys.argv[1]])
