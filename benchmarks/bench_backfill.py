"""Backfill against `psql \\copy … binary` of the same rows, in both homes, with one and two workers."""

import tempfile
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import uvloop

from benchmarks import chain, copying
from benchmarks.chain import Summary
from benchmarks.copying import CopyFiles
from benchmarks.databases import ADDRESS_INDEXES, PLAIN, TIMESCALE, Server, running
from benchmarks.indexing import backfill
from benchmarks.replay import Replay, raw_rate, running_replay
from benchmarks.report import Figures, Report, note, options

WORKERS = (1, 2)
TARGETS = {1: (0.70, 0.80), 2: (0.65, 0.75)}
_MORE_INDEXES = "plain, 3 indexes more"
_TABLES = ("blocks", "transactions", "logs", "block_locations", "transaction_locations")

Runs = dict[str, list[float]]


def main() -> None:
    given = options(__doc__ or "")
    path = chain.recording()
    blocks = chain.QUICK_BLOCKS if given.quick else chain.MEASURED_BLOCKS
    with ExitStack() as stack:
        replay = stack.enter_context(running_replay(path, blocks))
        servers = [stack.enter_context(running(home)) for home in (PLAIN, TIMESCALE)]
        if not given.quick:
            more = running(PLAIN, name=_MORE_INDEXES, indexes=ADDRESS_INDEXES)
            servers.append(stack.enter_context(more))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="copy-", dir=chain.FOLDER)))
        report = Report("backfill", "Backfill against psql \\copy", {s.home: s.version for s in servers})
        report.data["replay_blocks_per_s"] = served = uvloop.run(raw_rate(replay.url, blocks))
        sides = [
            _Sides(server, replay, _files(server, replay, folder / str(number), blocks), blocks)
            for number, server in enumerate(servers)
        ]
        for round_ in range(given.rounds):
            for each in sides:
                each.measure(round_)
        measured = {each.server.home: each.runs for each in sides}
        files = sides[0].files[1]
        _write(report, measured, files, chain.summary(path), blocks, served)
        report.finish(given)


def _files(server: Server, replay: Replay, folder: Path, blocks: int) -> dict[int, CopyFiles]:
    """The rows of an indexed database; also what warms up everything before the first round."""
    folder.mkdir(parents=True)
    note(f"{server.home}: indexing once and writing the files that psql will load")
    with server.fresh() as dsn:
        backfill(dsn, replay, blocks, workers=2)
        return {parts: copying.dump(dsn, folder, blocks, parts) for parts in WORKERS}


@dataclass(slots=True)
class _Sides:
    """Ours and psql in one home."""

    server: Server
    replay: Replay
    files: dict[int, CopyFiles]
    blocks: int
    runs: Runs = field(default_factory=lambda: defaultdict(list))
    counts: set[tuple[int, ...]] = field(default_factory=set)

    def measure(self, round_: int) -> None:
        """Every side once, each into a fresh database."""
        order = [(side, count) for count in WORKERS for side in (self._ours, self._psql)]
        # Whoever comes first meets another state of the machine: alternate.
        for side, count in reversed(order) if round_ % 2 else order:
            with self.server.fresh() as dsn:
                side(dsn, count)
                self.counts.add(_counts(dsn))
        if len(self.counts) != 1:
            raise RuntimeError(f"{self.server.home}: the sides did not store the same rows: {self.counts}")

    def _ours(self, dsn: str, workers: int) -> None:
        done = backfill(dsn, self.replay, self.blocks, workers=workers)
        self._keep(f"ours {workers}", done.blocks_per_s)
        self.runs[f"ours {workers} wall"].append(self.blocks / done.wall_s)
        self.runs[f"ours {workers} cpu"].append(1e6 * done.cpu_s / self.blocks)
        self.runs[f"ours {workers} rss"].append(done.rss_max_bytes / 2**20)

    def _psql(self, dsn: str, parts: int) -> None:
        loaded = copying.load(dsn, self.files[parts])
        self._keep(f"psql {parts}", self.blocks / loaded.seconds)
        self.runs[f"psql {parts} wall"].append(self.blocks / loaded.wall_s)

    def _keep(self, name: str, blocks_per_s: float) -> None:
        self.runs[name].append(blocks_per_s)
        note(f"{self.server.home}, {name}: {blocks_per_s:,.0f} blocks/s")


def _counts(dsn: str) -> tuple[int, ...]:
    with psycopg.connect(dsn) as connection:
        return tuple(
            connection.execute(f"SELECT count(*) FROM chain.{table}").fetchone()[0]  # type: ignore[index]
            for table in _TABLES
        )


def _write(
    report: Report,
    measured: dict[str, Runs],
    files: CopyFiles,
    recorded: Summary,
    blocks: int,
    served: float,
) -> None:
    report.say(
        "`pend-index backfill` as shipped (light checks on every block, every index, coverage, outbox, the\n"
        "process an operator would start) against `psql \\copy … (FORMAT binary)` of the very same rows\n"
        "into the same migrated tables. Servers run with PostgreSQL's defaults for both: fsync, synchronous\n"
        "commit, full-page writes and autovacuum on. A fresh clone and a CHECKPOINT before each run."
    )
    report.say(
        "Both are timed between work: ours from the first block asked of the node to the last commit\n"
        "(`pg_xact_commit_timestamp`), psql from its first COPY to its last commit. Ours shares the cores\n"
        "with the node (a replay server); psql does not."
    )
    rows = []
    for home, runs in measured.items():
        for count in WORKERS:
            ours, psql = Figures(tuple(runs[f"ours {count}"])), Figures(tuple(runs[f"psql {count}"]))
            ratios = Figures(tuple(a / b for a, b in zip(ours.values, psql.values, strict=True)))
            target, aim = TARGETS[count]
            rows.append(
                [
                    f"{home}, {count}",
                    ours.show(),
                    psql.show(),
                    f"**{ratios.show(2)}**",
                    f"≥ {target:.2f}, aim {aim:.2f}",
                    Figures(tuple(runs[f"ours {count} wall"])).show(),
                    f"{Figures(tuple(runs[f'ours {count} cpu'])).median:,.0f}",
                    f"{Figures(tuple(runs[f'ours {count} rss'])).median:,.0f}",
                ]
            )
    report.table(
        [
            "home, workers", "ours, blocks/s", "psql, blocks/s", "ratio", "target",
            "ours with start, blocks/s", "our CPU, µs/block", "largest process, MiB",
        ],
        rows,
    )  # fmt: skip
    report.say(
        f"The recording: {recorded.blocks:,} blocks, {recorded.transactions:,} transactions, "
        f"{recorded.logs:,} logs,\n{recorded.failed:,} reverted, "
        f"{recorded.json_bytes / recorded.blocks / 1000:.0f} KB of JSON a block, made by {recorded.node}, "
        f"head\n{recorded.head_hash}. The replay server alone gives {served:,.0f} blocks/s with receipts;\n"
        f"psql's files are {files.bytes / 2**20:,.0f} MiB for {blocks:,} blocks."
    )
    report.data |= {"recording": recorded, "runs": measured}


if __name__ == "__main__":
    main()
