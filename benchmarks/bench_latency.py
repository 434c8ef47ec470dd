"""Backfill from a node that is 20 ms away against the same node next door."""

from contextlib import ExitStack

from benchmarks import chain
from benchmarks.databases import PLAIN, running
from benchmarks.indexing import backfill
from benchmarks.replay import running_replay
from benchmarks.report import Figures, Report, note, options

LATENCIES_MS = (0, 20)
TARGET = 0.85


def main() -> None:
    given = options(__doc__ or "")
    path = chain.recording()
    blocks = chain.QUICK_BLOCKS if given.quick else chain.MEASURED_BLOCKS
    rates: dict[int, list[float]] = {latency: [] for latency in LATENCIES_MS}
    with ExitStack() as stack:
        replay = stack.enter_context(running_replay(path, blocks))
        server = stack.enter_context(running(PLAIN))
        report = Report("latency", "Backfill from a distant node", {server.home: server.version})
        with server.fresh() as dsn:
            backfill(dsn, replay, blocks, workers=1)  # warms everything up
        for round_ in range(given.rounds):
            for latency in LATENCIES_MS if round_ % 2 == 0 else LATENCIES_MS[::-1]:
                replay.set_latency(latency)
                with server.fresh() as dsn:
                    done = backfill(dsn, replay, blocks, workers=1)
                rates[latency].append(done.blocks_per_s)
                note(f"round {round_ + 1}, {latency} ms: {done.blocks_per_s:,.0f} blocks/s")
    near, far = (Figures(tuple(rates[latency])) for latency in LATENCIES_MS)
    ratios = Figures(tuple(b / a for a, b in zip(near.values, far.values, strict=True)))
    report.say(
        f"One worker as shipped, {blocks:,} blocks of 20 transactions. The replay server waits 20 ms before\n"
        "each answer, and nothing else changes. Timed from the first block asked for to the last commit."
    )
    report.table(
        ["latency 0, blocks/s", "latency 20 ms, blocks/s", "ratio", "target"],
        [[near.show(), far.show(), f"**{ratios.show(2)}**", f"≥ {TARGET:.2f}"]],
    )
    report.data |= {"blocks": blocks, "near": near, "far": far, "ratio": ratios}
    report.finish(given)


if __name__ == "__main__":
    main()
