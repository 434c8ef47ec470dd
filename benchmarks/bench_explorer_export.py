"""A CSV of 1,000,000 transactions by the explorer beside `psql \\copy` of the same rows; its memory."""

import hashlib
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from urllib.parse import urlsplit

import psycopg

from benchmarks.bench_explorer_mix import rss_bytes
from benchmarks.copying import psql
from benchmarks.explored import BLOCKS, QUICK_BLOCKS, Explored, explored
from benchmarks.http_load import CLIENT_CORES, SERVER_CORE, Served, explorer
from benchmarks.report import Figures, Report, note, options
from explorer_api.settings import QueriesSection
from postgres.queries import load

ROWS, QUICK_ROWS = 1_000_000, 90_000
TARGET, GROWN_MIB_TARGET = 0.9, 16.0
THROTTLED_S, THROTTLED_BYTES_PER_S = 4.0, 5_000_000
MIB = 1024 * 1024
_READ_BYTES = 256 * 1024
_LOOK_EVERY_S = 0.02
_COPY_ROWS_MAX = QueriesSection().export_rows_max
_LAST_BLOCK = """
    SELECT to_block, rows FROM (
        SELECT number AS to_block, sum(transaction_count) OVER (ORDER BY number) AS rows
        FROM chain.blocks WHERE number >= %s
    ) AS b WHERE rows >= %s ORDER BY to_block LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The same rows as a path of the API and as a statement of psql."""

    path: str
    copy: str
    rows: int


@dataclass(slots=True)
class Rounds:
    """Seconds of each; MiB that the server grew by at most."""

    explorer_s: list[float] = field(default_factory=list)
    psql_s: list[float] = field(default_factory=list)
    grown_mib: list[float] = field(default_factory=list)
    throttled_mib: list[float] = field(default_factory=list)


def main() -> None:
    given = options(__doc__ or "")
    rounds = Rounds()
    with ExitStack() as stack:
        data = stack.enter_context(explored(QUICK_BLOCKS if given.quick else BLOCKS))
        report = Report("explorer_export", "The explorer's export", {"PostgreSQL": data.version})
        wanted = _wanted(data, QUICK_ROWS if given.quick else ROWS)
        served = stack.enter_context(
            explorer(
                data.dsn,
                cores=f"{SERVER_CORE},{CLIENT_CORES}",
                limits__strict_per_15_minutes=1_000_000,
            )
        )
        _body(served, "/api/v1/export/transactions.csv?from_block=1&to_block=1")  # reads what it needs
        idle = rss_bytes(served.pid)
        size = _same(served, data.dsn, wanted)
        for round_ in range(given.rounds):
            with _highest(served.pid) as highest:
                seconds = {}
                sides: list[tuple[str, Callable[[], float]]] = [
                    ("explorer", lambda: _exported(served, wanted)),
                    ("psql", lambda: _copied(data.dsn, wanted)),
                ]
                for name, side in sides if round_ % 2 == 0 else sides[::-1]:
                    seconds[name] = side()
            rounds.explorer_s.append(seconds["explorer"])
            rounds.psql_s.append(seconds["psql"])
            rounds.grown_mib.append((max(highest) - idle) / MIB)
            with _highest(served.pid) as highest:
                _throttled(served, wanted)
            rounds.throttled_mib.append((max(highest) - idle) / MIB)
            note(
                f"round {round_ + 1}: explorer {seconds['explorer']:.2f} s, psql {seconds['psql']:.2f} s, "
                f"grown by {rounds.grown_mib[-1]:.1f} MiB, throttled {rounds.throttled_mib[-1]:.1f} MiB"
            )
    _write(report, rounds, wanted, size)
    report.finish(given)


def _wanted(data: Explored, rows: int) -> Wanted:
    first = 100
    with psycopg.connect(data.dsn) as connection:
        found = connection.execute(_LAST_BLOCK, (first, rows)).fetchone()
    assert found is not None, f"there are no {rows:,} transactions from block {first} on"
    last, count = found
    arguments = (first, last, _COPY_ROWS_MAX)
    statement = re.sub(
        r"\$(\d+)", lambda each: str(arguments[int(each[1]) - 1]), load("explorer").export_transactions.sql
    )
    lines = (line for line in statement.splitlines() if not line.startswith("--"))
    query = " ".join(lines).strip().rstrip(";")
    return Wanted(
        f"/api/v1/export/transactions.csv?from_block={first}&to_block={last}",
        f"\\copy ({query}) TO STDOUT WITH (FORMAT csv, HEADER)",
        int(count),
    )


def _same(served: Served, dsn: str, wanted: Wanted) -> int:
    """How many bytes both gave, after a look that they are the same but for the end mark; warms both up."""
    with _psql(dsn, wanted) as copying:
        assert copying.stdout is not None
        theirs, size = hashlib.sha256(), 0
        while piece := copying.stdout.read(_READ_BYTES):
            theirs.update(piece)
            size += len(piece)
    body = _body(served, wanted.path)
    assert hashlib.sha256(body[:size]).digest() == theirs.digest(), "the explorer and psql gave other rows"
    assert body[size:].startswith(b"# end rows=%d " % wanted.rows), body[size:][:200]
    return size


def _body(served: Served, path: str) -> bytes:
    parts = urlsplit(served.url)
    connection = HTTPConnection(parts.hostname or "127.0.0.1", parts.port)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 200, body
    return body


def _exported(served: Served, wanted: Wanted) -> float:
    """Seconds from connecting to the last byte, which are thrown away as they come."""
    begun = time.perf_counter()
    buffer, tail = bytearray(_READ_BYTES), b""
    with _asked(served, wanted.path) as client:
        while not tail.endswith(b"\r\n0\r\n\r\n"):
            count = client.recv_into(buffer)
            assert count, f"the export was cut off: {tail!r}"
            tail = (tail + buffer[max(0, count - 300) : count])[-300:]
    seconds = time.perf_counter() - begun
    assert b"# end rows=%d " % wanted.rows in tail, tail
    return seconds


def _throttled(served: Served, wanted: Wanted) -> None:
    """Read slowly for a while, and go."""
    begun, read = time.perf_counter(), 0
    with _asked(served, wanted.path) as client:
        while (passed := time.perf_counter() - begun) < THROTTLED_S:
            if read > passed * THROTTLED_BYTES_PER_S:
                time.sleep(0.01)
            else:
                count = len(client.recv(_READ_BYTES))
                if not count:
                    return  # a short export
                read += count


@contextmanager
def _asked(served: Served, path: str) -> Iterator[socket.socket]:
    parts = urlsplit(served.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        yield client


def _copied(dsn: str, wanted: Wanted) -> float:
    """Seconds from psql's start to its last byte, which are thrown away as they come."""
    begun = time.perf_counter()
    buffer = bytearray(_READ_BYTES)
    with _psql(dsn, wanted) as copying:
        assert copying.stdout is not None
        while copying.stdout.readinto(buffer):  # type: ignore[attr-defined]  not buffered
            pass
        return time.perf_counter() - begun


@contextmanager
def _psql(dsn: str, wanted: Wanted) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        [psql(), "--no-psqlrc", "--quiet", "--command", wanted.copy, dsn], stdout=subprocess.PIPE, bufsize=0
    )
    yield process
    assert process.wait() == 0, "psql failed"


@contextmanager
def _highest(pid: int) -> Iterator[list[int]]:
    """What the processes hold, in bytes, looked at again and again while the block runs."""
    seen, ending = [rss_bytes(pid)], threading.Event()

    def look() -> None:
        while not ending.wait(_LOOK_EVERY_S):
            seen.append(rss_bytes(pid))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        ending.set()
        thread.join()


def _write(report: Report, rounds: Rounds, wanted: Wanted, size: int) -> None:
    def rates(seconds: list[float]) -> tuple[Figures, Figures]:
        return (
            Figures(tuple(wanted.rows / each for each in seconds)),
            Figures(tuple(size / each / MIB for each in seconds)),
        )

    ratios = Figures(tuple(b / a for a, b in zip(rounds.explorer_s, rounds.psql_s, strict=True)))
    grown, throttled = Figures(tuple(rounds.grown_mib)), Figures(tuple(rounds.throttled_mib))
    report.say(
        f"`{wanted.path}`:\n{wanted.rows:,} rows, {size / MIB:,.0f} MiB, read from one socket; beside\n"
        "it `psql \\copy` of the same statement into a pipe. Both give the same bytes but for the end mark,\n"
        "both are read by the same process, and all share the cores. Time from connecting, or from psql's\n"
        "start, to the last byte."
    )
    rows = [
        [name, *(figures.show() for figures in rates(seconds))]
        for name, seconds in (("psql \\copy", rounds.psql_s), ("explorer", rounds.explorer_s))
    ]
    rows[0].append("1")
    rows[1].append(f"**{ratios.show(2)}**")
    report.table(("", "rows/s", "MiB/s", "ratio"), rows)
    report.say(f"Wanted: ≥ {TARGET}{'' if ratios.median >= TARGET else ' MISSED'}.")
    missed = "" if max(*grown.values, *throttled.values) <= GROWN_MIB_TARGET else " MISSED"
    report.say(
        f"The server's memory above that before the first large export, in MiB: {grown.show(1)} at full\n"
        f"speed, {throttled.show(1)} while a client reads {THROTTLED_BYTES_PER_S / 1e6:g} MB/s for "
        f"{THROTTLED_S:g} s;\nwanted: never more than {GROWN_MIB_TARGET:g}{missed}."
    )
    report.data |= {"rows": wanted.rows, "bytes": size, "rounds": rounds, "ratio": ratios}


if __name__ == "__main__":
    main()
