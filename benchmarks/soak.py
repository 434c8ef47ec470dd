"""The daemon for an hour in bad weather: memory and open files stay flat, and the end is the truth.

A node that reorgs and serves every passing fault, a database that loses sessions and crashes, a Redis that
stops and forgets. At the end the weather clears, and every table must equal an index made in one go.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.request import Request, urlopen

import msgspec
import psycopg
import redis
import uvloop
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.databases import PLAIN, Server, running
from benchmarks.indexing import environment
from benchmarks.report import Options, Report, note
from service.embedded_redis import EmbeddedRedis
from tests.oracle import digests, index_once

_WEATHER = "passing:0.005"
_SEED = 20
_HISTORY = 300
_REORG_EVERY = 25
_SAMPLE_S = 5.0
_SESSIONS_EVERY_S, _CRASH_EVERY_S, _REDIS_EVERY_S = 180.0, 600.0, 240.0
_REDIS_STOPPED_S = 20.0
_PATIENCE_S = 300.0
FLAT = 1.10
_COUNTERS = (
    "reorgs_total",
    "rpc_retries_total",
    "inconsistent_answers_total",
    "database_errors_total",
    "stage_restarts_total",
    "alarms_total",
    "blocks_stored_total",
)


@dataclass(frozen=True, slots=True)
class Sample:
    """The daemon at one moment; children are backfill workers, which end when a gap is filled."""

    at_s: float
    rss_mib: float
    files: int
    children: int
    lag_blocks: float


@dataclass(slots=True)
class _Trouble:
    """What was done to the database and Redis, and when it is due again."""

    done: dict[str, int] = field(default_factory=dict)
    due_s: dict[str, float] = field(default_factory=dict)

    def every(self, name: str, seconds: float, now_s: float, action: Callable[[], None]) -> None:
        if now_s >= self.due_s.setdefault(name, seconds):
            action()
            self.due_s[name] = now_s + seconds
            self.done[name] = self.done.get(name, 0) + 1


def main() -> None:
    given = _arguments()
    with ExitStack() as stack:
        logs = stack.enter_context(tempfile.TemporaryFile("w+"))
        node = stack.enter_context(_node(given.block_time))
        server = stack.enter_context(running(PLAIN))
        cache = stack.enter_context(EmbeddedRedis())
        report = Report("soak", "An hour in bad weather", {server.home: server.version})
        dsn = stack.enter_context(server.fresh("soak"))
        daemon = stack.enter_context(_daemon(dsn, node, cache.url, logs))
        samples, trouble = _endure(given.minutes * 60, daemon, logs, server, cache)
        counters = _metrics(logs)
        struck = _call(node[0], "devnet_clearWeather")
        _call(node[0], "devnet_setProducing", False)
        head = int(_call(node[0], "eth_blockNumber"), 16)
        _until(lambda: _holds(dsn, head), f"block {head} is stored and nothing is missing below it")
        daemon.send_signal(signal.SIGTERM)
        code = daemon.wait(30)
        with server.fresh("truth") as truth:
            expected = uvloop.run(index_once(truth, node[0], 0, head))
        equal = uvloop.run(digests(dsn)) == expected
        flat = _write(report, samples, counters, struck, trouble, head, code, equal=equal)
    report.finish(Options(rounds=1, quick=False, record=given.record))
    if code or not equal or not flat:
        raise SystemExit(f"exit code {code}, tables equal: {equal}, flat: {flat}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--block-time", type=float, default=1.0, help="seconds between two blocks")
    parser.add_argument("--record", action="store_true", help="keep the result in benchmarks/results/")
    return parser.parse_args()


@contextmanager
def _node(block_time_s: float) -> Iterator[tuple[str, str]]:
    """A Clique network of its own process, HTTP and WebSocket, in bad weather from the start."""
    with tempfile.TemporaryFile("w+") as output:  # a pipe that nobody reads would stop it when it is full
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "indexer", "devnet", "--port", "0", "--consensus", "clique"),
                *("--seed", str(_SEED), "--history", str(_HISTORY), "--block-time", str(block_time_s)),
                *("--reorg-every", str(_REORG_EVERY), "--weather", _WEATHER),
            ],
            cwd="/",
            env=environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            urls: dict[str, str] = {}
            while len(urls) < 2:
                if process.poll() is not None:
                    raise RuntimeError("the devnet ended before it listened")
                time.sleep(0.1)
                said = os.pread(output.fileno(), 65_536, 0).decode()
                urls = {
                    name: url.strip()
                    for name, _, url in (line.partition(" ") for line in said.splitlines())
                    if name in ("http", "ws")
                }
            yield urls["http"], urls["ws"]
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def _daemon(
    dsn: str, node: tuple[str, str], redis_url: str, logs: IO[str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """`pend-index run` as shipped, but that a request without an answer is given up after 5 s, not 30."""
    process = subprocess.Popen(
        [sys.executable, "-m", "indexer", "run"],
        cwd="/",  # no ./pend.toml
        env=environment(
            database__dsn=dsn,
            node__urls=node[0],
            node__ws_url=node[1],
            redis__url=redis_url,
            metrics__port=0,
            backfill__workers=1,
            node__request_timeout_s=5,
        ),
        stdin=subprocess.DEVNULL,
        stdout=logs,
        stderr=subprocess.STDOUT,
    )
    try:
        yield process
    except BaseException:
        logs.seek(0)
        note(logs.read()[-4000:])
        raise
    finally:
        process.kill()
        process.wait()


def _endure(
    seconds: float, daemon: "subprocess.Popen[bytes]", logs: IO[str], server: Server, cache: EmbeddedRedis
) -> tuple[list[Sample], _Trouble]:
    samples: list[Sample] = []
    trouble = _Trouble()
    started, told = time.monotonic(), 0.0
    while (now_s := time.monotonic() - started) < seconds:
        if daemon.poll() is not None:
            raise RuntimeError(f"the daemon ended with {daemon.returncode} after {now_s:.0f} s")
        sample = _sample(now_s, daemon.pid, logs)
        samples.append(sample)
        if now_s >= told:
            told = now_s + 60
            where = f"{sample.rss_mib:.1f} MiB, {sample.files} files, {sample.lag_blocks:.0f} behind"
            note(f"{now_s / 60:.0f} min: {where}")
        trouble.every("sessions ended", _SESSIONS_EVERY_S, now_s, lambda: _end_sessions(server))
        trouble.every("database crashes", _CRASH_EVERY_S, now_s, lambda: _crash(server))
        trouble.every("Redis stopped and emptied", _REDIS_EVERY_S, now_s, lambda: _disturb(cache))
        time.sleep(_SAMPLE_S)
    return samples, trouble


def _end_sessions(server: Server) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'soak'")


def _crash(server: Server) -> None:
    """Kill one backend: PostgreSQL ends all the others and recovers from its log."""
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        row = connection.execute("SELECT pid FROM pg_stat_activity WHERE datname = 'soak' LIMIT 1").fetchone()
    if row is not None:
        os.kill(row[0], signal.SIGKILL)


def _disturb(cache: EmbeddedRedis) -> None:
    assert cache.pid is not None
    with redis.Redis.from_url(cache.url) as client:
        client.flushall()
    os.kill(cache.pid, signal.SIGSTOP)
    time.sleep(_REDIS_STOPPED_S)
    os.kill(cache.pid, signal.SIGCONT)


def _sample(at_s: float, pid: int, logs: IO[str]) -> Sample:
    status = Path(f"/proc/{pid}/status").read_text()
    rss_kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    children = [
        child
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    lag = _metrics(logs).get("lag_blocks", float("nan"))
    return Sample(at_s, rss_kib / 1024, len([*Path(f"/proc/{pid}/fd").iterdir()]), len(children), lag)


def _metrics(logs: IO[str]) -> dict[str, float]:
    """Sums over all labels, names without their prefix; empty until the daemon serves them."""
    logs.flush()
    text = os.pread(logs.fileno(), 65_536, 0).decode(errors="replace")
    _, found, rest = text.partition("metrics on ")
    if not found:
        return {}
    try:
        with urlopen(rest.split()[0].strip('",'), timeout=10) as answer:
            page = answer.read().decode()
    except OSError:
        return {}
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            name = sample.name.removeprefix("pend_indexer_")
            sums[name] = sums.get(name, 0.0) + sample.value
    return sums


def _call(url: str, method: str, *params: object) -> Any:
    body = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    request = Request(url, body, {"Content-Type": "application/json"})
    for attempt in range(20):  # eth_blockNumber is a request like any other in this weather
        try:
            with urlopen(request, timeout=10) as answer:
                return msgspec.json.decode(answer.read())["result"]
        except (OSError, KeyError, msgspec.DecodeError):
            if attempt == 19:
                raise
            time.sleep(0.2)
    raise AssertionError


def _holds(dsn: str, head: int) -> bool:
    try:
        with psycopg.connect(dsn) as connection:
            row = connection.execute(
                "SELECT array_agg(lower(blocks)), max(upper(blocks)) - 1 FROM chain.coverage"
            ).fetchone()
    except psycopg.OperationalError:
        return False
    return row == ([0], head)


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {_PATIENCE_S:.0f} s: {what}")
        time.sleep(0.5)


def _write(
    report: Report,
    samples: Sequence[Sample],
    counters: dict[str, float],
    struck: dict[str, int],
    trouble: _Trouble,
    head: int,
    code: int,
    *,
    equal: bool,
) -> bool:
    """Whether memory and files at the end are what they were after the first sixth."""
    sixths = [samples[len(samples) * n // 6 : len(samples) * (n + 1) // 6] for n in range(6)]
    report.say(
        f"`pend-index run` for {samples[-1].at_s / 60:.0f} minutes, {head:,} blocks at the end, on a Clique\n"
        f"devnet that replaces its last 1 to 3 blocks after every {_REORG_EVERY} and serves each passing\n"
        f"fault on a share of requests (`--weather {_WEATHER}`: {sum(struck.values()):,} faults of "
        f"{len(struck)} kinds).\n"
        f"Beside it: {', '.join(f'{name} {count} times' for name, count in trouble.done.items())}."
    )
    rows = []
    for part in sixths:
        lags = sorted(each.lag_blocks for each in part if each.lag_blocks == each.lag_blocks)
        rows.append(
            [
                f"{part[0].at_s / 60:.0f}–{part[-1].at_s / 60:.0f}",  # noqa: RUF001  a range
                f"{statistics.median(each.rss_mib for each in part):.1f}",
                f"{max(each.rss_mib for each in part):.1f}",
                f"{statistics.median(each.files for each in part):.0f}",
                f"{max(each.files for each in part)}",
                f"{lags[len(lags) // 2]:.0f}" if lags else "",
                f"{lags[-1]:.0f}" if lags else "",
            ]
        )
    report.table(["minutes", "RSS, MiB", "highest", "open files", "highest", "lag, blocks", "highest"], rows)
    rss = [statistics.median(each.rss_mib for each in part) for part in (sixths[1], sixths[5])]
    files = [statistics.median(each.files for each in part) for part in (sixths[1], sixths[5])]
    flat = rss[1] <= FLAT * rss[0] and files[1] <= FLAT * files[0]
    report.say(
        f"RSS in the last sixth is **{rss[1] / rss[0]:.3f}** times that of the second, open files "
        f"**{files[1] / files[0]:.2f}** times\n(flat: ≤ {FLAT}). SIGTERM at the end: exit code {code}. "
        f"Every table equals an index of the final chain\nmade in one go: **{'yes' if equal else 'no'}**."
    )
    report.table(["what the daemon counted", "times"], [[n, f"{counters.get(n, 0):,.0f}"] for n in _COUNTERS])
    report.data |= {
        "samples": [asdict(each) for each in samples],
        "counters": counters,
        "faults": struck,
        "trouble": trouble.done,
    }
    return flat


if __name__ == "__main__":
    main()
