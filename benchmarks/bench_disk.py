"""Bytes per transaction by table and index, in every home; with columnstore in a Community home.

`PEND_TEST_COMMUNITY_DSN` names that server; its settings are its own, which sizes do not depend on.
"""

import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import LiteralString, cast

import psycopg
from psycopg.sql import SQL, Identifier

from benchmarks import chain
from benchmarks.databases import CHUNK_BLOCKS, PLAIN, TIMESCALE, running
from benchmarks.indexing import backfill
from benchmarks.replay import Replay, running_replay
from benchmarks.report import Report, note, options
from postgres.migrations import migrate
from tests.database_homes import COMMUNITY, DSN_VARIABLES
from tests.disk_budget import BUDGET_DOCUMENT, Budget, budgets
from tests.disk_sizes import Part, disk_parts

LOOKUPS = 300
# What is tried: rows in the order of their primary key, alone or one segment per contract.
COLUMNSTORES: dict[str, tuple[tuple[str, str], ...]] = {
    "blocks": (("number", ""),),
    "transactions": (("block_number, transaction_index", ""),),
    "logs": (("block_number, log_index", ""), ("block_number, log_index", "address")),
}
_ASKED: dict[str, LiteralString] = {
    "blocks": "SELECT * FROM chain.blocks WHERE number = %s",
    "transactions": "SELECT * FROM chain.transactions WHERE block_number = %s AND transaction_index = 3",
    "logs": "SELECT * FROM chain.logs WHERE block_number = %s",
}


@dataclass(frozen=True, slots=True)
class _Columnstore:
    """One table's chunk before and after, bytes a row, and what it costs to read from it."""

    table: str
    order_by: str
    segment_by: str
    before: float
    after: float
    converted_in_s: float
    lookup_before_us: float
    lookup_after_us: float


def main() -> None:
    given = options(__doc__ or "", rounds=1)
    blocks = chain.QUICK_BLOCKS if given.quick else chain.MEASURED_BLOCKS
    path = chain.recording()
    measured: dict[str, list[Part]] = {}
    stores: list[_Columnstore] = []
    versions: dict[str, str] = {}
    with running_replay(path, blocks) as replay:
        for home in (PLAIN, TIMESCALE):
            note(f"{home}: indexing {blocks:,} blocks")
            with running(home) as server, server.fresh() as dsn:
                versions[home] = server.version
                backfill(dsn, replay, blocks, workers=2)
                measured[home] = disk_parts(dsn)
        if (community := os.environ.get(DSN_VARIABLES[COMMUNITY])) is not None:
            note(f"{COMMUNITY}: indexing {blocks:,} blocks")
            stores = _community(community, replay, blocks)
            versions[COMMUNITY] = _version(community)
    report = Report("disk", "Bytes on disk", versions)
    _write(report, measured, blocks, path)
    _write_columnstore(report, stores, measured[TIMESCALE])
    report.finish(given)


@contextmanager
def _database(server_dsn: str, name: str) -> Iterator[str]:
    def administer(statement: LiteralString) -> None:
        with psycopg.connect(server_dsn, autocommit=True) as connection:
            connection.execute(SQL(statement).format(Identifier(name)))

    administer("DROP DATABASE IF EXISTS {} WITH (FORCE)")
    administer("CREATE DATABASE {}")
    dsn = server_dsn.rpartition("/")[0] + f"/{name}"
    migrate(dsn, chunk_blocks=CHUNK_BLOCKS)
    yield dsn
    administer("DROP DATABASE IF EXISTS {} WITH (FORCE)")


def _version(dsn: str) -> str:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'"
        ).fetchone()
        server = str(connection.info.parameter_status("server_version")).split()[0]
    return f"{server} with TimescaleDB {row[0] if row else '?'}"


def _community(server_dsn: str, replay: Replay, blocks: int) -> list[_Columnstore]:
    with ExitStack() as stack:
        dsn = stack.enter_context(_database(server_dsn, "bench_disk"))
        backfill(dsn, replay, blocks, workers=2)
        connection = stack.enter_context(psycopg.connect(dsn, autocommit=True))
        connection.execute("SET plan_cache_mode = force_custom_plan")
        return [
            _converted(connection, table, order_by, segment_by, blocks)
            for table, tried in COLUMNSTORES.items()
            for order_by, segment_by in tried
        ]


def _converted(
    connection: psycopg.Connection, table: str, order_by: str, segment_by: str, blocks: int
) -> _Columnstore:
    """Convert the table's one chunk, look, and convert it back."""
    rows = _value(connection, f"SELECT count(*) FROM chain.{table}")
    chunk = _value(connection, f"SELECT show_chunks('chain.{table}')::text")
    lookup_before = _lookup_us(connection, table, blocks)
    _do(
        connection,
        f"ALTER TABLE chain.{table} SET (timescaledb.enable_columnstore,"
        f" timescaledb.orderby = '{order_by}', timescaledb.segmentby = '{segment_by}')",
    )
    started = time.monotonic()
    _do(connection, f"CALL convert_to_columnstore('{chunk}')")
    seconds = time.monotonic() - started
    sizes = connection.execute(
        "SELECT before_compression_total_bytes, after_compression_total_bytes"
        " FROM chunk_columnstore_stats(('chain.' || %s)::regclass)",
        (table,),
    ).fetchone()
    assert sizes is not None
    lookup_after = _lookup_us(connection, table, blocks)
    _do(connection, f"CALL convert_to_rowstore('{chunk}')")
    _do(connection, f"ALTER TABLE chain.{table} SET (timescaledb.enable_columnstore = false)")
    note(f"columnstore of {table}, segmented by {segment_by or 'nothing'}: {sizes[1] / rows:.0f} bytes a row")
    return _Columnstore(
        table=table,
        order_by=order_by,
        segment_by=segment_by,
        before=sizes[0] / rows,
        after=sizes[1] / rows,
        converted_in_s=seconds,
        lookup_before_us=lookup_before,
        lookup_after_us=lookup_after,
    )


def _lookup_us(connection: psycopg.Connection, table: str, blocks: int) -> float:
    """Median of reading a block, one transaction, or the logs of a block."""
    rng, times = random.Random(1), []
    for _ in range(LOOKUPS):
        number = rng.randrange(blocks // 10, blocks)
        started = time.perf_counter()
        connection.execute(_ASKED[table], (number,)).fetchall()
        times.append(time.perf_counter() - started)
    return 1e6 * median(times)


def _do(connection: psycopg.Connection, statement: str) -> None:
    connection.execute(statement)


def _value(connection: psycopg.Connection, statement: str) -> int:
    row = connection.execute(statement).fetchone()
    assert row is not None
    return cast("int", row[0])


def _write(report: Report, measured: dict[str, list[Part]], blocks: int, path: Path) -> None:
    recorded = chain.summary(path)
    report.say(
        f"After `pend-index backfill` of {blocks:,} recorded blocks\n"
        f"({recorded.transactions / recorded.blocks:.1f} transactions and "
        f"{recorded.logs / recorded.blocks:.1f} logs each) with two workers, no VACUUM: pages of\n"
        "rows with what is kept out of line, and each index by its columns,\nchunks added up. "
        f"The budget is that of {BUDGET_DOCUMENT.name}, which a test holds."
    )
    transactions = next(part.rows for part in measured[PLAIN] if part.table == "transactions")
    budget = {(each.table, each.part): each for each in budgets()}
    rows = [
        _row(parts, budget[parts[0].table, parts[0].name], transactions)
        for parts in zip(*measured.values(), strict=True)
    ]
    totals = [sum(part.bytes for part in parts) / transactions for parts in measured.values()]
    budgeted = sum(each.bytes_per_transaction for each in budget.values())
    rows.append(["**all**", "", *(f"**{total:.0f}**" for total in totals), f"{budgeted:.0f}"])
    report.table(
        [
            "table, part",
            "bytes a row, plain",
            *(f"{home}, bytes a transaction" for home in measured),
            "budget",
        ],
        rows,
    )
    report.data |= {"parts": measured}


def _row(parts: Sequence[Part], budget: Budget, transactions: int) -> list[str]:
    first = parts[0]
    figures = [f"{part.bytes / transactions:.1f}" for part in parts]
    return [
        f"`{first.table}`, {first.name}",
        f"{first.bytes / first.rows:.1f}",
        *figures,
        f"{budget.bytes_per_transaction:g}",
    ]


def _write_columnstore(report: Report, stores: list[_Columnstore], rowstore: list[Part]) -> None:
    if not stores:
        report.say(f"Columnstore was not measured: {DSN_VARIABLES[COMMUNITY]} names no server.")
        return
    report.say(
        "In the Community home with the chunk converted to the columnstore (`timescaledb.orderby`,\n"
        "`timescaledb.segmentby`), and what reading costs before and after: a block, one transaction, the\n"
        "logs of a block. Everything in memory, medians."
    )
    rows = [
        [
            f"`{each.table}` ordered by {each.order_by}, segmented by {each.segment_by or 'nothing'}",
            f"{each.before:.0f}",
            f"**{each.after:.0f}**",
            f"{each.before / each.after:.1f}",
            f"{each.converted_in_s:.1f}",
            f"{each.lookup_before_us:.0f}",
            f"{each.lookup_after_us:.0f}",
        ]
        for each in stores
    ]
    report.table(
        [
            "",
            "rowstore, bytes a row",
            "columnstore",
            "times smaller",
            "conversion, s",
            "read before, µs",
            "after, µs",
        ],
        rows,
    )
    count = {part.table: part.rows for part in rowstore}
    best: dict[str, float] = {}
    for each in stores:
        best.setdefault(each.table, each.after * count[each.table] / count["transactions"])
    facts = sum(best.values())
    locations = (
        sum(part.bytes for part in rowstore if part.table.endswith("locations")) / count["transactions"]
    )
    report.say(
        "Facts in the columnstore without segments, and locations as they are: "
        f"**{facts + locations:.0f} bytes\na transaction**, {locations:.0f} of which are locations."
    )
    report.data |= {"columnstore": stores, "bytes_per_transaction_columnstore": facts + locations}


if __name__ == "__main__":
    main()
