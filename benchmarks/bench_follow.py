"""From the node announcing a block to its commit, by the shipped daemon, at 20 transactions a block."""

import math
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import psycopg

from benchmarks import chain
from benchmarks.announcing import AnnouncingNode, running_announcing
from benchmarks.databases import PLAIN, running
from benchmarks.indexing import environment
from benchmarks.report import Figures, Report, note, options
from service.embedded_redis import EmbeddedRedis

P50_MS, P99_MS = 25, 100
HEAD, QUICK_HEAD = 1_000, 300
# Blocks per second, and how many of them in each round.
PACES, QUICK_PACES = ((5, 300), (1, 25)), ((5, 100),)
_PERCENTILES = (50, 90, 99, 100)
_PATIENCE_S = 120.0

_COMMITS = """
    SELECT to_block, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS at FROM chain.outbox
    WHERE from_block = to_block AND to_block BETWEEN %s AND %s
"""
_RANGES = "SELECT array_agg(lower(blocks)), max(upper(blocks)) - 1 FROM chain.coverage"


@dataclass(slots=True)
class _Samples:
    """Milliseconds from the announcement, block by block, over all rounds of one pace."""

    committed: list[float] = field(default_factory=list)
    heard: list[float] = field(default_factory=list)
    rounds: list[dict[str, float]] = field(default_factory=list)

    def add(self, committed: Sequence[float], heard: Sequence[float]) -> None:
        self.committed += committed
        self.heard += heard
        self.rounds.append({f"p{share}": percentile(heard, share) for share in _PERCENTILES})


def main() -> None:
    given = options(__doc__ or "")
    paces, head = (QUICK_PACES, QUICK_HEAD) if given.quick else (PACES, HEAD)
    samples = {pace: _Samples() for pace, _ in paces}
    path = chain.recording()
    with ExitStack() as stack:
        node = stack.enter_context(running_announcing(path, head))
        server = stack.enter_context(running(PLAIN))
        redis = stack.enter_context(EmbeddedRedis())
        report = Report("follow", "From announcement to commit", {server.home: server.version})
        dsn = stack.enter_context(server.fresh())
        stack.enter_context(_daemon(dsn, node, redis.url))
        _until(lambda: _is_filled(dsn, head) and node.has_subscriber(), "the daemon follows the head")
        for round_ in range(given.rounds):
            for pace, blocks in paces:
                committed, heard = _measure(dsn, node, head, blocks, 1 / pace)
                samples[pace].add(committed, heard)
                head += blocks
                note(f"round {round_ + 1}, {pace} blocks/s: {_shown(heard)}; record: {_shown(committed)}")
    _write(report, samples)
    report.finish(given)


def _measure(
    dsn: str, node: AnnouncingNode, head: int, blocks: int, interval_s: float
) -> tuple[list[float], list[float]]:
    """Have `blocks` announced above `head`; milliseconds to each one's commit record and notification."""
    heard: list[float] = []
    with _listening(dsn, heard):
        node.announce(blocks, interval_s)
        time.sleep(blocks * interval_s)
        _until(lambda: _is_filled(dsn, head + blocks), f"block {head + blocks} is stored")
        _until(lambda: len(heard) >= blocks, f"{blocks} notifications have come")
    announced = node.announced()
    with psycopg.connect(dsn) as connection:
        at: dict[int, float] = dict(connection.execute(_COMMITS, (head + 1, head + blocks)).fetchall())
    if set(at) != set(announced) or len(heard) != blocks:
        raise RuntimeError(
            f"{len(announced)} announced, {len(at)} committed singly, {len(heard)} heard: it fell behind"
        )
    numbers = sorted(at)
    return (
        [1000 * (at[number] - announced[number]) for number in numbers],
        [1000 * (when - announced[number]) for number, when in zip(numbers, heard, strict=True)],
    )


@contextmanager
def _listening(dsn: str, heard: list[float]) -> Iterator[None]:
    """Keep when each notification came: the server sends it once the commit is on disk and visible."""
    ending = threading.Event()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("LISTEN pend_outbox")

        def listen() -> None:
            while not ending.is_set():
                heard.extend(time.time() for _ in connection.notifies(timeout=0.5, stop_after=1))

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield
        finally:
            ending.set()
            thread.join()


@contextmanager
def _daemon(dsn: str, node: AnnouncingNode, redis_url: str) -> Iterator[None]:
    """`pend-index run` as shipped: checks, metrics, background verification, Redis."""
    settings = environment(
        database__dsn=dsn,
        node__urls=node.url,
        node__ws_url=node.ws_url,
        redis__url=redis_url,
        metrics__port=0,
    )
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "indexer", "run"],
            cwd="/",  # no ./pend.toml
            env=settings,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield
        except BaseException:
            output.seek(0)
            note(output.read()[-4000:])
            raise
        finally:
            process.terminate()
            process.wait(30)


def _is_filled(dsn: str, head: int) -> bool:
    with psycopg.connect(dsn) as connection:
        return connection.execute(_RANGES).fetchone() == ([0], head)


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {_PATIENCE_S:.0f} s: {what}")
        time.sleep(0.1)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of `values` that `share` per cent do not exceed."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(len(ranked) * share / 100) - 1)]


def _shown(values: Sequence[float]) -> str:
    return ", ".join(f"p{share} {percentile(values, share):.1f}" for share in _PERCENTILES) + " ms"


def _write(report: Report, samples: dict[int, _Samples]) -> None:
    report.say(
        "`pend-index run` as shipped (WebSocket for heads, light checks, background verification, metrics,\n"
        "Redis) against a node that announces recorded blocks of 20 transactions on loopback. The node\n"
        "takes the time just before it sends newHeads. *Durable and visible*: a session that "
        "listens has received\n"
        "the notification of that commit; the targets are held against this one. *Commit record*:\n"
        "`pg_xact_commit_timestamp`, which PostgreSQL takes before it waits for the disk. Blocks do not\n"
        "come evenly (± 20 %), and all share the cores."
    )
    rows = []
    for pace, kept in samples.items():
        for name, values in (("durable and visible", kept.heard), ("commit record", kept.committed)):
            figures = [f"{percentile(values, share):.1f}" for share in _PERCENTILES]
            rows.append([f"{pace} blocks/s, {name}", f"{len(values):,}", *figures])
    report.table(["milliseconds from the announcement", "blocks", "p50", "p90", "p99", "slowest"], rows)
    pace, kept = next(iter(samples.items()))
    p50, p99 = (Figures(tuple(each[name] for each in kept.rounds)) for name in ("p50", "p99"))
    report.table(
        [f"at {pace} blocks/s, over the rounds", "measured, ms", "target, ms"],
        [["p50", f"**{p50.show(1)}**", f"≤ {P50_MS}"], ["p99", f"**{p99.show(1)}**", f"≤ {P99_MS}"]],
    )
    report.data |= {"samples": {str(pace): kept for pace, kept in samples.items()}}


if __name__ == "__main__":
    main()
