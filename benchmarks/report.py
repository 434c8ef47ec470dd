"""What every benchmark prints and, with `--record`, keeps in `benchmarks/results/`: Markdown and JSON.

A figure without machine, versions, commit and command says nothing, so none is written without them.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import re
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
_PACKAGES = ("asyncpg", "aiohttp", "msgspec", "uvloop", "safe-pysha3")


@dataclass(frozen=True, slots=True)
class Options:
    """What every benchmark is asked on its command line."""

    rounds: int
    quick: bool
    record: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """One measured quantity over the rounds."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def show(self, digits: int = 0) -> str:
        """Median, and the range it lies in."""
        low, high = min(self.values), max(self.values)
        return f"{self.median:,.{digits}f} ({low:,.{digits}f}–{high:,.{digits}f})"  # noqa: RUF001  a range


@dataclass(slots=True)
class Report:
    """A title, what is promised, tables and notes; `data` holds every single figure."""

    name: str
    title: str
    versions: Mapping[str, str]
    parts: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    load_before: str = field(init=False)

    def __post_init__(self) -> None:
        self.load_before = _load()

    def say(self, text: str) -> None:
        self.parts.append(text)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
        self.parts.append("\n".join("| " + " | ".join(line) + " |" for line in lines))

    def finish(self, options: Options) -> None:
        """Print it; keep it when that was asked for."""
        where = _provenance(self.versions, options.rounds, self.load_before)
        lines = "\n".join(f"- {name}: {value}" for name, value in where.items())
        text = "\n\n".join([f"# {self.title}", *self.parts, "## Where and how", lines]) + "\n"
        print(text, flush=True)
        if options.record:
            RESULTS.mkdir(exist_ok=True)
            (RESULTS / f"{self.name}.md").write_text(text)
            kept = {"title": self.title, **where, **self.data}
            (RESULTS / f"{self.name}.json").write_text(json.dumps(kept, indent=2, default=_plain) + "\n")


def options(description: str, *, rounds: int = 3) -> Options:
    """`--rounds N`, `--quick` (one short round, nothing recorded) and `--record`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=rounds, help="interleaved rounds; medians are shown")
    parser.add_argument("--quick", action="store_true", help="one round over a shorter chain")
    parser.add_argument("--record", action="store_true", help="write benchmarks/results")
    given = parser.parse_args()
    if given.quick and given.record:
        parser.error("--quick is not worth recording")
    return Options(1 if given.quick else given.rounds, given.quick, given.record)


def note(text: str) -> None:
    """Progress, for whoever waits."""
    print(text, file=sys.stderr, flush=True)


def _provenance(versions: Mapping[str, str], rounds: int, load_before: str) -> dict[str, str]:
    packages = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {
        "machine": f"{_cpu_model()}, {len(os.sched_getaffinity(0))} cores, {_memory_gib():.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "versions": ", ".join(f"{name} {version}" for name, version in {**versions, **packages}.items()),
        "commit": _commit(),
        "command": " ".join(["python -m", _module(), *sys.argv[1:]]),
        "rounds": f"{rounds}, interleaved; median (lowest–highest)",  # noqa: RUF001  a range
        "load": f"{load_before} before, {_load()} after",
    }


def _module() -> str:
    return f"benchmarks.{Path(sys.argv[0]).stem}"


def _cpu_model() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.processor()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _commit() -> str:
    head = _git("rev-parse", "--short=12", "HEAD")
    changed = _git("status", "--porcelain", "--", ":/", ":!/benchmarks/results")
    return head + (" with changes not committed" if changed else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=RESULTS.parent, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _load() -> str:
    return f"{os.getloadavg()[0]:.2f}"


def _plain(value: Any) -> Any:
    if isinstance(value, Figures):
        return {"median": value.median, "values": value.values}
    return asdict(value)
