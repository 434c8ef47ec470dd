"""`pend-index redecode` of a whole chain against a bare COPY of the rows that it writes."""

import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import uvloop

from benchmarks import chain
from benchmarks.copying import CopyFiles, load
from benchmarks.databases import PLAIN, TIMESCALE, Server, running
from benchmarks.indexing import backfill
from benchmarks.market_abi import register_market
from benchmarks.replay import running_replay
from benchmarks.report import Figures, Report, note, options
from indexer.decode.redecode import redecode
from indexer.decode.redecode_job import Request
from postgres.pool import DatabaseSettings

TARGET = 0.5
_TABLES = {
    "decoded_events": "block_number, log_index",
    "decoded_calls": "block_number, transaction_index",
}
_CLOCK = "SELECT extract(epoch FROM clock_timestamp());"

Runs = dict[str, list[float]]


def main() -> None:
    given = options(__doc__ or "")
    path = chain.recording()
    blocks = chain.QUICK_BLOCKS if given.quick else chain.MEASURED_BLOCKS
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=chain.FOLDER)))
        folder.chmod(0o755)
        servers = [stack.enter_context(running(home)) for home in (PLAIN, TIMESCALE)]
        report = Report(
            "redecode", "Decoding stored logs anew", {each.home: each.version for each in servers}
        )
        replay = stack.enter_context(running_replay(path, blocks))
        sides = []
        for server in servers:
            dsn = stack.enter_context(server.fresh(f"bench_redecode_{server.home}"))
            note(f"{server.home}: storing {blocks:,} blocks …")
            backfill(dsn, replay, blocks, workers=2, derives=True)
            uvloop.run(register_market(dsn))
            sides.append(_Sides(server, dsn, folder))
        for round_ in range(given.rounds):
            for each in sides:
                each.measure()
                shown = ", ".join(f"{name} {values[-1]:.2f} s" for name, values in each.runs.items())
                note(f"{each.server.home}, round {round_ + 1}: {shown}")
    _write(report, sides, blocks)
    report.finish(given)


@dataclass(slots=True)
class _Sides:
    """A stored and derived chain in one home, and seconds of each side."""

    server: Server
    dsn: str
    folder: Path
    runs: Runs = field(default_factory=lambda: defaultdict(list))
    rows: dict[str, int] = field(default_factory=dict)

    def measure(self) -> None:
        """Logs that nobody has read, the same again in place of their rows, and the rows by COPY."""
        empty = [f"TRUNCATE chain.{table}" for table in (*_TABLES, "unknown_topics")]
        self._settle(*empty)
        self._redecode("unread")
        self._settle()
        self._redecode("replaced")
        if not (self.folder / f"{self.server.home}-dump.sql").exists():
            load(self.dsn, self._script("dump", [self._dump(table) for table in _TABLES]))
        self._settle(*empty)
        loads = [f"\\copy chain.{table} FROM '{self._file(table)}' WITH (FORMAT binary)" for table in _TABLES]
        self.runs["COPY"].append(load(self.dsn, self._script("load", loads)).seconds)

    def _redecode(self, name: str) -> None:
        began = time.perf_counter()
        done = uvloop.run(redecode(DatabaseSettings(self.dsn), Request()))
        self.runs[name].append(time.perf_counter() - began)
        self.rows = {table: self._count(table) for table in _TABLES}
        if [done.events, done.calls] != list(self.rows.values()):
            raise RuntimeError(f"{done} is not what is stored: {self.rows}")

    def _settle(self, *statements: str) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            for statement in (*statements, "VACUUM ANALYZE", "CHECKPOINT"):
                connection.execute(statement.encode())

    def _count(self, table: str) -> int:
        with psycopg.connect(self.dsn) as connection:
            row = connection.execute(f"SELECT count(*) FROM chain.{table}".encode()).fetchone()
            assert row is not None
            return int(row[0])

    def _script(self, name: str, lines: list[str]) -> CopyFiles:
        script = self.folder / f"{self.server.home}-{name}.sql"
        script.write_text("\n".join(["\\set ON_ERROR_STOP on", _CLOCK, *lines, _CLOCK]) + "\n")
        return CopyFiles((script,), 0)

    def _file(self, table: str) -> Path:
        return self.folder / f"{self.server.home}-{table}.copy"

    def _dump(self, table: str) -> str:
        select = f"SELECT * FROM chain.{table} ORDER BY {_TABLES[table]}"
        return f"\\copy ({select}) TO '{self._file(table)}' WITH (FORMAT binary)"


def _write(report: Report, sides: list[_Sides], blocks: int) -> None:
    report.say(
        f"{blocks:,} blocks, stored and derived. redecode: raw logs and inputs read, decoded, staged, and\n"
        "put in use in one transaction, as `pend-index redecode` does it, without the start of its process:\n"
        "once where no row was there, as after an ABI came that nobody had, and once in place of the same\n"
        "rows, which are deleted too. COPY: `psql \\copy … binary` of the same decoded events and calls\n"
        "into the emptied tables, with their indexes, by the server's clock."
    )
    rows = []
    for each in sides:
        total = sum(each.rows.values())
        copied = each.runs["COPY"]
        for name, label in (
            ("COPY", "COPY"),
            ("unread", "redecode"),
            ("replaced", "redecode, rows replaced"),
        ):
            seconds = each.runs[name]
            rate = Figures(tuple(total / took for took in seconds))
            ratio = Figures(tuple(a / b for a, b in zip(copied, seconds, strict=True)))
            shown = {"COPY": "", "unread": f"**{ratio.show(2)}**"}.get(name, ratio.show(2))
            target = f"≥ {TARGET}" if name == "unread" else ""
            rows.append([f"{each.server.home}, {label}", rate.show(), shown, target])
    report.table(["home, what", "rows/s", "of COPY", "target"], rows)
    counted = ", ".join(f"{table} {count:,}" for table, count in sides[0].rows.items())
    report.say(f"Rows: {counted}.")
    report.data |= {each.server.home: {"seconds": each.runs, "rows": each.rows} for each in sides}


if __name__ == "__main__":
    main()
