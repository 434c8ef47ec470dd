"""The database that the explorer is measured on: made once, kept beside the recording, opened by each run.

420,000 blocks of 20 transactions, everything derived: enough for one address with a million transactions. It
is only read, so that one may serve many runs.
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

import migrations
from benchmarks import chain
from benchmarks.indexing import backfill
from benchmarks.made_chains import REPEATED
from benchmarks.replay import running_replay
from benchmarks.report import note
from postgres.embedded import FAST_AND_LOSABLE, EmbeddedPostgres
from postgres.migrations import migrate

BLOCKS, QUICK_BLOCKS = 420_000, 5_000
_SETTINGS = {
    "shared_buffers": "6GB",
    "max_connections": "200",
    "track_commit_timestamp": "on",
    "max_wal_size": "8GB",
}
BUSIEST = (
    "SELECT address, transaction_count FROM chain.addresses ORDER BY transaction_count DESC, address LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Explored:
    """A server that holds the chain, and what is worth asking for."""

    dsn: str
    version: str
    blocks: int
    transactions: int
    busiest: bytes
    busiest_transactions: int


@contextmanager
def explored(blocks: int) -> Iterator[Explored]:
    """The database of so many blocks; the first call makes it, which takes as long as indexing them."""
    folder = chain.FOLDER / f"explored-{blocks}-{_schema()}"
    done = folder / "done.json"
    if not done.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        folder.chmod(0o755)
        _make(folder, blocks)
        done.write_text(json.dumps({"blocks": blocks}))
    with EmbeddedPostgres(folder / "postgres", settings=_SETTINGS) as server:
        dsn = f"{server.dsn().rpartition('/')[0]}/explored"
        with psycopg.connect(dsn) as connection:
            (transactions,) = connection.execute("SELECT count(*) FROM chain.transactions").fetchone() or (0,)
            busiest, count = connection.execute(BUSIEST).fetchone() or (b"", 0)
            version = str(connection.info.parameter_status("server_version")).split()[0]
        yield Explored(dsn, version, blocks, transactions, busiest, count)


def _schema() -> str:
    """Changes with any migration."""
    digest = hashlib.sha256()
    for path in sorted(migrations.FOLDER.glob("*.sql")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def _make(folder: Path, blocks: int) -> None:
    note(f"indexing {blocks:,} blocks, once …")
    recording = chain.recording()
    with (
        EmbeddedPostgres(folder / "postgres", settings={**_SETTINGS, **FAST_AND_LOSABLE}) as server,
        running_replay(recording, blocks, REPEATED) as replay,
    ):
        dsn = server.create_database("explored")
        migrate(dsn)
        backfill(dsn, replay, blocks, workers=2, derives=True)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE, FREEZE)")


if __name__ == "__main__":
    with explored(int(sys.argv[1]) if len(sys.argv) > 1 else BLOCKS) as made:
        note(f"{made.transactions:,} transactions, {made.busiest_transactions:,} of them of one address")
