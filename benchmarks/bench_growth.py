"""Does it slow down: the rate over 2,000,000 transactions, and a transaction by hash at 1,000 chunks."""

import random
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import psycopg
import uvloop

from benchmarks import chain
from benchmarks.databases import PLAIN, TIMESCALE, Server, running
from benchmarks.indexing import Indexed, backfill
from benchmarks.made_chains import REPEATED
from benchmarks.replay import Replay, raw_rate, running_replay
from benchmarks.report import Figures, Report, note, options
from postgres.connections import Connection
from postgres.pool import DatabaseSettings, connect

BLOCKS, QUICK_BLOCKS = 100_000, 10_000
RATE_TARGET = 0.85
CHUNKS = (10, 1_000)
CHUNKED_BLOCKS, QUICK_CHUNKED_BLOCKS = 8_000, 2_000
LOOKUP_TARGET = 2.0
LOOKUPS, QUICK_LOOKUPS = 2_000, 300
_CHUNKS_MADE = "SELECT count(*) FROM chain.fact_partitions('chain.transactions', -2)"
_HASHES = "SELECT hash FROM chain.transaction_locations ORDER BY hash"
# What a page of one transaction asks: where it is, then the row in the one chunk that holds it.
_LOCATION = "SELECT block_number, transaction_index FROM chain.transaction_locations WHERE hash = $1"
_TRANSACTION = "SELECT * FROM chain.transactions WHERE block_number = $1 AND transaction_index = $2"


def main() -> None:
    given = options(__doc__ or "")
    blocks = QUICK_BLOCKS if given.quick else BLOCKS
    path = chain.recording()
    tenths: list[list[float]] = []
    with ExitStack() as stack:
        plain = stack.enter_context(running(PLAIN))
        timescale = stack.enter_context(running(TIMESCALE))
        report = Report("growth", "Growth", {each.home: each.version for each in (plain, timescale)})
        note(f"making a chain of {blocks:,} blocks …")
        with running_replay(path, blocks, REPEATED) as replay:
            served = uvloop.run(raw_rate(replay.url, min(blocks, 10_000)))
            for round_ in range(given.rounds):
                tenths.append(_rates(plain, replay, blocks))
                shown = ", ".join(f"{rate:,.0f}" for rate in tenths[-1])
                note(f"round {round_ + 1}, blocks/s by tenth: {shown}")
        chunked = QUICK_CHUNKED_BLOCKS if given.quick else CHUNKED_BLOCKS
        lookups = QUICK_LOOKUPS if given.quick else LOOKUPS
        found = _lookups(timescale, path, chunked, lookups, given.rounds)
    _write_rates(report, tenths, blocks, served)
    _write_lookups(report, found, chunked, lookups)
    report.finish(given)


def _rates(server: Server, replay: Replay, blocks: int) -> list[float]:
    """Blocks per second in each tenth of one run."""
    with server.fresh() as dsn:
        done = backfill(dsn, replay, blocks, workers=1)
    assert done.first_block_at is not None
    return [_rate(done, blocks * part // 10, blocks * (part + 1) // 10) for part in range(10)]


def _rate(done: Indexed, first: int, end: int) -> float:
    """Between the commits with which `first` and `end` blocks were stored; commits do not end at either."""
    times, stored = [(0, done.first_block_at or 0.0)], 0
    for count, at in done.commits:
        stored += count
        times.append((stored, at))
    begin = next(each for each in times if each[0] >= first)
    until = next(each for each in times if each[0] >= end)
    return (until[0] - begin[0]) / (until[1] - begin[1])


def _lookups(
    server: Server, path: Path, blocks: int, lookups: int, rounds: int
) -> dict[int, dict[str, list[float]]]:
    """Microseconds of each step, the medians of the rounds, by how many chunks hold the same rows."""
    dsns: dict[int, str] = {}
    with ExitStack() as stack:
        replay = stack.enter_context(running_replay(path, blocks))
        for chunks in CHUNKS:
            dsns[chunks] = dsn = stack.enter_context(server.fresh(f"bench_{chunks}"))
            with psycopg.connect(dsn) as connection:
                # Far smaller than the settings allow, so that few blocks make many chunks.
                connection.execute("SELECT chain.resize_chunks(%s)", (blocks // chunks,))
            note(f"storing {blocks:,} blocks in {chunks:,} chunks …")
            backfill(dsn, replay, blocks, workers=1)
            with psycopg.connect(dsn) as connection:
                made = connection.execute(_CHUNKS_MADE).fetchone()
            if made != (chunks,):
                raise RuntimeError(f"{made} chunks of transactions were made instead of {chunks}")
        return uvloop.run(_measure(dsns, lookups, rounds))


async def _measure(dsns: dict[int, str], lookups: int, rounds: int) -> dict[int, dict[str, list[float]]]:
    connections = {chunks: await connect(DatabaseSettings(dsn)) for chunks, dsn in dsns.items()}
    found: dict[int, dict[str, list[float]]] = {
        chunks: {"location": [], "transaction": [], "both": []} for chunks in dsns
    }
    try:
        for connection in connections.values():
            await connection.execute("ANALYZE")
        known = [row["hash"] for row in await connections[CHUNKS[0]].fetch(_HASHES)]
        sample = random.Random(1).sample(known, lookups)
        for connection in connections.values():
            await _timed(connection, sample)  # warms up
        for round_ in range(rounds):
            for chunks, connection in connections.items():
                for name, micros in zip(found[chunks], await _timed(connection, sample), strict=True):
                    found[chunks][name].append(micros)
                note(f"round {round_ + 1}, {chunks:,} chunks: {found[chunks]['both'][-1]:,.0f} µs")
    finally:
        for connection in connections.values():
            await connection.close()
    return found


async def _timed(connection: Connection, hashes: list[bytes]) -> tuple[float, float, float]:
    """Medians in microseconds of the location, of the transaction, and of both in a row."""
    location = await connection.prepare(_LOCATION)
    transaction = await connection.prepare(_TRANSACTION)
    steps: list[tuple[float, float, float]] = []
    for hash_ in hashes:
        started = time.perf_counter()
        place = await location.fetchrow(hash_)
        located = time.perf_counter()
        assert place is not None
        row = await transaction.fetchrow(*place)
        ended = time.perf_counter()
        assert row is not None
        assert row["hash"] == hash_
        steps.append((located - started, ended - located, ended - started))
    location_s, transaction_s, both_s = (median(step) for step in zip(*steps, strict=True))
    return 1e6 * location_s, 1e6 * transaction_s, 1e6 * both_s


def _write_rates(report: Report, tenths: list[list[float]], blocks: int, served: float) -> None:
    report.say(
        f"One worker as shipped, one empty plain database, {blocks:,} blocks of 20 transactions in one run:\n"
        "2,000 recorded blocks again and again, with new numbers, links, block and "
        "transaction hashes, so that\n"
        "every tenth holds the same rows but for their keys. The rate of a tenth lies between two commits."
    )
    rows = []
    for part in range(10):
        here = Figures(tuple(each[part] for each in tenths))
        ratio = Figures(tuple(each[part] / each[0] for each in tenths))
        shown = f"**{ratio.show(2)}**" if part == 9 else ratio.show(2)
        target = f"≥ {RATE_TARGET}" if part == 9 else ""
        rows.append([f"{part + 1}", here.show(), shown, target])
    report.table(["tenth", "blocks/s", "of the first", "target"], rows)
    report.say(
        f"The replay server makes these blocks while it serves, {served:,.0f} blocks/s when nothing\n"
        "else runs, and shares the cores: only the ratio means something."
    )
    report.data |= {"tenths": tenths, "replay_blocks_per_s": served}


def _write_lookups(
    report: Report, found: dict[int, dict[str, list[float]]], blocks: int, lookups: int
) -> None:
    few, many = (found[chunks] for chunks in CHUNKS)
    report.say(
        f"A transaction by its hash: the same {blocks:,} blocks in {CHUNKS[0]} and in {CHUNKS[1]:,} chunks, "
        f"{lookups:,} hashes\nchosen at random, one session as the services open it "
        "(`plan_cache_mode = force_custom_plan`, prepared\nstatements), everything in memory. "
        "Medians over the hashes, then over the rounds, in microseconds."
    )
    rows = []
    for name, label in (
        ("location", "hash → block and index"),
        ("transaction", "the row by block and index"),
        ("both", "both"),
    ):
        first, second = Figures(tuple(few[name])), Figures(tuple(many[name]))
        ratio = Figures(tuple(b / a for a, b in zip(first.values, second.values, strict=True)))
        is_target = name == "both"
        shown = f"**{ratio.show(2)}**" if is_target else ratio.show(2)
        rows.append([label, first.show(), second.show(), shown, f"≤ {LOOKUP_TARGET}" if is_target else ""])
    report.table(["step", f"{CHUNKS[0]} chunks", f"{CHUNKS[1]:,} chunks", "ratio", "target"], rows)
    report.data |= {"lookups_us": {str(chunks): each for chunks, each in found.items()}}


if __name__ == "__main__":
    main()
