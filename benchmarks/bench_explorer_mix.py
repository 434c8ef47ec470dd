"""Every endpoint under a realistic mix, on the busiest address, on last pages; 19,000 open connections."""

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from benchmarks import chain
from benchmarks.bench_explorer import LATEST, STATS, samples
from benchmarks.bench_follow import percentile
from benchmarks.explored import BLOCKS, QUICK_BLOCKS, Explored, explored
from benchmarks.http_load import Served, explorer
from benchmarks.report import Figures, Report, note, options
from service.embedded_redis import EmbeddedRedis

CLIENTS, PER_S = 1_000, 1_000
RUN_S, QUICK_RUN_S, WARM_S = 20.0, 3.0, 10.0
P99_TARGET_MS = 200.0
OPEN, QUICK_OPEN, OPEN_EVERY_S = 19_000, 2_000, 20.0
OPEN_P99_TARGET_MS, OPEN_KIB_TARGET = 5.0, 30.0
TIMES, SLOW_TARGET = 15, 3.0

Mix = dict[str, tuple[int, list[str]]]


def main() -> None:
    given = options(__doc__ or "")
    run_s = QUICK_RUN_S if given.quick else RUN_S
    mixed: list[dict[str, Any]] = []
    opened: list[dict[str, Any]] = []
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=chain.FOLDER)))
        data = stack.enter_context(explored(QUICK_BLOCKS if given.quick else BLOCKS))
        redis = stack.enter_context(EmbeddedRedis())
        report = Report(
            "explorer_mix", "The explorer API under a realistic mix", {"PostgreSQL": data.version}
        )
        mix = _mix(data)
        for round_ in range(given.rounds):
            with explorer(data.dsn, redis__url=redis.url) as served:
                mixed.append(_ask(served, folder, mix, CLIENTS, CLIENTS / PER_S, run_s))
                note(f"round {round_ + 1}: {_told(mixed[-1])}")
            with explorer(data.dsn, redis__url=redis.url) as served:
                clients = QUICK_OPEN if given.quick else OPEN
                opened.append(
                    _ask(served, folder, {"latest blocks": (1, [LATEST])}, clients, OPEN_EVERY_S, run_s * 2)
                )
                note(f"round {round_ + 1}, {clients:,} connections: {_told(opened[-1])}")
        with explorer(data.dsn, cache__local_bytes_max=0) as served:
            one_by_one = {kind: alone(served.url, paths) for kind, paths in _pages(data, served.url).items()}
    _write(report, mixed, opened, one_by_one, data)
    report.finish(given)


def _mix(data: Explored) -> Mix:
    """What readers of an explorer ask, by how often."""
    blocks, transactions, addresses = (sample.paths for sample in samples(data))
    rng = random.Random(3)
    with psycopg.connect(data.dsn) as connection:
        tokens = [
            f"0x{row[0].hex()}" for row in connection.execute("SELECT DISTINCT token FROM chain.tokens")
        ]
        contracts = [
            f"0x{row[0].hex()}"
            for row in connection.execute(
                "SELECT address FROM chain.addresses WHERE log_count > 0 ORDER BY log_count DESC LIMIT 20"
            )
        ]
    some = rng.sample(addresses, min(500, len(addresses)))
    accounts = [path.rpartition("/")[2] for path in some]
    early = f"from_block={data.blocks // 2}&to_block={data.blocks // 2 + 500}"
    return {
        # The rest of the endpoints, now and then.
        "block's logs": (1, [f"{path}/logs" for path in blocks]),
        "transaction's logs": (1, [f"{path}/logs" for path in transactions]),
        "transaction's token transfers": (1, [f"{path}/token-transfers" for path in transactions]),
        "address's counters": (1, [f"{path}/counters" for path in some]),
        "wallet": (1, [f"/api/v1/wallets/{account}" for account in accounts]),
        "contract": (1, [f"/api/v1/contracts/{contract}" for contract in contracts]),
        "contract's events": (1, [f"/api/v1/contracts/{contract}/events" for contract in contracts]),
        "contract's interactions": (
            1,
            [f"/api/v1/contracts/{contract}/interactions" for contract in contracts],
        ),
        "events of an address": (1, [f"/api/v1/events?address={contract}" for contract in contracts]),
        "events of a range": (1, [f"/api/v1/events?{early}"]),
        "failed transactions": (1, ["/api/v1/transactions?status=failed"]),
        "indexing": (1, ["/api/v1/network/indexing"]),
        "finality": (1, ["/api/v1/network/finality"]),
        "reorgs": (1, ["/api/v1/network/reorgs"]),
        "pools": (1, ["/api/v1/pools"]),
        "health": (1, ["/api/v1/health"]),
        "Etherscan: txlist": (
            1,
            [f"/api?module=account&action=txlist&address={each}&page=1&offset=25" for each in accounts],
        ),
        "Etherscan: balance": (
            1,
            [f"/api?module=account&action=balance&address={each}" for each in accounts],
        ),
        "Etherscan: getLogs": (
            1,
            [f"/api?module=logs&action=getLogs&address={each}&page=1&offset=25" for each in contracts],
        ),
        "latest blocks": (20, [LATEST]),
        "latest transactions": (10, ["/api/v1/transactions?limit=25"]),
        "network stats": (8, [STATS]),
        "block": (12, blocks),
        "block's transactions": (6, [f"{path}/transactions" for path in blocks]),
        "transaction": (16, transactions),
        "address": (8, addresses),
        "address's transactions": (6, [f"{path}/transactions" for path in some]),
        "address's token transfers": (3, [f"{path}/token-transfers" for path in some]),
        "address's tokens": (2, [f"{path}/tokens" for path in some]),
        "address's logs": (1, [f"{path}/logs" for path in some]),
        "tokens": (1, ["/api/v1/tokens"]),
        "token": (1, [f"/api/v1/tokens/{token}" for token in tokens]),
        "token's holders": (1, [f"/api/v1/tokens/{token}/holders" for token in tokens]),
        "token's transfers": (1, [f"/api/v1/tokens/{token}/transfers" for token in tokens]),
        "contracts": (1, ["/api/v1/contracts"]),
        "wallets": (1, ["/api/v1/wallets"]),
        "chart": (1, ["/api/v1/network/charts/transactions?interval=day"]),
        "search": (1, [f"/api/v1/search?q={path.rpartition('/')[2][:14]}" for path in transactions[:2_000]]),
    }


def _pages(data: Explored, url: str) -> dict[str, list[str]]:
    """Each kind of page: of an address as most are, of the busiest one, and the last page of the busiest."""
    busiest = f"/api/v1/addresses/0x{data.busiest.hex()}"
    usual = samples(data)[2].paths[:TIMES]
    found: dict[str, list[str]] = {}
    for part in ("", "/transactions", "/token-transfers", "/logs", "/tokens", "/counters"):
        found[f"address{part}"] = [f"{path}{part}" for path in usual]
        found[f"address{part}, busiest"] = [f"{busiest}{part}"]
    for listing in (f"{busiest}/transactions", "/api/v1/blocks", "/api/v1/transactions"):
        found[f"{listing.replace(busiest, 'address')}, first page"] = [f"{listing}?limit=25"]
        found[f"{listing.replace(busiest, 'address')}, last page"] = [_last_page(url, listing, data)]
    return found


def _last_page(url: str, listing: str, data: Explored) -> str:
    """The path of a page among the last thousand rows of a list."""
    path = f"{listing}?limit=1000"
    if listing in {"/api/v1/blocks", "/api/v1/transactions"}:
        # Nobody walks 8 million rows here: a cursor of the first blocks is cut as the API does.
        from explorer_api.cursors import Cursor, encode  # noqa: PLC0415  only here

        keys = (30,) if listing.endswith("blocks") else (30, 0)
        name = "blocks" if listing.endswith("blocks") else "transactions:None:None:None:None"
        return f"{listing}?limit=25&cursor={encode(Cursor(keys, False, _sequence(url), 30), name)}"
    for _ in range(data.busiest_transactions // 1_000 + 2):
        with urllib.request.urlopen(url + path, timeout=60) as answer:
            page = json.load(answer)["page"]
        if page["next"] is None:
            return path.replace("limit=1000", "limit=25")
        path = f"{listing}?limit=1000&cursor={page['next']}"
    return path


def _sequence(url: str) -> int:
    with urllib.request.urlopen(f"{url}/api/v1/blocks/latest", timeout=60) as answer:
        return int(json.load(answer)["meta"]["sequence"])


def _ask(
    served: Served, folder: Path, mix: Mix, connections: int, every_s: float, run_s: float
) -> dict[str, Any]:
    """What `many_clients` saw; with the server's memory before and while they are open, in bytes."""
    order = folder / "order.json"
    order.write_text(
        json.dumps(
            {
                "do": "ask",
                "url": served.url,
                "connections": connections,
                "every_s": every_s,
                "run_s": run_s,
                "mix": mix,
                "warm_s": WARM_S,
            }
        )
    )
    before = rss_bytes(served.pid)
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.many_clients", str(order)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    process.stderr.readline()  # all are open
    after = rss_bytes(served.pid)
    out, err = process.communicate()
    if process.returncode:
        raise RuntimeError(err)
    seen: dict[str, Any] = json.loads(out)
    seen["bytes_each"] = (after - before) / connections
    return seen


def rss_bytes(pid: int) -> int:
    """Of a process and its children."""
    pids, total = [pid], 0
    while pids:
        each = pids.pop()
        try:
            total += int(Path(f"/proc/{each}/statm").read_text().split()[1]) * resource.getpagesize()
            for task in Path(f"/proc/{each}/task").iterdir():
                pids += [int(child) for child in (task / "children").read_text().split()]
        except FileNotFoundError:
            continue
    return total


def alone(url: str, paths: Sequence[str]) -> list[float]:
    """Milliseconds of one question at a time, each asked twice, the second counted."""
    taken = []
    for number in range(TIMES):
        path = paths[number % len(paths)]
        for _ in range(2):
            begun = time.perf_counter()
            with urllib.request.urlopen(url + path, timeout=60) as answer:
                answer.read()
        taken.append((time.perf_counter() - begun) * 1000)
    return taken


def _told(seen: dict[str, Any]) -> str:
    every = sorted(value for each in seen["seconds"].values() for value in each)
    return (
        f"{len(every):,} answers, p50 {percentile(every, 50) * 1000:.1f} ms, p99 "
        f"{percentile(every, 99) * 1000:.1f} ms, errors {seen['errors']}, "
        f"{seen['bytes_each'] / 1024:.1f} KiB each"
    )


def _write(
    report: Report,
    mixed: list[dict[str, Any]],
    opened: list[dict[str, Any]],
    one_by_one: dict[str, list[float]],
    data: Explored,
) -> None:
    report.say(
        f"{data.blocks:,} blocks, {data.transactions:,} transactions. Clients, server, Redis and PostgreSQL "
        "share two cores; the time of a question counts from when it was due (open loop). "
        f"The first {WARM_S:g} s do not count: the disk has to be read once."
    )
    report.say(
        f"## {CLIENTS:,} keep-alive clients, {PER_S:,} requests/s in all, wanted p99 < {P99_TARGET_MS:g} ms"
    )
    rows = []
    for kind in mixed[0]["seconds"]:
        p50 = Figures(tuple(percentile(each["seconds"][kind], 50) * 1000 for each in mixed))
        p99 = Figures(tuple(percentile(each["seconds"][kind], 99) * 1000 for each in mixed))
        missed = "" if p99.median < P99_TARGET_MS else " MISSED"
        rows.append([kind, str(len(mixed[0]["seconds"][kind])), p50.show(1), p99.show(1) + missed])
    report.table(("", "answers in a round", "p50 ms", "p99 ms"), rows)
    report.say(
        f"Errors: {[each['errors'] for each in mixed]}; unanswered: {[each['unanswered'] for each in mixed]}."
    )
    connections = round(opened[0]["asked"] / (len(opened) and 1))
    report.say(
        f"## Open connections that ask every {OPEN_EVERY_S:g} s ({connections:,} questions a round), wanted: "
        f"no error, p99 ≤ {OPEN_P99_TARGET_MS:g} ms, ≤ {OPEN_KIB_TARGET:g} KiB each"
    )
    every = [sorted(value for part in each["seconds"].values() for value in part) for each in opened]
    p99 = Figures(tuple(percentile(each, 99) * 1000 for each in every))
    size = Figures(tuple(each["bytes_each"] / 1024 for each in opened))
    report.table(
        ("p50 ms", "p99 ms", "KiB each", "errors"),
        [
            [
                Figures(tuple(percentile(each, 50) * 1000 for each in every)).show(2),
                p99.show(2) + ("" if p99.median <= OPEN_P99_TARGET_MS else " MISSED"),
                size.show(1) + ("" if size.median <= OPEN_KIB_TARGET else " MISSED"),
                str([each["errors"] for each in opened]),
            ]
        ],
    )
    report.say(
        f"## One at a time, nothing kept: medians of {TIMES}; the busiest address has "
        f"{data.busiest_transactions:,} transactions; wanted ≤ {SLOW_TARGET:g}x"
    )
    rows = []
    for kind, times in one_by_one.items():
        base = kind.replace(", busiest", "").replace(", last page", ", first page")
        if base == kind:
            continue
        usual, heavy = median(one_by_one[base]), median(times)
        missed = "" if heavy <= SLOW_TARGET * usual else " MISSED"
        rows.append([kind, f"{usual:.2f}", f"{heavy:.2f}", f"{heavy / usual:.2f}{missed}"])
    report.table(("", "usual ms", "ms", "ratio"), rows)
    for each in [*mixed, *opened]:
        for kind, values in each["seconds"].items():
            each["seconds"][kind] = {
                "count": len(values),
                "p50": percentile(values, 50),
                "p99": percentile(values, 99),
                "max": values[-1],
            }
    report.data = {"mixed": mixed, "opened": opened, "alone": one_by_one}


if __name__ == "__main__":
    main()
