"""Backfill against a loop of web3.py that only fetches: blocks with transactions, and receipts."""

import asyncio
import time
from contextlib import ExitStack

from web3 import AsyncHTTPProvider, AsyncWeb3

from benchmarks import chain
from benchmarks.databases import PLAIN, running
from benchmarks.indexing import backfill
from benchmarks.replay import running_replay
from benchmarks.report import Figures, Report, note, options

TARGET = 20
# web3.py is slow: fewer blocks tell as much.
WEB3_BLOCKS, QUICK_WEB3_BLOCKS = 1_000, 200
CONCURRENCY = (1, 8)


def main() -> None:
    given = options(__doc__ or "")
    path = chain.recording()
    blocks = chain.QUICK_BLOCKS if given.quick else chain.MEASURED_BLOCKS
    few = QUICK_WEB3_BLOCKS if given.quick else WEB3_BLOCKS
    ours: list[float] = []
    theirs: dict[int, list[float]] = {count: [] for count in CONCURRENCY}
    with ExitStack() as stack:
        replay = stack.enter_context(running_replay(path, blocks))
        server = stack.enter_context(running(PLAIN))
        report = Report("web3", "Backfill against web3.py", {server.home: server.version})
        for round_ in range(given.rounds):
            with server.fresh() as dsn:
                ours.append(backfill(dsn, replay, blocks, workers=1).blocks_per_s)
            note(f"round {round_ + 1}, ours: {ours[-1]:,.0f} blocks/s")
            for count in CONCURRENCY:
                theirs[count].append(asyncio.run(_fetch(replay.url, few, count)))
                note(f"round {round_ + 1}, web3.py, {count} at a time: {theirs[count][-1]:,.0f} blocks/s")
    rates = Figures(tuple(ours))
    report.say(
        f"One worker as shipped over {blocks:,} blocks, from the first block asked for to the last commit\n"
        f"in PostgreSQL, against `AsyncWeb3` over the first {few:,}: `get_block(n, True)` and\n"
        "`get_block_receipts(n)`, results thrown away, no database at all. Same replay server, interleaved."
    )
    rows = []
    for count in CONCURRENCY:
        web3 = Figures(tuple(theirs[count]))
        ratios = Figures(tuple(a / b for a, b in zip(rates.values, web3.values, strict=True)))
        rows.append([f"{count}", rates.show(), web3.show(), f"**{ratios.show(1)}**", f"≥ {TARGET}"])
    report.table(["blocks at a time", "ours, blocks/s", "web3.py, blocks/s", "ratio", "target"], rows)
    report.data |= {"blocks": blocks, "ours": rates, "web3": theirs}
    report.finish(given)


async def _fetch(url: str, blocks: int, concurrency: int) -> float:
    web3 = AsyncWeb3(AsyncHTTPProvider(url))
    numbers = iter(range(blocks))

    async def work() -> None:
        for number in numbers:
            await web3.eth.get_block(number, True)
            await web3.eth.get_block_receipts(number)

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    seconds = time.perf_counter() - started
    await web3.provider.disconnect()
    return blocks / seconds


if __name__ == "__main__":
    main()
