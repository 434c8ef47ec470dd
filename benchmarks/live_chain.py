"""A network that makes blocks, and the shipped daemon that stores them: what the stream tells of."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

import psycopg

from benchmarks.databases import Server
from benchmarks.indexing import environment
from benchmarks.report import note

HISTORY = 100
_PATIENCE_S = 120.0
_RANGES = "SELECT array_agg(lower(blocks)), max(upper(blocks)) - 1 FROM chain.coverage"


@contextmanager
def live_chain(server: Server, redis_url: str, block_time_s: float) -> Iterator[str]:
    """The DSN of a database that `pend-index run` fills from `pend-index devnet`, its history stored."""
    with ExitStack() as stack:
        dsn = stack.enter_context(server.fresh())
        settings = ("--port", "0", "--history", str(HISTORY), "--block-time", str(block_time_s))
        said = stack.enter_context(_pend_index("devnet", *settings))
        until(lambda: "\nws " in _text(said), "devnet listens")
        http, ws = (found[1] for found in re.finditer(r"^(?:http|ws) +(\S+)$", _text(said), re.MULTILINE))
        stack.enter_context(
            _pend_index(
                "run",
                database__dsn=dsn,
                node__urls=http,
                node__ws_url=ws,
                redis__url=redis_url,
                metrics__port=0,
            )
        )
        until(lambda: _is_filled(dsn), "the daemon follows the head")
        yield dsn


@contextmanager
def _pend_index(*arguments: str, **settings: object) -> Iterator[IO[str]]:
    """A command as shipped, until the block ends; what it says is shown where the block fails."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "indexer", *arguments],
            cwd="/",  # no ./pend.toml
            env=environment(**settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield output
        except BaseException:
            note(_text(output)[-4000:])
            raise
        finally:
            process.terminate()
            process.wait(30)


def _text(output: IO[str]) -> str:
    """What was said so far, without moving the place at which the process writes."""
    return os.pread(output.fileno(), 2**20, 0).decode()


def _is_filled(dsn: str) -> bool:
    with psycopg.connect(dsn) as connection:
        firsts, head = connection.execute(_RANGES).fetchone() or (None, None)
        return firsts == [0] and head is not None and head > HISTORY


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {_PATIENCE_S:.0f} s: {what}")
        time.sleep(0.1)
