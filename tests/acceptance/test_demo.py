"""`make demo` as a newcomer runs it: a process with an output, an exit code, and nothing left afterwards."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for left processes in /proc")

ENDS_WITHIN_S = 90.0
_POLL_S = 0.05
_MARK = "DEMO_TEST_MARK"
SMALL = ("--history", "60", "--block-time", "0.5")


@dataclass(frozen=True)
class Demo:
    """A running demo; its temporary files lie in `folder`, every process of it carries `mark`."""

    process: subprocess.Popen[bytes]
    folder: Path
    log: Path
    mark: str

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def indexed(self) -> int:
        """The block it says it has indexed up to."""
        return int(re.findall(r"indexed (\d+)", self.output())[-1])

    def wait(self) -> int:
        return self.process.wait(ENDS_WITHIN_S)

    def wait_for(self, text: str) -> None:
        def written() -> bool:
            assert self.process.poll() is None or text in self.output(), self.output()
            return text in self.output()

        wait_until(written, f"{text!r} in:\n{self.output()}")

    def processes(self) -> list[str]:
        """What runs of it, itself included, by environment, working directory and command line."""
        mark, folder = f"{_MARK}={self.mark}".encode(), str(self.folder)
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                marked = mark in (entry / "environ").read_bytes().split(b"\0")
                inside = str((entry / "cwd").readlink()).startswith(folder) or folder in command
            except OSError:  # ended meanwhile, or another user's
                continue
            if marked or inside:
                found.append(f"{entry.name} {command}")
        return found

    def leaves_nothing(self) -> None:
        assert self.processes() == []
        assert list(self.folder.iterdir()) == []


@contextmanager
def started(folder: Path, *options: str) -> Iterator[Demo]:
    """`python -m indexer.demo`; killed with the block, which a test never lets happen."""
    folder.mkdir(exist_ok=True)
    mark, log = uuid.uuid4().hex, folder.with_name(f"{folder.name}-{uuid.uuid4().hex[:8]}.log")
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    # What a careless shell may hold: the demo must not hear of it.
    careless = {"PEND_DATABASE__DSN": "postgresql://nobody@192.0.2.1/x", "PGSSLMODE": "require"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "indexer.demo", *options],
            env={**inherited, **careless, "TMPDIR": str(folder), _MARK: mark, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield Demo(process, folder, log, mark)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def wait_until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + ENDS_WITHIN_S
    while not holds():
        assert time.monotonic() < deadline, f"not within {ENDS_WITHIN_S:.0f} s: {what}"
        time.sleep(_POLL_S)


def claims(output: str) -> dict[str, str]:
    """The summary: each claim with `ok` or `FAILED`."""
    summary = output.partition("\nSummary\n")[2]
    return {
        claim: mark for mark, claim in re.findall(r"^  (ok|FAILED) +(\w+(?: \w+)*)  ", summary, re.MULTILINE)
    }


def test_demo_two_at_once_hold_every_claim_and_leave_nothing(tmp_path: Path) -> None:
    """One ends by itself, the other by Ctrl-C while it follows."""
    with ExitStack() as stack:
        demos = {
            consensus: stack.enter_context(
                started(tmp_path / consensus, *SMALL, "--consensus", consensus, *more)
            )
            for consensus, more in (("qbft", ("--for", "10s")), ("clique", ("--reorg-every", "3")))
        }
        clique = demos["clique"]
        clique.wait_for(" following: head")
        assert len(clique.processes()) >= 5
        begun_at = clique.indexed()
        # More than it takes for a claim about reorgs, however long a busy machine needs for that.
        wait_until(lambda: clique.indexed() >= begun_at + 10, "ten blocks are followed")
        clique.wait_for("reorg: ")
        clique.process.send_signal(signal.SIGINT)
        exit_codes = {consensus: demo.wait() for consensus, demo in demos.items()}
        outputs = {consensus: demo.output() for consensus, demo in demos.items()}
        assert exit_codes == {"qbft": 0, "clique": 0}, outputs
        for demo in demos.values():
            demo.leaves_nothing()
    usual = dict.fromkeys(
        ("backfill", "follow", "write API", "lag", "derive", "explorer", "daemon stops", "verify"), "ok"
    )
    assert claims(outputs["qbft"]) == usual
    assert claims(outputs["clique"]) == {**usual, "reorgs": "ok"}
    assert "reorg: " in outputs["clique"]
    for output in outputs.values():
        assert re.search(r"derived \d+: [\d,]+ token transfers, \d+ holders, \d+ addresses; reorgs", output)
        assert re.search(r"  derived from blocks 0 to \d+: \d+ tables recomputed: no difference\n", output)
    assert "; 0 branches replaced" in outputs["qbft"]


def test_demo_on_qbft_asked_for_a_changed_hash_shows_the_alarm(tmp_path: Path) -> None:
    with started(tmp_path / "demo", "--for", "60s", *SMALL, "--reorg-every", "2") as demo:
        assert demo.wait() == 0, demo.output()
        demo.leaves_nothing()
    assert "ALARM: the daemon stopped by itself with exit code 6" in demo.output()
    assert re.search(r"block \d+ is final with hash 0x", demo.output())
    assert claims(demo.output()) == dict.fromkeys(
        ("backfill", "follow", "write API", "alarm", "explorer", "verify", "evidence"), "ok"
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_demo_signal_while_starting_stops_it_and_leaves_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    with started(tmp_path / "demo", *SMALL) as demo:
        demo.wait_for("starting PostgreSQL")
        demo.process.send_signal(number)
        assert demo.wait() == 130, demo.output()
        demo.leaves_nothing()
    assert "Traceback" not in demo.output()
    assert "Summary" not in demo.output()


def test_demo_killed_leaves_no_process_and_the_next_one_sweeps_its_files(tmp_path: Path) -> None:
    with started(tmp_path / "demo", *SMALL) as demo:
        demo.wait_for("metrics: http")
        demo.process.kill()
        demo.wait()
        wait_until(lambda: not demo.processes(), "its children are gone")
        left = list(demo.folder.glob("pend-demo-*"))
    assert left
    with started(tmp_path / "demo", *SMALL) as following:
        following.wait_for("starting PostgreSQL")
        following.process.send_signal(signal.SIGINT)
        assert following.wait() == 130, following.output()
    assert not any(folder.exists() for folder in left)
