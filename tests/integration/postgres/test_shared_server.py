"""The test suite's own servers: one for all its processes, none left behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.integration.postgres.processes import wait_until_gone
from tests.shared_server import REPOSITORY, ServerUnavailable, SharedServer

JOIN = """
import pathlib, sys
from tests.shared_server import SharedServer
print(SharedServer(sys.argv[1], pathlib.Path(sys.argv[2])).join(), flush=True)
sys.stdin.read()
"""


def join_elsewhere(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    process = subprocess.Popen(
        [sys.executable, "-c", JOIN, "embedded", str(folder)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    return process, process.stdout.readline().decode().strip()


def supervisor_of(server: SharedServer) -> int:
    return int(json.loads((server.folder / "state.json").read_text())["supervisor"])


def test_members_share_one_server_that_ends_with_the_last(tmp_path: Path) -> None:
    ours = SharedServer("embedded", tmp_path)
    dsn = ours.join()
    supervisor = supervisor_of(ours)
    process, theirs = join_elsewhere(tmp_path)
    ours.leave()
    with psycopg.connect(theirs) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with process:
        process.send_signal(signal.SIGKILL)

    wait_until_gone(supervisor)
    ours.wait_until_gone()
    assert theirs == dsn
    assert list(ours.folder.glob("server-*")) == []


def test_member_that_joins_while_the_last_leaves_gets_a_server_that_answers(tmp_path: Path) -> None:
    ours = SharedServer("embedded", tmp_path)
    for _ in range(3):
        with psycopg.connect(ours.join()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        ours.leave()

    ours.wait_until_gone()
    assert not (ours.folder / "state.json").exists()


def test_supervisor_that_was_killed_is_replaced(tmp_path: Path) -> None:
    ours = SharedServer("embedded", tmp_path)
    ours.join()
    killed = supervisor_of(ours)
    os.kill(killed, signal.SIGKILL)
    wait_until_gone(killed)

    other = SharedServer("embedded", tmp_path)
    with psycopg.connect(other.join()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert len(list(other.folder.glob("server-*"))) == 1
    ours.leave()
    other.leave()
    other.wait_until_gone()


def test_home_that_cannot_start_says_why(tmp_path: Path) -> None:
    server = SharedServer("no_such_home", tmp_path)

    with pytest.raises(ServerUnavailable):
        server.join()
