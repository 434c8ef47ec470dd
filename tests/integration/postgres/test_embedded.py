"""Servers of our own start on free ports, keep their data, and never outlive the process that started them."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from postgres import children
from postgres.embedded import FAST_AND_LOSABLE, EmbeddedPostgres, EmbeddedUnavailable
from service.embedded_redis import EmbeddedRedis
from tests.integration.postgres.processes import wait_until_gone

START_POSTGRES = """
import sys, pathlib
from postgres.embedded import EmbeddedPostgres, FAST_AND_LOSABLE
server = EmbeddedPostgres(pathlib.Path(sys.argv[1]) / "postgres", settings=FAST_AND_LOSABLE)
server.start()
print(server.pid, flush=True)
sys.stdin.read()
"""
START_REDIS = """
import sys
from service.embedded_redis import EmbeddedRedis
server = EmbeddedRedis()
server.start()
print(server.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "postgres"


def test_embedded_postgres_keeps_its_data_over_a_restart(data: Path) -> None:
    with EmbeddedPostgres(data, settings=FAST_AND_LOSABLE) as server:
        dsn = server.create_database("shop")
        with psycopg.connect(dsn) as connection:
            connection.execute("CREATE TABLE things AS SELECT 42 AS answer")

    with EmbeddedPostgres(data, settings=FAST_AND_LOSABLE) as server:
        with psycopg.connect(server.create_database("shop")) as connection:
            assert connection.execute("SELECT answer FROM things").fetchall() == [(42,)]
        pid = server.pid

    assert pid is not None
    wait_until_gone(pid)


def test_embedded_postgres_listens_on_loopback_only_and_wants_its_password(data: Path) -> None:
    with EmbeddedPostgres(data, settings=FAST_AND_LOSABLE) as server:
        with psycopg.connect(server.dsn()) as connection:
            row = connection.execute(
                "SELECT current_setting('listen_addresses'), current_setting('unix_socket_directories')"
            ).fetchone()
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgresql://postgres:guess@127.0.0.1:{server.port}/postgres")
        password_file = data / "pend_password"

        assert row == ("127.0.0.1", "")
        assert password_file.stat().st_mode & 0o077 == 0


def test_two_embedded_postgres_do_not_disturb_each_other(tmp_path: Path) -> None:
    with (
        EmbeddedPostgres(tmp_path / "one", settings=FAST_AND_LOSABLE) as one,
        EmbeddedPostgres(tmp_path / "two", settings=FAST_AND_LOSABLE) as two,
    ):
        one.create_database("only_here")

        assert one.port != two.port
        with psycopg.connect(two.dsn()) as connection:
            assert (
                connection.execute("SELECT FROM pg_database WHERE datname = 'only_here'").fetchone() is None
            )


def test_embedded_postgres_that_cannot_start_shows_why(data: Path) -> None:
    server = EmbeddedPostgres(data, settings={"shared_buffers": "a lot"})

    with pytest.raises(EmbeddedUnavailable, match="shared_buffers"):
        server.start()
    assert server.pid is None


def test_second_server_over_the_same_data_is_refused(data: Path) -> None:
    with (
        EmbeddedPostgres(data, settings=FAST_AND_LOSABLE),
        pytest.raises(EmbeddedUnavailable, match=r"postmaster\.pid"),
    ):
        EmbeddedPostgres(data, settings=FAST_AND_LOSABLE).start()


@pytest.mark.parametrize("program", [START_POSTGRES, START_REDIS], ids=["postgres", "redis"])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["kill-9", "term"])
def test_server_ends_when_its_parent_is_killed(tmp_path: Path, program: str, how: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with parent:
        assert parent.stdout is not None
        server = int(parent.stdout.readline())
        parent.send_signal(how)
        parent.wait()

    wait_until_gone(server)


def test_embedded_redis_answers_and_ends(redis_url: str) -> None:
    with EmbeddedRedis() as server:
        assert server.url != redis_url
        pid = server.pid

    assert pid is not None
    wait_until_gone(pid)


@pytest.mark.parametrize("start", [EmbeddedRedis], ids=["redis"])
def test_server_started_twice_is_a_fault_of_the_caller(start: Callable[[], EmbeddedRedis]) -> None:
    with start() as server, pytest.raises(AssertionError, match="already runs"):
        server.start()


def test_stop_kills_a_child_that_ignores_its_signal(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    program = "trap '' TERM; echo > $0; while :; do read line < $1; done"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    child = children.spawn(("/bin/sh", "-c", program, str(ready), str(pipe)), log=tmp_path / "log")
    # The shell opens the pipe only after the trap is set.
    with pipe.open("w"):
        children.stop(child, signal.SIGTERM, timeout_s=0.1)

    assert ready.exists()
    assert child.returncode == -signal.SIGKILL
