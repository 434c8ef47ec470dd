"""Peak memory of a backfill worker: over 1,000 and over 100,000 blocks, and with blocks of 2 MB."""

import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import chain
from benchmarks.databases import PLAIN, Server, running
from benchmarks.indexing import backfill
from benchmarks.made_chains import REPEATED
from benchmarks.replay import running_replay
from benchmarks.report import Figures, Report, note, options

MARKS, QUICK_MARKS = (1_000, 10_000, 50_000, 100_000), (1_000, 4_000, 8_000)
FLAT = 0.10
FAT_MIB_MAX = 250
# JSON of the block alone: 2 MB of it, and what a block of 2 MB takes as hexadecimal digits.
FAT_BYTES = {"2 MB of JSON": 2_000_000, "2 MB of data, 4 MB of JSON": 4_050_000}
FAT_BLOCKS, QUICK_FAT_BLOCKS = 200, 60
_SAMPLE_EVERY_S = 0.02
_MIB = 2**20


@dataclass(slots=True)
class _Peaks:
    """VmHWM of the worker process by time, read from /proc while it lives."""

    samples: list[tuple[float, int]] = field(default_factory=list)
    thread: threading.Thread | None = None

    def watch(self, parent: int) -> None:
        self.thread = threading.Thread(target=self._sample, args=(parent,))
        self.thread.start()

    def at(self, when: float) -> float:
        """MiB that the process had held at most until `when`."""
        return max(peak for taken, peak in self.samples if taken <= when + _SAMPLE_EVERY_S) / _MIB

    @property
    def last(self) -> float:
        return max(peak for _, peak in self.samples) / _MIB

    def _sample(self, parent: int) -> None:
        while (workers := _workers(parent)) is not None:
            for pid in workers:
                if (peak := _peak_bytes(pid)) is not None:
                    self.samples.append((time.time(), peak))
            time.sleep(_SAMPLE_EVERY_S)


def _workers(parent: int) -> list[int] | None:
    """The worker processes of a backfill; None once it has ended."""
    try:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        if "State:\tZ" in Path(f"/proc/{parent}/status").read_text():
            return None
    except OSError:
        return None
    return [int(pid) for pid in children if b"spawn_main" in _command(pid)]


def _command(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _peak_bytes(pid: int) -> int | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    found = status.partition("VmHWM:")[2].split()
    return int(found[0]) * 1024 if found else None


def main() -> None:
    given = options(__doc__ or "")
    marks = QUICK_MARKS if given.quick else MARKS
    fat_blocks = QUICK_FAT_BLOCKS if given.quick else FAT_BLOCKS
    path = chain.recording()
    peaks: dict[int, list[float]] = {mark: [] for mark in marks}
    fat: dict[str, list[float]] = {name: [] for name in FAT_BYTES}
    with ExitStack() as stack:
        server = stack.enter_context(running(PLAIN))
        report = Report("memory", "Memory of a backfill worker", {server.home: server.version})
        for round_ in range(given.rounds):
            by_mark = _long_run(server, path, marks)
            for mark, mib in by_mark.items():
                peaks[mark].append(mib)
            note(f"round {round_ + 1}: " + ", ".join(f"{n:,}: {mib:.1f} MiB" for n, mib in by_mark.items()))
            for name, size in FAT_BYTES.items():
                fat[name].append(_fat_run(server, path, fat_blocks, size))
                note(f"round {round_ + 1}, {name}: {fat[name][-1]:.1f} MiB")
    _write(report, peaks, fat, fat_blocks)
    report.finish(given)


def _long_run(server: Server, path: Path, marks: tuple[int, ...]) -> dict[int, float]:
    watched = _Peaks()
    with running_replay(path, marks[-1], REPEATED) as replay, server.fresh() as dsn:
        done = backfill(dsn, replay, marks[-1], workers=1, on_start=watched.watch)
    return {mark: watched.at(done.reached_at(mark)) for mark in marks}


def _fat_run(server: Server, path: Path, blocks: int, block_bytes: int) -> float:
    watched = _Peaks()
    with running_replay(path, blocks, str(block_bytes)) as replay, server.fresh() as dsn:
        backfill(dsn, replay, blocks, workers=1, on_start=watched.watch)
    return watched.last


def _write(report: Report, peaks: dict[int, list[float]], fat: dict[str, list[float]], blocks: int) -> None:
    marks = sorted(peaks)
    report.say(
        "`VmHWM` of the one worker process of `pend-index backfill --workers 1` as shipped, read from\n"
        f"`/proc` every {_SAMPLE_EVERY_S * 1000:.0f} ms, in one run over {marks[-1]:,} blocks "
        "of 20 transactions: at the commit with\nwhich so many blocks were stored. The chain "
        "is 2,000 recorded blocks again "
        "and again, with new numbers,\nlinks and hashes."
    )
    first = Figures(tuple(peaks[marks[0]]))
    rows = []
    for mark in marks:
        here = Figures(tuple(peaks[mark]))
        growth = Figures(tuple(b / a for a, b in zip(first.values, here.values, strict=True)))
        target = f"≤ {1 + FLAT:.2f}" if mark == marks[-1] else ""
        rows.append([f"{mark:,}", here.show(1), f"**{growth.show(3)}**", target])
    report.table(["blocks stored", "peak, MiB", f"over that at {marks[0]:,}", "target"], rows)
    report.say(
        f"And over {blocks} blocks whose 20 inputs are random bytes: as JSON with receipts a batch of ten\n"
        "would be more than 20 and 40 MB."
    )
    rows = [
        [name, f"**{Figures(tuple(values)).show(1)}**", f"< {FAT_MIB_MAX}"] for name, values in fat.items()
    ]
    report.table(["each block", "peak, MiB", "target"], rows)
    report.data |= {"peaks_mib": peaks, "fat_mib": fat}


if __name__ == "__main__":
    main()
