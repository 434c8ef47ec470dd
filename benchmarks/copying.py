"""The denominator: `psql \\copy … binary` of exactly the rows that a backfill stores.

One `\\copy` for each table, into the same tables with the same indexes, each file whole: the fastest
that psql offers here.
"""

import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from postgres.embedded import binaries

# In the order they are filled; the part of a table that belongs to a range of blocks.
_BY_BLOCK = {
    "blocks": ("number", "number"),
    "transactions": ("block_number", "block_number, transaction_index"),
    "logs": ("block_number", "block_number, log_index"),
    "block_locations": ("number", "number"),
    "transaction_locations": ("block_number", "block_number, transaction_index"),
}
# A few rows each; the first part carries them.
_WHOLE = ("coverage", "chain_state", "outbox")
_CLOCK = "SELECT extract(epoch FROM clock_timestamp());"


@dataclass(frozen=True, slots=True)
class CopyFiles:
    """Binary files of the same chain, cut into as many parts as psql processes will load them."""

    scripts: tuple[Path, ...]
    bytes: int


def psql() -> str:
    """The embedded server's own, or the system's."""
    own = binaries() / "psql"
    found = str(own) if own.exists() else shutil.which("psql")
    assert found is not None, "psql is missing: install postgresql-client"
    return found


def dump(dsn: str, folder: Path, blocks: int, parts: int) -> CopyFiles:
    """Write the binary files of an indexed database, split by block range, and the scripts to load them."""
    scripts: list[Path] = []
    size = 0
    for part in range(parts):
        first, last = part * blocks // parts, (part + 1) * blocks // parts - 1
        selects = {
            table: f"SELECT * FROM chain.{table} WHERE {column} BETWEEN {first} AND {last} ORDER BY {order}"
            for table, (column, order) in _BY_BLOCK.items()
        }
        if part == 0:
            selects |= {table: f"SELECT * FROM chain.{table}" for table in _WHOLE}
        files = {table: folder / f"{part + 1}-of-{parts}-{table}.copy" for table in selects}
        _run(
            dsn,
            [
                f"\\copy ({select}) TO '{files[table]}' WITH (FORMAT binary)"
                for table, select in selects.items()
            ],
            folder / "dump.sql",
        )
        script = folder / f"load-{part + 1}-of-{parts}.sql"
        loads = [f"\\copy chain.{table} FROM '{file}' WITH (FORMAT binary)" for table, file in files.items()]
        script.write_text("\n".join(["\\set ON_ERROR_STOP on", _CLOCK, *loads, _CLOCK]) + "\n")
        scripts.append(script)
        size += sum(file.stat().st_size for file in files.values())
    return CopyFiles(tuple(scripts), size)


@dataclass(frozen=True, slots=True)
class Loaded:
    """How long the load took from the first COPY to the last commit, and with the processes' start."""

    seconds: float
    wall_s: float


def load(dsn: str, files: CopyFiles) -> Loaded:
    """Load every part at once, a psql process each."""
    started = time.monotonic()
    processes = [
        subprocess.Popen(_command(dsn, script), stdout=subprocess.PIPE, text=True) for script in files.scripts
    ]
    outputs = [process.communicate()[0] for process in processes]
    wall_s = time.monotonic() - started
    if any(process.returncode for process in processes):
        raise RuntimeError(f"psql failed: {[process.returncode for process in processes]}")
    times = [[float(line) for line in output.split()] for output in outputs]
    return Loaded(max(each[-1] for each in times) - min(each[0] for each in times), wall_s)


def _run(dsn: str, lines: Sequence[str], script: Path) -> None:
    script.write_text("\n".join(["\\set ON_ERROR_STOP on", *lines]) + "\n")
    subprocess.run(_command(dsn, script), check=True)


def _command(dsn: str, script: Path) -> list[str]:
    return [psql(), "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--file", str(script), dsn]
