import asyncio
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from service.logging import bound, configure_logging


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def _lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_json_line_has_time_level_logger_event_and_correlation() -> None:
    out = io.StringIO()
    configure_logging("info", "json", service="pend-index", out=out)
    with bound(command="run"):
        structlog.get_logger("indexer.follow").info("stored blocks", first=1, last=3)
    (line,) = _lines(out)
    assert line.pop("timestamp").endswith("Z")
    assert len(line.pop("run_id")) == 12
    assert line == {
        "event": "stored blocks",
        "level": "info",
        "logger": "indexer.follow",
        "service": "pend-index",
        "command": "run",
        "first": 1,
        "last": 3,
    }


async def test_bound_fields_reach_tasks_started_inside() -> None:
    out = io.StringIO()
    configure_logging("info", "json", out=out)

    async def work() -> None:
        structlog.get_logger("x").info("inside")

    with bound(segment=7):
        task = asyncio.create_task(work())
    await task
    structlog.get_logger("x").info("outside")
    assert [line.get("segment") for line in _lines(out)] == [7, None]


@pytest.mark.parametrize("format_", ["json", "text"])
def test_secrets_in_fields_messages_and_tracebacks_never_appear(format_: Any) -> None:
    out = io.StringIO()
    configure_logging("info", format_, out=out)
    log = structlog.get_logger("x")
    log.info("connecting to redis://:geheim@h", password="geheim", dsn="postgresql://u:geheim@h/d")
    log.info("nested", settings={"jwt_token": "geheim", "urls": ["http://u:geheim@h"]})
    logging.getLogger("library").warning("failed: %s", "http://u:geheim@h")
    try:
        raise ConnectionError("ws://u:geheim@h refused")  # noqa: TRY301
    except ConnectionError:
        log.exception("lost")
    text = out.getvalue()
    assert "geheim" not in text
    assert "redis://:***@h" in text
    assert "ConnectionError" in text


def test_library_records_are_lines_like_ours() -> None:
    out = io.StringIO()
    configure_logging("warning", "json", out=out)
    logging.getLogger("library").info("too quiet")
    logging.getLogger("library").warning("heard %d", 2)
    (line,) = _lines(out)
    assert (line["event"], line["level"], line["logger"]) == ("heard 2", "warning", "library")


def test_values_json_does_not_know_are_text() -> None:
    out = io.StringIO()
    configure_logging("info", "json", out=out)
    structlog.get_logger("x").info("seen", hash=b"\xab\xcd", range=(1, 2), error=ValueError("no"))
    (line,) = _lines(out)
    assert (line["hash"], line["range"], line["error"]) == ("0xabcd", [1, 2], "no")


def test_log_goes_to_stderr_and_leaves_stdout_clean() -> None:
    program = (
        "import structlog; from service.logging import configure_logging;"
        "configure_logging('info', 'json'); structlog.get_logger('x').info('hello')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert json.loads(done.stderr)["event"] == "hello"
