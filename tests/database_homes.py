"""Where each home's server comes from: a DSN, this machine, Docker, or Debian 13's packages in a folder.

`python -m tests.database_homes` fetches beforehand what the first test would otherwise wait for.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg

from postgres import children
from postgres.embedded import FAST_AND_LOSABLE, EmbeddedPostgres
from tests.memory_disk import in_memory
from tests.shared_server import CACHE, ServerUnavailable, locked

EMBEDDED = "embedded"
TIMESCALE = "timescale"
COMMUNITY = "community"

DSN_VARIABLES = {
    EMBEDDED: "PEND_TEST_POSTGRES_DSN",
    TIMESCALE: "PEND_TEST_TIMESCALE_DSN",
    COMMUNITY: "PEND_TEST_COMMUNITY_DSN",
}
DOCKER_IMAGE = "timescale/timescaledb:2.19.3-pg17-oss"
DEBIAN_RELEASE = "trixie"
DEBIAN_PACKAGE = "postgresql-17-timescaledb"
DEBIAN_BINARIES = Path("/usr/lib/postgresql/17/bin")
TIMESCALE_SETTINGS: Mapping[str, str] = {
    **FAST_AND_LOSABLE,
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
    # Its scheduler connects to every database, which would forbid cloning a template.
    "timescaledb.max_background_workers": "0",
    "max_locks_per_transaction": "256",
    # A folder that is not a whole system has no /dev/shm.
    "dynamic_shared_memory_type": "mmap",
}
HOW_TO_GET_TIMESCALE = (
    "set PEND_TEST_TIMESCALE_DSN, or install postgresql-17-timescaledb, or start Docker,"
    " or run as root with debootstrap installed"
)


@contextmanager
def start_embedded(data: Path) -> Iterator[str]:
    with in_memory(data), EmbeddedPostgres(data / "postgres", settings=FAST_AND_LOSABLE) as server:
        yield server.dsn()


@contextmanager
def start_timescale(data: Path) -> Iterator[str]:
    """The first of: this machine's package, Docker, Debian's package in a root folder."""
    if (binaries := system_timescale()) is not None:
        with (
            in_memory(data),
            EmbeddedPostgres(
                data / "timescale", settings=TIMESCALE_SETTINGS, binaries_dir=binaries
            ) as server,
        ):
            yield server.dsn()
    elif docker_answers():
        with docker_timescale(data) as dsn:
            yield dsn
    else:
        root = debian_root()
        inside = root / "var/lib/postgresql" / data.name
        for left in inside.parent.glob("server-*"):  # by a supervisor that was killed
            shutil.rmtree(left, ignore_errors=True)
        inside.mkdir(mode=0o755)
        try:
            with (
                in_memory(inside),
                EmbeddedPostgres(
                    inside / "timescale", settings=TIMESCALE_SETTINGS, binaries_dir=DEBIAN_BINARIES, root=root
                ) as server,
            ):
                yield server.dsn()
        finally:
            shutil.rmtree(inside)


STARTERS: Mapping[str, Callable[[Path], AbstractContextManager[str]]] = {
    EMBEDDED: start_embedded,
    TIMESCALE: start_timescale,
}


def system_timescale() -> Path | None:
    """The newest PostgreSQL of this machine that has TimescaleDB."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/lib/timescaledb.so"))
    return found[-1].parent.parent / "bin" if found else None


def docker_answers() -> bool:
    if shutil.which("docker") is None:
        return False
    asked = subprocess.run(["docker", "info"], capture_output=True, timeout=20, check=False)
    return asked.returncode == 0


@contextmanager
def docker_timescale(data: Path) -> Iterator[str]:
    """A container in the foreground of a child of ours: it ends when the child does."""
    port = children.free_port()
    settings = [part for key, value in TIMESCALE_SETTINGS.items() for part in ("-c", f"{key}={value}")]
    process = children.spawn(
        (
            *(shutil.which("docker") or "docker", "run", "--rm", "--publish", f"127.0.0.1:{port}:5432"),
            *(
                "--env",
                "POSTGRES_PASSWORD=pend",
                "--env",
                "NO_TS_TUNE=1",
                DOCKER_IMAGE,
                "postgres",
                *settings,
            ),
        ),
        log=data / "docker.log",
        environment=os.environ,
    )
    dsn = f"postgresql://postgres:pend@127.0.0.1:{port}/postgres"
    try:
        _wait_for(dsn, process, timeout_s=240)
        yield dsn
    finally:
        children.stop(process, signal.SIGTERM, timeout_s=30)


def _wait_for(dsn: str, process: subprocess.Popen[bytes], *, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while process.poll() is None and time.monotonic() < deadline:
        try:
            psycopg.connect(dsn, connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.2)
        else:
            return
    raise ServerUnavailable(f"the container of {DOCKER_IMAGE} did not answer within {timeout_s:g} s")


def debian_root() -> Path:
    """A folder with Debian 13's PostgreSQL 17 and TimescaleDB, made once. Needs root and debootstrap."""
    root = CACHE / DEBIAN_RELEASE
    CACHE.mkdir(exist_ok=True)
    with locked(CACHE / f"{DEBIAN_RELEASE}.lock"):
        if root.exists() and os.geteuid() == 0:
            return root
        debootstrap = shutil.which("debootstrap") or shutil.which("debootstrap", path="/usr/sbin:/sbin")
        if os.geteuid() != 0 or debootstrap is None:
            raise ServerUnavailable(f"no TimescaleDB on this machine: {HOW_TO_GET_TIMESCALE}")
        partial = root.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        log = CACHE / f"{DEBIAN_RELEASE}.log"
        with log.open("wb") as output:
            made = subprocess.run(
                [
                    debootstrap,
                    "--variant=minbase",
                    f"--include={DEBIAN_PACKAGE}",
                    DEBIAN_RELEASE,
                    str(partial),
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if made.returncode != 0:
            raise ServerUnavailable(f"debootstrap of {DEBIAN_PACKAGE} failed; see {log}")
        # Downloaded packages are of no more use.
        shutil.rmtree(partial / "var/cache/apt/archives", ignore_errors=True)
        partial.rename(root)
        return root


def main() -> int:
    if os.environ.get(DSN_VARIABLES[TIMESCALE]) or system_timescale() or docker_answers():
        return 0
    try:
        debian_root()
    except ServerUnavailable as error:
        sys.stderr.write(f"TimescaleDB will not be tested: {error}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
