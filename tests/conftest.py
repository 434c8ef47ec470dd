"""Fixtures of the whole suite; the environment of the person who runs it stays outside."""

import gc
import os
import signal
from typing import Any

import pytest
from hypothesis import settings

from tests.database import (
    connection,
    database,
    database_servers,
    embedded_database,
    embedded_home,
    empty_database,
    end_servers,
    home,
    timescale_database,
    timescale_home,
)
from tests.redis_server import redis_server, redis_url
from tests.schedule import Schedule

__all__ = [
    "connection",
    "database",
    "database_servers",
    "embedded_database",
    "embedded_home",
    "empty_database",
    "home",
    "redis_server",
    "redis_url",
    "timescale_database",
    "timescale_home",
]


# Fast by default; HYPOTHESIS_PROFILE=thorough tries five times as many.
settings.register_profile("suite", max_examples=40)
settings.register_profile("thorough", max_examples=200)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


def pytest_configure() -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts what it puts in the background deaf to Ctrl-C, and so would be every process of ours.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in list(os.environ):
        ours = name.startswith("PEND_") and not name.startswith("PEND_TEST_")
        if ours or (name.startswith("PG") and name[2:].isupper()):
            del os.environ[name]


def pytest_collection_finish() -> None:
    # What was read stays to the end: the collector need not walk it again and again.
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Schedule | None:
    """Ours, unless another way of distribution was asked for."""
    if config.getoption("dist") != "load":
        return None
    config.option.loadscopereorder = False
    return Schedule(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    # From the reports, which parallel workers send: "… NOT TESTED: why and how to get it".
    reasons = {str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", [])}
    for reason in sorted(reason for reason in reasons if "NOT TESTED" in reason):
        what, _, why = reason.removeprefix("Skipped: ").partition(" NOT TESTED: ")
        terminalreporter.write_sep("!", f"NOT TESTED: {what}", red=True, bold=True)
        terminalreporter.write_line(why)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        end_servers()
