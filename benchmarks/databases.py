"""The homes a benchmark writes to: servers with their shipped settings, a migrated template, clones.

Nothing is turned off that a production server has on: fsync, synchronous commit, full-page writes and
autovacuum stay. `track_commit_timestamp` is on for every side: it tells when the last commit was.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg.sql import SQL, Identifier

from benchmarks.chain import FOLDER
from postgres.embedded import EmbeddedPostgres
from postgres.migrations import migrate
from tests.database_homes import DEBIAN_BINARIES, debian_root, system_timescale

PLAIN, TIMESCALE = "plain", "timescale"
ADDRESS_INDEXES = (
    "CREATE INDEX ON chain.transactions (from_address, block_number)",
    "CREATE INDEX ON chain.transactions (to_address, block_number)",
    "CREATE INDEX ON chain.logs (address, topic0, block_number)",
)
"""Not shipped: what a page of an address would need."""

CHUNK_BLOCKS = 100_000
"""The shipped `database.chunk_blocks`."""

_SHIPPED: Mapping[str, str] = {"track_commit_timestamp": "on"}
_TIMESCALE: Mapping[str, str] = {
    **_SHIPPED,
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
    # Its scheduler connects to every database, which would forbid cloning a template.
    "timescaledb.max_background_workers": "0",
    # A folder that is not a whole system has no /dev/shm.
    "dynamic_shared_memory_type": "mmap",
}


@dataclass(frozen=True, slots=True)
class Server:
    """One running home with a migrated template."""

    home: str
    dsn: str
    version: str

    def dsn_of(self, database: str) -> str:
        return self.dsn.rpartition("/")[0] + f"/{database}"

    @contextmanager
    def fresh(self, name: str = "bench") -> Iterator[str]:
        """The DSN of a new migrated database, everything before it checkpointed; dropped afterwards."""
        self._administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
        self._administer("CREATE DATABASE {} TEMPLATE template_bench", name)
        self._administer("CHECKPOINT")
        yield self.dsn_of(name)
        self._administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def make_template(self, chunk_blocks: int, indexes: Sequence[LiteralString]) -> None:
        self._administer("DROP DATABASE IF EXISTS template_bench WITH (FORCE)")
        self._administer("CREATE DATABASE template_bench")
        migrate(self.dsn_of("template_bench"), chunk_blocks=chunk_blocks)
        with psycopg.connect(self.dsn_of("template_bench"), autocommit=True) as connection:
            for index in indexes:
                connection.execute(index)
        self._administer("ALTER DATABASE template_bench WITH ALLOW_CONNECTIONS false")

    def _administer(self, statement: LiteralString, *names: str) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(SQL(statement).format(*map(Identifier, names)))


@contextmanager
def running(
    home: str,
    *,
    name: str | None = None,
    chunk_blocks: int = CHUNK_BLOCKS,
    indexes: Sequence[LiteralString] = (),
) -> Iterator[Server]:
    """The server of a home, its data on this machine's disk, gone afterwards; shown as `name`."""
    starter = _plain if home == PLAIN else _timescale
    with starter() as postgres:
        with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
            version = str(connection.info.parameter_status("server_version")).split()[0]
            if home != PLAIN:
                row = connection.execute(
                    "SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'"
                ).fetchone()
                assert row is not None
                version += f" with TimescaleDB {row[0]}"
        server = Server(name or home, postgres.dsn(), version)
        server.make_template(chunk_blocks, indexes)
        yield server


@contextmanager
def _plain() -> Iterator[EmbeddedPostgres]:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="plain-", dir=FOLDER) as folder:
        Path(folder).chmod(0o755)  # the server may run under another account
        with EmbeddedPostgres(Path(folder) / "postgres", settings=_SHIPPED) as server:
            yield server


@contextmanager
def _timescale() -> Iterator[EmbeddedPostgres]:
    """This machine's package, or Debian's in the folder that the tests made."""
    if (binaries := system_timescale()) is not None:
        with tempfile.TemporaryDirectory(prefix="timescale-", dir=FOLDER) as folder:
            Path(folder).chmod(0o755)
            data = Path(folder) / "postgres"
            with EmbeddedPostgres(data, settings=_TIMESCALE, binaries_dir=binaries) as server:
                yield server
        return
    root = debian_root()
    inside = root / "var/lib/postgresql" / f"bench-{os.getpid()}"
    inside.mkdir(mode=0o755)
    try:
        with EmbeddedPostgres(
            inside / "postgres", settings=_TIMESCALE, binaries_dir=DEBIAN_BINARIES, root=root
        ) as server:
            yield server
    finally:
        shutil.rmtree(inside)
