"""What a test server keeps in memory is nobody else's, and gone with it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.memory_disk import in_memory
from tests.shared_server import REPOSITORY

HOLD = """
import pathlib, sys
from tests.memory_disk import in_memory
folder = pathlib.Path(sys.argv[1])
with in_memory(folder):
    (folder / "file").write_text("held")
    print(folder.stat().st_dev != folder.parent.stat().st_dev, flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("number", [None, signal.SIGKILL], ids=["ended", "killed"])
def test_files_in_memory_are_seen_by_their_process_alone_and_gone_with_it(
    number: signal.Signals | None, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    command = [sys.executable, "-c", HOLD, str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        mounted = process.stdout.readline() == "True\n"
        seen = [path.name for path in folder.iterdir()]
        assert seen == ([] if mounted else ["file"])
        if number is not None:
            process.send_signal(number)
    assert [path.name for path in folder.iterdir()] == seen
    assert not os.path.ismount(folder)


def test_files_go_to_the_disk_where_nothing_may_be_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with in_memory(tmp_path):
        (tmp_path / "file").touch()
    assert (tmp_path / "file").exists()
