"""A block to 10,000 subscribers beside a bare transport; from a commit to a single subscriber."""

import json
import resource
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from websockets.sync.client import ClientConnection, connect

from benchmarks import chain
from benchmarks.bench_explorer_mix import rss_bytes
from benchmarks.bench_follow import percentile
from benchmarks.databases import PLAIN, running
from benchmarks.http_load import Served, bare_stream, beside_servers, stream
from benchmarks.listeners import MARK, SUBSCRIBE, listeners
from benchmarks.live_chain import live_chain, until
from benchmarks.report import Figures, Report, note, options
from explorer_api.stream.application import PATH
from service.embedded_redis import EmbeddedRedis

SUBSCRIBERS, QUICK_SUBSCRIBERS = 10_000, 1_000
BLOCKS_A_ROUND, BLOCK_TIME_S = 5, 2.0
FAN_OUT_TARGET, KIB_TARGET = 2.5, 30.0
COMMITS_A_ROUND, QUICK_COMMITS, FAST_BLOCK_TIME_S = 200, 50, 0.1
COMMIT_P99_TARGET_MS = 50.0
_LAST_COMES_S = 1.0

_COMMITS = """
    SELECT sequence, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS at FROM chain.outbox
    WHERE kind = 'blocks' AND sequence BETWEEN %s AND %s
"""
_SEQUENCES = "SELECT count(*), max(sequence) FROM chain.outbox WHERE kind = 'blocks' AND sequence > %s"


@dataclass(slots=True)
class Side:
    """How long each block took to the last of its receivers, in milliseconds; KiB that a receiver cost."""

    from_origin_ms: list[float] = field(default_factory=list)
    """From the block's commit; of the bare transport, from when it was handed the bytes."""
    from_first_ms: list[float] = field(default_factory=list)
    """From its first receiver: writes are queued before the first is made, so this is not all of it."""
    kib: list[float] = field(default_factory=list)


@dataclass(slots=True)
class FanOut:
    """Block by block, one side beside the other."""

    stream: Side = field(default_factory=Side)
    bare: Side = field(default_factory=Side)
    cpu_us: list[float] = field(default_factory=list)
    message_bytes: list[int] = field(default_factory=list)
    told: int = 0
    lost: int = 0
    ended: list[dict[str, int]] = field(default_factory=list)


@dataclass(slots=True)
class Commits:
    """Milliseconds from each commit to a single subscriber."""

    ms: list[float] = field(default_factory=list)
    rounds: list[dict[str, float]] = field(default_factory=list)
    lost: int = 0


def main() -> None:
    given = options(__doc__ or "")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    subscribers = QUICK_SUBSCRIBERS if given.quick else SUBSCRIBERS
    fan_out, commits = FanOut(), Commits()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=chain.FOLDER)))
        with beside_servers(), _network(BLOCK_TIME_S) as (dsn, redis_url, version):
            report = Report("explorer_stream", "The explorer's stream", {"PostgreSQL": version})
            for round_ in range(given.rounds):
                with stream(dsn, redis_url) as served, bare_stream() as bare:
                    _fan_out(served, bare, dsn, subscribers, folder, fan_out)
                note(f"round {round_ + 1}, {subscribers:,} subscribers: {_told(fan_out)}")
        with _network(FAST_BLOCK_TIME_S) as (dsn, redis_url, _), stream(dsn, redis_url) as served:
            for round_ in range(given.rounds):
                count = QUICK_COMMITS if given.quick else COMMITS_A_ROUND
                _commits(served, dsn, count, folder, commits)
                note(f"round {round_ + 1}, one subscriber: {commits.rounds[-1]}")
    _write(report, fan_out, commits, subscribers)
    report.finish(given)


@contextmanager
def _network(block_time_s: float) -> Iterator[tuple[str, str, str]]:
    """A chain that grows in a database, the Redis that tells of it, and the database's version."""
    with ExitStack() as stack:
        server = stack.enter_context(running(PLAIN))
        redis = stack.enter_context(EmbeddedRedis())
        dsn = stack.enter_context(live_chain(server, redis.url, block_time_s))
        yield dsn, redis.url, server.version


def _fan_out(served: Served, bare: Served, dsn: str, subscribers: int, folder: Path, fan_out: FanOut) -> None:
    """Each block comes to all; half a block's time later the same bytes come to as many from the bare one."""
    told: list[tuple[int, float, int]] = []
    with connect(served.url.replace("http", "ws") + PATH) as head, _teller(bare) as teller:
        head.send(SUBSCRIBE)
        before = rss_bytes(served.pid), rss_bytes(bare.pid)
        with (
            listeners(bare.url, subscribers, folder) as theirs,
            listeners(served.url, subscribers, folder) as ours,
        ):
            _next_block(head, behind_s=0.5)
            next_block = 0
            while len(told) <= BLOCKS_A_ROUND:
                text = _next_block(head)
                message = json.loads(text)
                first, last = message["data"]["from_block"], message["data"]["to_block"]
                assert next_block in {0, first}, f"block {next_block} was never told"
                next_block = last + 1
                time.sleep(BLOCK_TIME_S / 2)
                told.append((message["sequence"], time.time(), len(text)))
                teller.sendall(b"TELL " + text.encode() + b"\n")
            time.sleep(_LAST_COMES_S)
            after = rss_bytes(served.pid), rss_bytes(bare.pid)
    committed_at = _committed_at(dsn, told[0][0], told[-1][0])
    for sequence, told_at, size in told[1:]:  # the first is for warming up
        for side, heard, origin_at in (
            (fan_out.stream, ours, committed_at[sequence]),
            (fan_out.bare, theirs, told_at),
        ):
            arrival = heard.arrivals[sequence]
            side.from_origin_ms.append((arrival.last_at - origin_at) * 1000)
            side.from_first_ms.append((arrival.last_at - arrival.first_at) * 1000)
            fan_out.told += subscribers
            fan_out.lost += subscribers - arrival.count
        fan_out.message_bytes.append(size)
    fan_out.stream.kib.append((after[0] - before[0]) / subscribers / 1024)
    fan_out.bare.kib.append((after[1] - before[1]) / subscribers / 1024)
    fan_out.cpu_us += [ours.cpu_us_each, theirs.cpu_us_each]
    fan_out.ended += [each.ended for each in (ours, theirs) if each.ended]


def _next_block(head: ClientConnection, *, behind_s: float | None = None) -> str:
    """The next message of a block; with `behind_s`, the last one that waits: none came for so long."""
    text = ""
    while not (text and behind_s is None):
        try:
            received = head.recv(timeout=behind_s)
        except TimeoutError:
            break
        assert isinstance(received, str)
        if received.startswith(MARK):
            text = received
    return text


@contextmanager
def _teller(bare: Served) -> Iterator[socket.socket]:
    parts = urlsplit(bare.url)
    with socket.create_connection((parts.hostname, parts.port)) as teller:
        yield teller


def _committed_at(dsn: str, first: int, last: int) -> dict[int, float]:
    """When the rows of blocks with these sequences were."""
    with psycopg.connect(dsn) as connection:
        return dict(connection.execute(_COMMITS, (first, last)).fetchall())


def _commits(served: Served, dsn: str, count: int, folder: Path, commits: Commits) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection, listeners(served.url, 1, folder) as heard:
        (first,) = connection.execute("SELECT max(sequence) FROM chain.outbox").fetchone() or (0,)
        until(lambda: connection.execute(_SEQUENCES, (first,)).fetchone()[0] >= count, f"{count} blocks")
        _, last = connection.execute(_SEQUENCES, (first,)).fetchone() or (0, 0)
        time.sleep(_LAST_COMES_S)
    at = _committed_at(dsn, first + 1, last)
    ms = [
        (heard.arrivals[sequence].last_at - committed_at) * 1000
        for sequence, committed_at in at.items()
        if sequence in heard.arrivals
    ]
    commits.lost += len(at) - len(ms)
    commits.ms += ms
    commits.rounds.append({f"p{share}": percentile(ms, share) for share in (50, 99, 100)})


def _told(fan_out: FanOut) -> str:
    ours, bare = (
        Figures(tuple(side.from_origin_ms[-BLOCKS_A_ROUND:])) for side in (fan_out.stream, fan_out.bare)
    )
    return (
        f"last receiver after {ours.show(1)} ms, bare {bare.show(1)} ms, "
        f"{fan_out.stream.kib[-1]:.1f} KiB each, lost {fan_out.lost}, a message costs its receiver "
        f"{max(fan_out.cpu_us[-2:]):.1f} µs"
    )


def _write(report: Report, fan_out: FanOut, commits: Commits, subscribers: int) -> None:
    ours, bare = fan_out.stream, fan_out.bare
    size = Figures(tuple(map(float, fan_out.message_bytes)))
    report.say(
        f"## A block to {subscribers:,} WebSocket subscribers of `blocks`\n\n"
        "`pend-explorer stream` on one core; subscribers, devnet, `pend-index run`, PostgreSQL and Redis on "
        f"the other. Each block's message ({size.show()} bytes) is told to as many sockets by a bare uvloop "
        "transport half a block's time later: framed once, one `write` a socket. Time to the last receiver: "
        "from the block's commit, by way of Redis, and of the bare transport from when it was handed the "
        f"bytes; and from the first receiver. {len(ours.from_first_ms)} blocks."
    )
    rows = [
        _row("last receiver after the commit, ms", ours.from_origin_ms, bare.from_origin_ms),
        _row("last receiver after the first, ms", ours.from_first_ms, bare.from_first_ms),
    ]
    kib = Figures(tuple(ours.kib))
    big = "" if kib.median <= KIB_TARGET else " MISSED"
    rows.append(["KiB each", Figures(tuple(bare.kib)).show(1), kib.show(1), "", f"≤ {KIB_TARGET:g} KiB{big}"])
    report.table(("", "bare transport", "stream", "ratio", "wanted"), rows)
    lost = "" if fan_out.lost == 0 and not fan_out.ended else " MISSED"
    report.say(
        f"{fan_out.told:,} messages told by both, {fan_out.lost} lost, connections ended by a server: "
        f"{fan_out.ended or 'none'}{lost}. A message costs its receiver {max(fan_out.cpu_us):.1f} µs of the "
        "other core."
    )
    p50, p99 = (Figures(tuple(each[name] for each in commits.rounds)) for name in ("p50", "p99"))
    report.say(
        f"## From a commit to a single subscriber, a block every {FAST_BLOCK_TIME_S:g} s\n\n"
        "By way of Redis, all sharing the cores. The commit is `pg_xact_commit_timestamp` of the outbox "
        f"row, which PostgreSQL takes before it waits for the disk. {len(commits.ms):,} blocks, "
        f"{commits.lost} lost{' MISSED' if commits.lost else ''}."
    )
    missed = "" if p99.median <= COMMIT_P99_TARGET_MS else " MISSED"
    report.table(
        ("p50 ms", "p99 ms", "slowest ms", "wanted"),
        [[p50.show(1), p99.show(1), f"{max(commits.ms):.1f}", f"p99 ≤ {COMMIT_P99_TARGET_MS:g} ms{missed}"]],
    )
    report.data |= {"subscribers": subscribers, "fan_out": fan_out, "commits": commits}


def _row(name: str, ours: list[float], bare: list[float]) -> list[str]:
    ratios = Figures(tuple(a / b for a, b in zip(ours, bare, strict=True)))
    missed = "" if ratios.median <= FAN_OUT_TARGET else " MISSED"
    shown = (Figures(tuple(each)).show(1) for each in (bare, ours))
    return [name, *shown, f"**{ratios.show(2)}**", f"≤ {FAN_OUT_TARGET}{missed}"]


if __name__ == "__main__":
    main()
