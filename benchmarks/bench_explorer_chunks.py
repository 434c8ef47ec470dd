"""Does history slow the explorer down: each endpoint on TimescaleDB with 1,000 chunks, beside 10."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median

import psycopg

from benchmarks import chain
from benchmarks.bench_explorer_mix import alone
from benchmarks.databases import TIMESCALE, Server, running
from benchmarks.explored import BUSIEST
from benchmarks.http_load import explorer
from benchmarks.indexing import backfill
from benchmarks.replay import running_replay
from benchmarks.report import Report, note, options

CHUNKS = (10, 1_000)
BLOCKS, QUICK_BLOCKS = 8_000, 2_000
TARGET = 3.0


def main() -> None:
    given = options(__doc__ or "")
    blocks = QUICK_BLOCKS if given.quick else BLOCKS
    seen: dict[int, dict[str, list[float]]] = {count: {} for count in CHUNKS}
    versions: dict[str, str] = {}
    with ExitStack() as stack:
        urls: dict[int, str] = {}
        server = stack.enter_context(running(TIMESCALE))
        versions["PostgreSQL"] = server.version
        for count in CHUNKS:
            dsn = stack.enter_context(_database(server, blocks, count))
            paths = _paths(dsn, blocks)
            served = stack.enter_context(explorer(dsn, cache__local_bytes_max=0, http__request_timeout_s=60))
            urls[count] = served.url
        for round_ in range(given.rounds):
            for count in CHUNKS:
                for name, path in paths.items():
                    seen[count].setdefault(name, []).append(median(alone(urls[count], [path])))
            note(f"round {round_ + 1} of {given.rounds}")
    report = Report("explorer_chunks", "The explorer API over many chunks", versions)
    _write(report, seen, blocks)
    report.finish(given)


@contextmanager
def _database(server: Server, blocks: int, chunks: int) -> Iterator[str]:
    """The DSN of a database of its own with everything derived."""
    with server.fresh(f"bench_{chunks}") as dsn, running_replay(chain.recording(), blocks) as replay:
        with psycopg.connect(dsn) as connection:
            # Far smaller than the settings allow, so that few blocks make many chunks.
            connection.execute("SELECT chain.resize_chunks(%s)", (blocks // chunks,))
        note(f"indexing {blocks:,} blocks into {chunks:,} chunks a table …")
        backfill(dsn, replay, blocks, workers=1, derives=True)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("ANALYZE")
        yield dsn


def _paths(dsn: str, blocks: int) -> dict[str, str]:
    with psycopg.connect(dsn) as connection:

        def one(statement: str) -> str:
            row = connection.execute(statement.encode()).fetchone()
            assert row is not None, statement
            return f"0x{row[0].hex()}"

        busiest = one(BUSIEST)
        token = one("SELECT token FROM chain.tokens WHERE standard = 20 ORDER BY transfer_count DESC LIMIT 1")
        middle = blocks // 2
        transaction = one(f"SELECT hash FROM chain.transactions WHERE block_number = {middle} LIMIT 1")
        block = one(f"SELECT hash FROM chain.blocks WHERE number = {middle}")
        holder = one("SELECT holder FROM chain.token_balances ORDER BY transfer_count DESC LIMIT 1")
    address = f"addresses/{busiest}"
    return {
        name: f"/api/v1/{path}"
        for name, path in {
            "latest blocks": "blocks?limit=25",
            "block by number": f"blocks/{middle}",
            "block by hash": f"blocks/{block}",
            "block's transactions": f"blocks/{middle}/transactions",
            "block's logs": f"blocks/{middle}/logs",
            "latest transactions": "transactions?limit=25",
            "failed transactions": "transactions?status=failed",
            "transaction by hash": f"transactions/{transaction}",
            "transaction's logs": f"transactions/{transaction}/logs",
            "address": address,
            "address's transactions": f"{address}/transactions",
            "address's token transfers": f"addresses/{holder}/token-transfers",
            "address's tokens": f"addresses/{holder}/tokens",
            "address's logs": f"{address}/logs",
            "tokens": "tokens",
            "token": f"tokens/{token}",
            "token's holders": f"tokens/{token}/holders",
            "token's transfers": f"tokens/{token}/transfers",
            "contract's events": f"contracts/{token}/events",
            "events of an address": f"events?address={token}",
            "search": f"search?q={transaction[:14]}",
            "stats": "network/stats",
            "chart": "network/charts/transactions?interval=hour",
            "wallets": "wallets",
        }.items()
    }


def _write(report: Report, seen: dict[int, dict[str, list[float]]], blocks: int) -> None:
    few, many = CHUNKS
    report.say(
        f"{blocks:,} blocks of about 20 transactions, each hypertable in {few} or {many:,} chunks; one "
        f"question at a time, nothing kept; medians. Wanted: at {many:,} chunks at most {TARGET:g} times as "
        "long."
    )
    report.say(
        "Logs, events and token transfers of a contract, and lists with a filter, are looked for in windows "
        "that begin with 2,000 to 100,000 blocks. At the shipped 100,000 blocks a chunk that is one chunk or "
        f"two; with the {blocks // many} blocks a chunk of this measurement it is hundreds. "
        "Wallets name blocks here and there; TimescaleDB 2.19 takes no bounds from `= ANY (array)` and "
        "plans all chunks between the lowest and the highest."
    )
    rows = []
    for name in seen[few]:
        usual, heavy = median(seen[few][name]), median(seen[many][name])
        missed = "" if heavy <= TARGET * usual else " MISSED"
        rows.append([name, f"{usual:.1f}", f"{heavy:.1f}", f"{heavy / usual:.2f}{missed}"])
    report.table(("", f"ms, {few} chunks", f"ms, {many:,} chunks", "ratio"), rows)
    report.data = {str(count): values for count, values in seen.items()}


if __name__ == "__main__":
    main()
