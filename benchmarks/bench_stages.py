"""Where a backfill worker's time goes, block by block, and what that allows beside `psql \\copy`."""

import gc
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks import chain, copying
from benchmarks.databases import PLAIN, running
from benchmarks.indexing import backfill
from benchmarks.replay import running_replay
from benchmarks.report import Figures, Report, note, options
from indexer.rows import BlockRows, block_rows, copy_payloads
from node.checks import check_block, unverifiable_parts
from node.jsonrpc import BLOCK, RECEIPTS_OF_BLOCK, decode_one, split_batch
from node.wire import FetchedBlock

FIRST, BATCH, COMMIT_ROWS = 200, 10, 20_000
TARGET = 0.70
STAGES = {
    "split": "cut two answers of 10 blocks",
    "decode": "JSON into typed values",
    "check": "invariant 5, light: header hash, links, bloom, counts",
    "rows": "every column of five tables as COPY wants it",
    "join": "one COPY stream for each table and commit",
}


def main() -> None:
    given = options(__doc__ or "")
    path = chain.recording()
    blocks = chain.QUICK_BLOCKS if given.quick else chain.MEASURED_BLOCKS
    recording = chain.load(path, FIRST + blocks)
    batches = list(zip(_batches(recording.blocks), _batches(recording.receipts), strict=True))
    costs: dict[str, list[float]] = defaultdict(list)
    rates: list[float] = []
    with ExitStack() as stack:
        server = stack.enter_context(running(PLAIN))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="copy-", dir=chain.FOLDER)))
        report = Report("stages", "Where a worker's time goes", {server.home: server.version})
        with running_replay(path, blocks) as replay, server.fresh() as dsn:
            backfill(dsn, replay, blocks, workers=2)
            files = copying.dump(dsn, folder, blocks, 1)
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)  # as a worker does
        for round_ in range(given.rounds):
            for name, seconds in _measure(batches).items():
                costs[name].append(1e6 * seconds / blocks)
            with server.fresh() as dsn:
                rates.append(blocks / copying.load(dsn, files).seconds)
            note(f"round {round_ + 1}: {sum(each[-1] for each in costs.values()):.0f} µs/block in Python")
    _write(report, costs, rates, blocks)
    report.finish(given)


def _batches(results: Sequence[bytes]) -> list[bytes]:
    """Answers as the replay server gives them."""
    wrapped = [
        b'{"jsonrpc":"2.0","id":%d,"result":%b}' % (index % BATCH, result)
        for index, result in enumerate(results[FIRST:])
    ]
    return [b"[" + b",".join(wrapped[at : at + BATCH]) + b"]" for at in range(0, len(wrapped), BATCH)]


def _measure(batches: Sequence[tuple[bytes, bytes]]) -> dict[str, float]:
    """Seconds in each stage over all batches, in the order and with the calls of a worker."""
    spent = dict.fromkeys(STAGES, 0.0)
    gathered: list[BlockRows] = []
    now = time.perf_counter
    for blocks_answer, receipts_answer in batches:
        started = now()
        blocks, receipts = split_batch(blocks_answer, BATCH), split_batch(receipts_answer, BATCH)
        spent["split"] += now() - started
        assert blocks is not None
        assert receipts is not None
        for position in range(BATCH):
            at = now()
            block = decode_one(blocks[position], BLOCK, position, endpoint="", method="")
            parts = decode_one(receipts[position], RECEIPTS_OF_BLOCK, position, endpoint="", method="")
            decoded = now()
            assert block is not None
            assert parts is not None
            assert not unverifiable_parts(block)
            header, consensus = check_block(block, parts, full=False)
            checked = now()
            gathered.append(
                block_rows(
                    FetchedBlock(
                        block=block,
                        receipts=parts,
                        size_bytes=len(blocks[position]) + len(receipts[position]),
                        header=header,
                        number=header.number,
                        consensus=consensus,
                        endpoint="",
                    )
                )
            )
            encoded = now()
            spent["decode"] += decoded - at
            spent["check"] += checked - decoded
            spent["rows"] += encoded - checked
        if sum(rows.rows for rows in gathered) >= COMMIT_ROWS:
            started = now()
            list(copy_payloads(gathered))
            spent["join"] += now() - started
            gathered = []
    return spent


def _write(report: Report, costs: dict[str, list[float]], rates: list[float], blocks: int) -> None:
    sums = [sum(each) for each in zip(*costs.values(), strict=True)]
    report.say(
        "What one Python process does for each block of 20 transactions and 29 logs, whatever fetching,\n"
        f"COPY and PostgreSQL cost: {blocks:,} recorded blocks, no network, no database."
    )
    report.table(
        ["stage", "what", "µs a block"],
        [
            *([name, what, Figures(tuple(costs[name])).show(1)] for name, what in STAGES.items()),
            ["all", "", f"**{Figures(tuple(sums)).show(1)}**"],
        ],
    )
    bound, psql = Figures(tuple(1e6 / each for each in sums)), Figures(tuple(rates))
    ratio = Figures(tuple(a / b for a, b in zip(bound.values, psql.values, strict=True)))
    report.table(
        ["no worker can pass, blocks/s", "one psql, blocks/s", "best possible ratio", "target of one worker"],
        [[bound.show(), psql.show(), f"**{ratio.show(2)}**", f"{TARGET:.2f}"]],
    )
    report.say(
        f"The target leaves {1e6 / (TARGET * psql.median):.0f} µs a block for everything; the stages above\n"
        f"take {statistics.median(sums):.0f}. psql needs {1e6 / psql.median:.0f} µs for the same rows,\n"
        "since this schema has no index but the primary keys."
    )
    report.data |= {"stages": costs, "psql": psql, "bound": bound, "ratio": ratio}


if __name__ == "__main__":
    main()
