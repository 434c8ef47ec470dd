"""A test server's files in memory: a database comes and goes with every test, hundreds of files each time.

On some disks that costs more than all the rest. ext4 passes over every inode that was freed a moment ago,
one by one, before it takes a new one.
"""

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNS = 0x00020000
SIZE = "50%"
FREE_MIN_MIB = 6 * 1024
"""Room for the WAL of two servers, each at its `max_wal_size`, and as much again for everything else."""


@contextmanager
def in_memory(folder: Path) -> Iterator[None]:
    """Keep what this process and its children put into `folder` in memory until the block ends.

    Where that is not to be had (no root, no capability, little memory) it goes to the disk. Nobody else sees
    the files, and they are gone with the last of these processes, however it ended.
    """
    if not _has_memory() or not _own_mounts():
        yield
        return
    mode = f"{folder.stat().st_mode & 0o777:o}"
    mounted = _quiet("mount", "-t", "tmpfs", "-o", f"size={SIZE},mode={mode}", "tmpfs", str(folder))
    try:
        yield
    finally:
        if mounted:
            _quiet("umount", "--lazy", str(folder))


def _has_memory() -> bool:
    lines = Path("/proc/meminfo").read_text().splitlines() if sys.platform == "linux" else []
    free = [int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    return bool(free) and free[0] > FREE_MIN_MIB * 1024


def _own_mounts() -> bool:
    """Mounts from now on are this process's and its children's alone."""
    if os.geteuid() != 0:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.unshare(CLONE_NEWNS) == 0 and _quiet("mount", "--make-rprivate", "/")


def _quiet(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
