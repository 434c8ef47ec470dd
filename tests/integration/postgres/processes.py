"""Whether a process is gone, asked until it is."""

import os
import time
from pathlib import Path

GONE_WITHIN_S = 15.0


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie has ended; only its parent has not asked yet.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + GONE_WITHIN_S
    while is_alive(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there after {GONE_WITHIN_S:g} s"
        time.sleep(0.02)
