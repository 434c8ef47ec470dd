"""A pytest plugin: tells the runner what ran, how it ended, and which code was imported.

A mutation that is not imported would survive every test, so that a module from outside the copy is an error.
"""

import os
import sys
from pathlib import Path

import msgspec
import pytest

REPORT_VARIABLE = "PEND_TEST_MUTATION_REPORT"
OURS = (
    "evm",
    "postgres",
    "node",
    "service",
    "indexer",
    "explorer_api",
    "write_api",
    "devnet",
    "sql",
    "migrations",
    "tests",
)

_ended: list["Ended"] = []


class Ended(msgspec.Struct, frozen=True):
    """One phase of one test: setup, call or teardown."""

    test: str
    phase: str
    passed: bool
    seconds: float
    reason: str


class Report(msgspec.Struct, frozen=True):
    """Everything one run of pytest did; `strangers` are modules of ours from elsewhere."""

    ended: tuple[Ended, ...]
    strangers: tuple[str, ...]
    schema: str


def strangers(root: Path) -> tuple[str, ...]:
    """Imported modules of our packages that do not come from below `root`."""
    files = {
        name: Path(module.__file__)
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] in OURS and module.__file__ is not None
    }
    return tuple(f"{name} from {file}" for name, file in files.items() if not file.is_relative_to(root))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    crash = getattr(report.longrepr, "reprcrash", None)
    reason = crash.message if crash is not None else str(report.longrepr or "")
    _ended.append(Ended(report.nodeid, report.when, report.passed, report.duration, reason[:2000]))


def pytest_sessionfinish(session: pytest.Session) -> None:
    # Imported late: whatever tests.database pulls in shall come from where the tests took it.
    from tests.database import schema_fingerprint  # noqa: PLC0415

    path = os.environ.get(REPORT_VARIABLE)
    if path is not None:
        report = Report(tuple(_ended), strangers(session.config.rootpath), schema_fingerprint())
        Path(path).write_bytes(msgspec.json.encode(report))
