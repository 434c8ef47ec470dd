"""What meaning costs: facts with all that is derived from them, against the facts alone; reorgs; growth."""

import time
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field

import psycopg
import uvloop

from benchmarks import chain
from benchmarks.databases import PLAIN, TIMESCALE, Server, running
from benchmarks.indexing import backfill
from benchmarks.made_chains import REPEATED
from benchmarks.market_abi import register_market
from benchmarks.replay import Replay, running_replay
from benchmarks.report import Figures, Report, note, options
from indexer.chain import Link
from indexer.derive import deriver
from indexer.derive.registry import REGISTRY
from indexer.rows import BlockRows, block_rows
from indexer.writer import Branch, derive_next, replace, store
from node.client import NodeClient
from node.settings import NodeSettings
from postgres.connections import Connection
from postgres.pool import DatabaseSettings, connect

WORKERS = (1, 2)
RATIO_TARGET, REORG_TARGET, GROWTH_TARGET = 0.60, 1.5, 0.8
REORG_BLOCKS, REORG_BASE = 64, 1_000
GROWTH_BLOCKS, QUICK_GROWTH_BLOCKS = 100_000, 5_000
ROWS_PER_COMMIT = 100_000
"""The shipped `derive.rows_per_commit`."""

_TABLES = tuple(table for each in REGISTRY for table in each.tables)

Runs = dict[str, list[float]]


def main() -> None:
    given = options(__doc__ or "")
    path = chain.recording()
    blocks = chain.QUICK_BLOCKS if given.quick else chain.MEASURED_BLOCKS
    runs: dict[str, Runs] = {}
    with ExitStack() as stack:
        servers = [stack.enter_context(running(home)) for home in (PLAIN, TIMESCALE)]
        report = Report("derive", "What meaning costs", {each.home: each.version for each in servers})
        sides = [_Sides(server, blocks) for server in servers]
        with running_replay(path, blocks) as replay:
            for round_ in range(given.rounds):
                for each in sides:
                    each.measure(replay, round_)
        runs = {each.server.home: each.runs for each in sides}
        rows = sides[0].rows
        growth_blocks = QUICK_GROWTH_BLOCKS if given.quick else GROWTH_BLOCKS
        with running_replay(path, growth_blocks, REPEATED) as replay:
            reorgs = [uvloop.run(_reorg(servers[0], replay)) for _ in range(given.rounds)]
            # One run: of tenths of it, so that other work on the machine falls on both.
            tenths = _growth(servers[0], replay, growth_blocks)
    _write(report, runs, rows, reorgs, tenths, growth_blocks)
    report.finish(given)


@dataclass(slots=True)
class _Sides:
    """The facts alone and with everything, in one home."""

    server: Server
    blocks: int
    runs: Runs = field(default_factory=lambda: defaultdict(list))
    rows: dict[str, int] = field(default_factory=dict)

    def measure(self, replay: Replay, round_: int) -> None:
        order = [(count, derives) for count in WORKERS for derives in (False, True)]
        # Whoever comes first meets another state of the machine: alternate.
        for count, derives in reversed(order) if round_ % 2 else order:
            with self.server.fresh() as dsn:
                uvloop.run(register_market(dsn))
                done = backfill(dsn, replay, self.blocks, workers=count, derives=derives)
                name = f"{'everything' if derives else 'facts'} {count}"
                self.runs[name].append(done.blocks_per_s_to_the_end)
                self.runs[f"{name} cpu"].append(1e6 * done.cpu_s / self.blocks)
                note(f"{self.server.home}, {name}: {self.runs[name][-1]:,.0f} blocks/s")
                if derives:
                    self.rows = _counts(dsn)


def _counts(dsn: str) -> dict[str, int]:
    with psycopg.connect(dsn) as connection:
        counted = {}
        for table in _TABLES:
            row = connection.execute(f"SELECT count(*) FROM chain.{table}".encode()).fetchone()
            assert row is not None
            counted[table] = row[0]
        return counted


async def _reorg(server: Server, replay: Replay) -> dict[str, float]:
    """Seconds of one transaction that stores and derives 64 blocks, and of one that replaces them."""
    with server.fresh("bench_reorg") as dsn:
        backfill(dsn, replay, REORG_BASE, workers=1, derives=True)
        connection = await connect(DatabaseSettings(dsn))
        try:
            rows = await _rows(replay, REORG_BASE - 1, REORG_BASE + 5 * REORG_BLOCKS)
            took: dict[str, list[float]] = {"singly": [], "index": [], "replace": []}
            for turn in range(5):
                first = 1 + turn * REORG_BLOCKS
                batch = rows[first : first + REORG_BLOCKS]
                branch = Branch(_link(rows[first - 1]), _link(batch[-1]))
                began = time.perf_counter()
                for block in batch:
                    await store(connection, [block], finalized=-1, derives=True)
                took["singly"].append(time.perf_counter() - began)
                await _require_derived(connection, batch[-1].number)
                began = time.perf_counter()
                await replace(connection, branch, batch, finalized=-1, epoch=None, derives=True)
                took["replace"].append(time.perf_counter() - began)
                await _require_derived(connection, batch[-1].number)
                # Once more without what is there: a branch of one block, then the rest at once.
                await replace(connection, branch, batch[:1], finalized=-1, epoch=None, derives=True)
                began = time.perf_counter()
                await store(connection, batch[1:], finalized=-1, derives=True)
                seconds = time.perf_counter() - began
                took["index"].append(seconds * REORG_BLOCKS / (REORG_BLOCKS - 1))
                await _require_derived(connection, batch[-1].number)
        finally:
            await connection.close()
    best = {name: min(seconds) for name, seconds in took.items()}
    shown = ", ".join(f"{name} {seconds:.3f} s" for name, seconds in best.items())
    note(f"64 blocks: {shown}")
    return best


async def _rows(replay: Replay, first: int, end: int) -> list[BlockRows]:
    async with NodeClient(NodeSettings(urls=(replay.url,))) as node:
        fetched = []
        for start in range(first, end, 20):
            fetched += await node.fetch_blocks(range(start, min(start + 20, end)), full=False)
        return [block_rows(block) for block in fetched]


def _link(rows: BlockRows) -> Link:
    return Link(rows.number, rows.hash, rows.parent_hash)


async def _require_derived(connection: Connection, number: int) -> None:
    behind = [each for each in await deriver.positions(connection) if each.derived_to != number]
    if behind:
        raise RuntimeError(f"not derived up to block {number}: {behind}")


def _growth(server: Server, replay: Replay, blocks: int) -> list[float]:
    """Blocks per second of deriving alone in each tenth of a chain whose facts are all stored."""
    with server.fresh("bench_growth") as dsn:
        note(f"storing {blocks:,} blocks to derive from …")
        backfill(dsn, replay, blocks, workers=2)
        return uvloop.run(_derive_by_tenths(dsn, blocks))


async def _derive_by_tenths(dsn: str, blocks: int) -> list[float]:
    connection = await connect(DatabaseSettings(dsn, statement_timeout_s=600))
    try:
        await connection.execute("ANALYZE")
        await deriver.register(connection, 0)
        reached: list[tuple[int, float]] = [(0, time.perf_counter())]
        while (derived := await derive_next(connection, ROWS_PER_COMMIT)) is not None:
            reached.append((derived.last + 1, time.perf_counter()))
    finally:
        await connection.close()
    rates = []
    for part in range(10):
        begin = next(each for each in reached if each[0] >= blocks * part // 10)
        until = next(each for each in reached if each[0] >= blocks * (part + 1) // 10)
        rates.append((until[0] - begin[0]) / (until[1] - begin[1]))
    note("derived, blocks/s by tenth: " + ", ".join(f"{rate:,.0f}" for rate in rates))
    return rates


def _write(
    report: Report,
    measured: dict[str, Runs],
    rows: dict[str, int],
    reorgs: list[dict[str, float]],
    tenths: list[float],
    growth_blocks: int,
) -> None:
    report.say(
        "`pend-index backfill` as shipped, with `derive.enabled` and without, of the same replayed chain\n"
        "into empty databases: from the first block asked of the node to the last commit, which with\n"
        "everything is the one that derives the last block. The markets' ABI is registered: every event and\n"
        "call is decoded."
    )
    table = []
    for home, runs in measured.items():
        for count in WORKERS:
            facts, everything = (Figures(tuple(runs[f"{side} {count}"])) for side in ("facts", "everything"))
            ratios = Figures(tuple(a / b for a, b in zip(everything.values, facts.values, strict=True)))
            table.append(
                [
                    f"{home}, {count}",
                    facts.show(),
                    everything.show(),
                    f"**{ratios.show(2)}**",
                    f"≥ {RATIO_TARGET:.2f}",
                ]
            )
    report.table(["home, workers", "facts, blocks/s", "everything, blocks/s", "ratio", "target"], table)
    made = ", ".join(f"{name} {count:,}" for name, count in rows.items() if count)
    report.say(f"Rows derived: {made}.")
    report.say(
        f"A reorg: {REORG_BLOCKS} blocks of 20 transactions stored and derived one by one, as at the head,\n"
        "then taken back and stored and derived anew in one transaction, as a reorg does; and the same\n"
        "blocks stored and derived in one transaction. The best of five each, seconds."
    )
    table = []
    for name, label in (("singly", "block by block"), ("index", "in one transaction")):
        index = Figures(tuple(each[name] for each in reorgs))
        swap = Figures(tuple(each["replace"] for each in reorgs))
        ratio = Figures(tuple(each["replace"] / each[name] for each in reorgs))
        table.append([label, index.show(3), swap.show(3), f"**{ratio.show(2)}**", f"≤ {REORG_TARGET}"])
    report.table(["indexed", "seconds", "replaced, seconds", "ratio", "target"], table)
    report.say(
        f"Growth: deriving alone, {growth_blocks:,} blocks of 20 transactions, their facts all stored."
    )
    report.table(
        ["tenth", "blocks/s", "of the first", "target"],
        [
            [
                f"{part + 1}",
                f"{rate:,.0f}",
                f"**{rate / tenths[0]:.2f}**" if part == 9 else f"{rate / tenths[0]:.2f}",
                f"≥ {GROWTH_TARGET}" if part == 9 else "",
            ]
            for part, rate in enumerate(tenths)
        ],
    )
    report.data |= {"runs": measured, "rows": rows, "reorgs_s": reorgs, "tenths": tenths}


if __name__ == "__main__":
    main()
