"""The demo's temporary folder: gone when the demo ends, swept by the next demo when it was killed."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "pend-demo-"
_LOCK = "owner.lock"


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A new folder, locked for as long as this process lives."""
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        # Run by root, PostgreSQL has another account, which must get through; what is secret has 0600.
        folder.chmod(0o711)
        # Locked before it gets its name: another demo's sweep never sees it unlocked.
        with (folder / "owner.new").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            (folder / "owner.new").rename(folder / _LOCK)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep() -> None:
    """Remove folders of ours whose demo is dead: kill -9 leaves them, and nothing else."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            with (folder / _LOCK).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # locked, so alive; or being made or removed this moment
            continue
