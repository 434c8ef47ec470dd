"""One run of the shipped `pend-index backfill`, a process as an operator starts it, timed from outside.

The database's own clock says when each transaction was committed (`track_commit_timestamp`).
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import psycopg

_COMMITS = """
    SELECT (to_block - from_block + 1)::int, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS at
    FROM chain.outbox WHERE kind = 'blocks' ORDER BY at
"""
_ENDED = "SELECT max(extract(epoch FROM pg_xact_commit_timestamp(xmin)))::float8 FROM chain.outbox"
_IS_TIMED = "SELECT current_setting('track_commit_timestamp') = 'on'"
_STORED = "SELECT coalesce(sum(upper(blocks) - lower(blocks)), 0)::int FROM chain.coverage"


class Node(Protocol):
    """What serves the chain; asked beforehand to forget what it saw."""

    @property
    def url(self) -> str: ...

    def reset(self) -> None: ...

    def first_block_at(self) -> float | None:
        """When the first block was asked for; None where that is not known."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """What a run took; `wall_s` is the whole process, its start included."""

    blocks: int
    first_block_at: float | None
    commits: tuple[tuple[int, float], ...]  # blocks, when; empty where the server keeps no times
    ended_at: float | None  # the last commit of all, of what is derived too
    wall_s: float
    cpu_s: float  # parent and workers, start included
    rss_max_bytes: int  # the largest process

    @property
    def blocks_per_s(self) -> float:
        """From the first block asked for to the last commit."""
        assert self.first_block_at is not None
        return self.blocks / (self.commits[-1][1] - self.first_block_at)

    def reached_at(self, blocks: int) -> float:
        """When the commit was with which so many were stored; the last one where that is all of them."""
        stored = 0
        for count, at in self.commits:
            stored += count
            if stored >= blocks:
                return at
        raise ValueError(f"{stored} blocks were stored, not {blocks}")

    @property
    def blocks_per_s_to_the_end(self) -> float:
        """From the first block asked for until everything was derived too."""
        assert self.first_block_at is not None
        assert self.ended_at is not None
        return self.blocks / (self.ended_at - self.first_block_at)

    @property
    def steady_blocks_per_s(self) -> float:
        """From the first commit to the last one, without the blocks of the first."""
        return sum(blocks for blocks, _ in self.commits[1:]) / (self.commits[-1][1] - self.commits[0][1])


def environment(**settings: object) -> dict[str, str]:
    """This process's own, with nothing of PEND_ but what is given; `node__urls="…"` sets node.urls."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("PEND_")},
        **{f"PEND_{name.upper()}": str(value) for name, value in settings.items()},
    }


def backfill(
    dsn: str,
    node: Node,
    blocks: int,
    *,
    workers: int,
    on_start: Callable[[int], None] = lambda _pid: None,
    derives: bool = False,
    **settings: object,
) -> Indexed:
    """Index blocks 0 to `blocks` - 1 into the fresh database `dsn`; the facts alone unless it `derives`."""
    command = ["backfill", "--from-block", "0", "--to-block", str(blocks - 1), "--workers", str(workers)]
    node.reset()
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "indexer", *command],
        cwd="/",  # no ./pend.toml
        env=environment(
            database__dsn=dsn, node__urls=node.url, derive__enabled=str(derives).lower(), **settings
        ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    on_start(process.pid)
    assert process.stdout is not None
    output = process.stdout.read()
    usage = _wait(process)
    wall_s = time.monotonic() - started
    if process.returncode:
        raise RuntimeError(f"pend-index backfill ended with {process.returncode}:\n{output[-4000:]}")
    with psycopg.connect(dsn) as connection:
        is_timed = connection.execute(_IS_TIMED).fetchone() == (True,)
        commits = connection.execute(_COMMITS).fetchall() if is_timed else []
        ended = connection.execute(_ENDED).fetchone() if is_timed else None
        stored = connection.execute(_STORED).fetchone()
    if stored != (blocks,):
        raise RuntimeError(f"{stored} blocks are covered instead of {blocks}:\n{output[-4000:]}")
    return Indexed(
        blocks=blocks,
        first_block_at=node.first_block_at(),
        commits=tuple((count, at) for count, at in commits),
        ended_at=None if ended is None else ended[0],
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        rss_max_bytes=usage.ru_maxrss * 1024,
    )


def _wait(process: subprocess.Popen[str]) -> resource.struct_rusage:
    """Wait for the end; what the process and its own children used."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage
