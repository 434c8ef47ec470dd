"""The explorer's requests per second: from its caches, from Redis, and from PostgreSQL beside pgbench."""

import random
import re
import subprocess
import tempfile
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from benchmarks import chain
from benchmarks.explored import BLOCKS, QUICK_BLOCKS, Explored, explored
from benchmarks.http_load import CLIENT_CORES, Load, Served, bare, explorer, wrk
from benchmarks.report import Figures, Report, note, options
from explorer_api.routes.transactions import WITHIN_MAX
from postgres.embedded import binaries
from postgres.queries import load
from service.embedded_redis import EmbeddedRedis

CONNECTIONS, DATABASE_CONNECTIONS = 64, 8
SECONDS, QUICK_SECONDS = 3.0, 1.0
SAMPLE, SCRIPTS = 20_000, 64
BLOCKS_SAMPLED = 1_000
_TABLES = ("transactions", "logs", "decoded_events", "decoded_calls", "token_transfers")
_WARM = [
    *(
        f"SELECT count(t) FROM chain.{table} AS t WHERE block_number BETWEEN %(first)s AND %(last)s"
        for table in _TABLES
    ),
    (
        "SELECT count(l) FROM chain.transactions AS t JOIN chain.transaction_locations AS l"
        " ON l.hash = t.hash WHERE t.block_number BETWEEN %(first)s AND %(last)s"
    ),
    "SELECT count(b) FROM chain.blocks AS b WHERE number BETWEEN %(first)s AND %(last)s",
]
LATEST, STATS = "/api/v1/blocks?limit=25", "/api/v1/network/stats"
BARE, REDIS, CONDITIONAL = "bare Litestar handler", "Redis hit: a block's transactions", "304: latest blocks"
CACHED_TARGET, REDIS_TARGET, POINT_TARGET, NO_DATABASE_TARGET = 0.65, 0.28, 0.22, 0.55
queries = load("explorer")


@dataclass(frozen=True, slots=True)
class Sample:
    """The same questions for the API and, as `arguments` of one statement, for pgbench."""

    noun: str
    paths: list[str]
    statement: str
    arguments: list[tuple[str, ...]]


@dataclass(slots=True)
class Side:
    """One thing that is measured in each round."""

    name: str
    measure: Callable[[], Load]
    loads: list[Load] = field(default_factory=list)

    def rates(self) -> Figures:
        return Figures(tuple(each.per_s for each in self.loads))

    def p99_ms(self) -> Figures:
        return Figures(tuple(each.p99_ms for each in self.loads))


def main() -> None:
    given = options(__doc__ or "")
    seconds = QUICK_SECONDS if given.quick else SECONDS
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=chain.FOLDER)))
        data = stack.enter_context(explored(QUICK_BLOCKS if given.quick else BLOCKS))
        redis = stack.enter_context(EmbeddedRedis())
        report = Report("explorer", "The explorer API: requests per second", {"PostgreSQL": data.version})
        sides = {side.name: side for side in _sides(data, redis.url, folder, seconds, stack)}
        for round_ in range(given.rounds):
            for side in sides.values():
                side.loads.append(side.measure())
                note(f"round {round_ + 1}, {side.name}: {side.loads[-1]}")
    _write(report, sides, data)
    report.finish(given)


def _sides(data: Explored, redis_url: str, folder: Path, seconds: float, stack: ExitStack) -> list[Side]:
    constant = stack.enter_context(bare())
    cached = stack.enter_context(explorer(data.dsn))
    through_redis = stack.enter_context(explorer(data.dsn, redis__url=redis_url, cache__local_bytes_max=0))
    uncached, no_database = (
        stack.enter_context(
            explorer(
                data.dsn,
                module=module,
                cache__local_bytes_max=0,
                queries__connections=DATABASE_CONNECTIONS,
            )
        )
        for module in ("explorer_api", "benchmarks.no_database")
    )

    def http(served: Served, paths: Sequence[str], *headers: str) -> Callable[[], Load]:
        return lambda: wrk(
            served.url, paths, folder, connections=CONNECTIONS, seconds=seconds, headers=headers
        )

    gzip = "Accept-Encoding: gzip"
    # Many, so that no two who ask at once ask the same; asked once, so that Redis has them.
    kept_in_redis = [f"/api/v1/blocks/{number}/transactions?limit=10" for number in range(5_000, 5_500)]
    for path in kept_in_redis:
        urllib.request.urlopen(through_redis.url + path, timeout=30).close()
    block = f"/api/v1/blocks/{data.blocks // 2}"
    sides = [
        Side(BARE, http(constant, ["/constant"])),
        Side("kept: latest blocks", http(cached, [LATEST], gzip)),
        Side("kept: one block", http(cached, [block], gzip)),
        Side("kept: network stats", http(cached, [STATS], gzip)),
        Side(CONDITIONAL, http(cached, [LATEST], f"If-None-Match: {_etag(cached.url + LATEST)}")),
        Side(REDIS, http(through_redis, kept_in_redis, gzip)),
    ]
    for sample in samples(data):
        sides += [
            Side(f"PostgreSQL: {sample.noun}", http(uncached, sample.paths)),
            Side(f"no database: {sample.noun}", http(no_database, sample.paths)),
            Side(f"pgbench: {sample.noun}", _pgbench(data, sample, folder, seconds)),
        ]
    return sides


def samples(data: Explored) -> list[Sample]:
    """Random blocks, transactions and addresses of the database."""
    rng = random.Random(1)
    first = data.blocks // 2
    with psycopg.connect(data.dsn) as connection:
        # Of neighbouring blocks, all of whose rows are read once: what is measured is not the disk.
        for warm in _WARM:
            connection.execute(warm, {"first": first, "last": first + BLOCKS_SAMPLED})
        sampled = "SELECT hash FROM chain.transactions WHERE block_number BETWEEN %s AND %s"
        found = connection.execute(sampled, (first, first + BLOCKS_SAMPLED))
        hashes = [f"0x{row[0].hex()}" for row in found]
        listed = "SELECT address FROM chain.addresses LIMIT 20000"
        addresses = [f"0x{row[0].hex()}" for row in connection.execute(listed)]
    rng.shuffle(hashes)
    rng.shuffle(addresses)
    numbers = [str(first + rng.randrange(BLOCKS_SAMPLED)) for _ in range(SAMPLE)]
    null = "NULL"
    return [
        Sample(
            "block by number",
            [f"/api/v1/blocks/{number}" for number in numbers],
            queries.select_block.sql,
            [(number, null, null) for number in numbers[:SCRIPTS]],
        ),
        Sample(
            "transaction by hash",
            [f"/api/v1/transactions/{each}" for each in hashes[:SAMPLE]],
            queries.select_transaction.sql,
            [(_bytes(each), null, str(WITHIN_MAX)) for each in hashes[:SCRIPTS]],
        ),
        Sample(
            "address",
            [f"/api/v1/addresses/{each}" for each in addresses[:SAMPLE]],
            queries.select_address.sql,
            [(_bytes(each), null) for each in addresses[:SCRIPTS]],
        ),
    ]


def _bytes(text: str) -> str:
    return f"'\\x{text[2:]}'"


def _etag(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return str(answer.headers["etag"])


def _pgbench(data: Explored, sample: Sample, folder: Path, seconds: float) -> Callable[[], Load]:
    """The statement with each of the arguments as literals, prepared, over as many connections."""
    scripts = []
    for number, arguments in enumerate(sample.arguments):
        script = folder / f"{sample.noun.replace(' ', '_')}-{number}.sql"
        text = re.sub(r"\$(\d+)", lambda found, given=arguments: given[int(found[1]) - 1], sample.statement)
        script.write_text(" ".join(line for line in text.splitlines() if not line.startswith("--")) + ";\n")
        scripts += ["-f", str(script)]

    def measure() -> Load:
        done = subprocess.run(
            [
                *(
                    "taskset",
                    "-c",
                    CLIENT_CORES,
                    str(binaries() / "pgbench"),
                    "--no-vacuum",
                    "-M",
                    "prepared",
                ),
                *("-c", str(DATABASE_CONNECTIONS), "-j", "1", "-T", str(max(1, round(seconds)))),
                *(*scripts, data.dsn),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        rate = re.search(r"tps = ([\d.]+)", done.stdout)
        latency = re.search(r"latency average = ([\d.]+) ms", done.stdout)
        assert rate is not None, done.stdout
        assert latency is not None, done.stdout
        return Load(float(rate[1]), float(latency[1]), float("nan"), 0)

    return measure


def _write(report: Report, sides: dict[str, Side], data: Explored) -> None:
    constant = sides[BARE]
    report.say(
        f"{data.blocks:,} blocks, {data.transactions:,} transactions; point reads are of {BLOCKS_SAMPLED:,} "
        f"neighbouring blocks, whose rows are in shared buffers. One server "
        f"process on one core, everything else on the other; wrk, {CONNECTIONS} connections, closed loop. "
        "The whole middleware is on: limits, metrics, correlation id, conditional requests, gzip."
    )
    report.say("## From what is kept, beside a Litestar handler that returns 127 constant bytes")
    rows = []
    for name in ("kept: latest blocks", "kept: one block", "kept: network stats", CONDITIONAL, REDIS):
        target = REDIS_TARGET if name == REDIS else CACHED_TARGET
        rows.append(_row(sides[name], constant, target))
    rows.insert(0, [BARE, constant.rates().show(), "1", "", constant.p99_ms().show(1)])
    report.table(("", "requests/s", "ratio", "wanted", "p99 ms"), rows)
    report.say(
        "## Not kept: one statement of PostgreSQL each, beside pgbench of the same statement "
        f"(`-M prepared`, {DATABASE_CONNECTIONS} connections) and beside the same route without a database"
    )
    rows = []
    for name in [name for name in sides if name.startswith("PostgreSQL: ")]:
        noun = name.partition(": ")[2]
        beside = _row(sides[name], sides[f"pgbench: {noun}"], POINT_TARGET)
        without = _row(sides[name], sides[f"no database: {noun}"], NO_DATABASE_TARGET)
        rows.append(
            [
                noun,
                beside[1],
                sides[f"pgbench: {noun}"].rates().show(),
                *beside[2:4],
                *without[2:4],
                beside[4],
            ]
        )
    head = ("", "requests/s", "pgbench/s", "ratio", "wanted", "of no database", "wanted", "p99 ms")
    report.table(head, rows)
    report.data = {name: side.loads for name, side in sides.items()}


def _row(side: Side, beside: Side, target: float) -> list[str]:
    ratios = Figures(
        tuple(ours.per_s / theirs.per_s for ours, theirs in zip(side.loads, beside.loads, strict=True))
    )
    met = "" if ratios.median >= target else " MISSED"
    return [side.name, side.rates().show(), ratios.show(2), f"≥ {target}{met}", side.p99_ms().show(1)]


if __name__ == "__main__":
    main()
