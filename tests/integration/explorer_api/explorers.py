"""Processes around an explorer under test."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import msgspec
import psycopg

from explorer_api.openapi import EXAMPLES
from postgres import children
from tests.database import DatabaseServer

_WITHIN_S = 60.0
_POLL_S = 0.02

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Explored:
    """What the explorer serves: `dsn` holds blocks 0 to `head` of the devnet at `node_url`."""

    home: DatabaseServer
    dsn: str
    node_url: str
    head: int

    template: str
    """A copy that nobody may connect to."""

    @contextmanager
    def clone(self) -> Iterator[str]:
        """A copy that a test may change."""
        dsn = self.home.create(template=self.template)
        try:
            yield dsn
        finally:
            self.home.drop(dsn)


@dataclass(frozen=True, slots=True)
class Serving:
    url: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def said(self) -> str:
        return self.log.read_text(errors="replace")


@contextmanager
def devnet_process(history_blocks: int, folder: Path) -> Iterator[str]:
    """The URL of a simulated network with a past and no future."""
    log = folder / "devnet.log"
    options = ("--history", str(history_blocks), "--block-time", "3600", "--transactions-per-block", "6")
    process = children.spawn(
        (sys.executable, "-m", "indexer", "devnet", "--port", "0", *options),
        log=log,
        environment=_environment(),
    )
    try:
        yield _line(process, log, r"^http\s+(\S+)$")
    finally:
        children.stop(process, signal.SIGTERM, timeout_s=10)


def index_everything(dsn: str, node_url: str, head: int) -> None:
    """Run the daemon until blocks 0 to `head` are stored, derived, and everything beside them is read."""
    environment = _environment(
        database__dsn=dsn,
        node__urls=node_url,
        metrics__port=0,
        fetched__look_every_s=0.05,
        node__poll_interval_s=0.05,
    )
    log = Path(dsn.rpartition("/")[2] + ".log")
    log = Path(os.environ.get("TMPDIR", "/tmp")) / log
    process = children.spawn((sys.executable, "-m", "indexer", "run"), log=log, environment=environment)
    try:
        deadline = time.monotonic() + _WITHIN_S
        with psycopg.connect(dsn, autocommit=True) as connection:
            while not _is_whole(connection, head):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()[-4000:]
                time.sleep(0.1)
    finally:
        children.stop(process, signal.SIGTERM, timeout_s=15)
        log.unlink(missing_ok=True)


def _is_whole(connection: psycopg.Connection[Any], head: int) -> bool:
    row = connection.execute(
        "SELECT (SELECT head_number FROM chain.tip) = %(head)s"
        " AND (SELECT min(derived_to) FROM chain.derivations) = %(head)s"
        " AND (SELECT count(*) FROM chain.derivations) > 0"
        " AND (SELECT count(*) FROM chain.unread_balances) = 0"
        " AND (SELECT count(*) FROM chain.native_balances) > 0"
        " AND (SELECT count(*) FROM chain.unread_codes) = 0"
        " AND (SELECT count(*) FROM chain.contract_codes) > 0"
        " AND (SELECT count(*) FROM chain.token_metadata) >= (SELECT count(DISTINCT token) FROM chain.tokens)",
        {"head": head},
    ).fetchone()
    return bool(row and row[0])


@contextmanager
def explorer_process(
    dsn: str,
    folder: Path,
    *arguments: str,
    node_url: str | None = None,
    redis_url: str | None = None,
    **settings: object,
) -> Iterator[Serving]:
    """`pend-explorer serve` until it answers; `limits__enabled=True` sets limits.enabled, and so on."""
    log = folder / "explorer.log"
    environment = _environment(
        **{
            "database__dsn": dsn,
            "database__role": "pend_explorer",
            "node__urls": node_url or "",
            "redis__url": redis_url or "",
            "limits__enabled": False,
            "http__port": 0,
            **settings,
        }
    )
    process = children.spawn(
        (sys.executable, "-m", "explorer_api", *(arguments or ("serve",))), log=log, environment=environment
    )
    try:
        url = _line(process, log, r"explorer on (http://\S+)")
        _answers(process, log, f"{url}/ping")
        yield Serving(url, process, log)
    finally:
        children.stop(process, signal.SIGTERM, timeout_s=15)


async def get(api: aiohttp.ClientSession, path: str, shape: type[T], **headers: str) -> T:
    """The answer of a path, which must be 200 and exactly of this shape."""
    async with api.get(path, headers=headers) as answer:
        body = await answer.read()
        assert answer.status == 200, body.decode()
        return msgspec.json.decode(body, type=shape)


async def problem(api: aiohttp.ClientSession, path: str, status: int, **headers: str) -> dict[str, Any]:
    """The problem that a path is refused with."""
    async with api.get(path, headers=headers) as answer:
        body = await answer.read()
        assert answer.status == status, body.decode()
        assert answer.content_type == "application/problem+json"
        details: dict[str, Any] = json.loads(body)
        assert details["status"] == status
        assert details["request_id"] == answer.headers["x-request-id"]
        return details


def record_example(operation: str, body: bytes) -> None:
    """Keep an answer as the example of its operation in the OpenAPI document, when that is asked for."""
    if os.environ.get("PEND_TEST_EXAMPLES") == "1":
        kept = json.loads(EXAMPLES.read_text()) if EXAMPLES.is_file() else {}
        kept[operation] = json.loads(body)
        EXAMPLES.write_text(json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


async def walk(api: aiohttp.ClientSession, path: str, shape: Any, *, limit: int) -> list[Any]:
    """Every row of a list, page after page to its end, and back again: both ways must agree."""
    forth: list[Any] = []
    pages: list[list[Any]] = []
    mark = "&" if "?" in path else "?"
    cursor: str | None = ""
    last = None
    while cursor is not None:
        answer = await get(api, f"{path}{mark}limit={limit}" + (f"&cursor={cursor}" if cursor else ""), shape)
        assert len(answer.data) <= limit
        pages.append(answer.data)
        forth += answer.data
        cursor, last = answer.page.next, answer
    back: list[Any] = list(pages[-1])
    assert last is not None
    cursor = last.page.previous
    while cursor is not None:
        answer = await get(api, f"{path}{mark}limit={limit}&cursor={cursor}", shape)
        back = [*answer.data, *back]
        cursor = answer.page.previous
    assert back == forth
    return forth


def _environment(**settings: object) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(("PEND_", "PG"))}
    return kept | {f"PEND_{name.upper()}": str(value) for name, value in settings.items()}


def _line(process: "subprocess.Popen[bytes]", log: Path, pattern: str) -> str:
    deadline = time.monotonic() + _WITHIN_S
    while True:
        text = log.read_text(errors="replace")
        if found := re.search(pattern, text, re.MULTILINE):
            return found[1]
        assert process.poll() is None, text
        assert time.monotonic() < deadline, text
        time.sleep(_POLL_S)


def _answers(process: "subprocess.Popen[bytes]", log: Path, url: str) -> None:
    deadline = time.monotonic() + _WITHIN_S
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(_POLL_S)
