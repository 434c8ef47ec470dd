"""Backfill from a live node (anvil) against the same client when it only fetches."""

import asyncio
import time
from contextlib import ExitStack
from dataclasses import dataclass

import uvloop

from benchmarks import chain
from benchmarks.databases import PLAIN, running
from benchmarks.indexing import backfill
from benchmarks.report import Figures, Report, note, options
from node.block_parts import read_block
from node.client import NodeClient, NodeSettings

BLOCKS, QUICK_BLOCKS = 2_000, 600
TARGET = 0.75
# Commits often enough that a short chain has many of them.
_COMMIT_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class _LiveNode:
    """anvil says nothing about when it was asked."""

    url: str

    def reset(self) -> None: ...

    def first_block_at(self) -> None:
        return None


def main() -> None:
    given = options(__doc__ or "")
    blocks = QUICK_BLOCKS if given.quick else BLOCKS
    fetched: list[float] = []
    indexed: list[float] = []
    with ExitStack() as stack:
        note(f"making {blocks:,} blocks on anvil …")
        node = _LiveNode(stack.enter_context(chain.live(blocks)).http_url)
        server = stack.enter_context(running(PLAIN))
        report = Report("live_node", "Backfill from a live node", {server.home: server.version})
        for round_ in range(given.rounds):
            for fetch in (True, False) if round_ % 2 == 0 else (False, True):
                if fetch:
                    fetched.append(uvloop.run(_fetch_only(node.url, blocks)))
                    note(f"round {round_ + 1}, fetching: {fetched[-1]:,.0f} blocks/s")
                    continue
                with server.fresh() as dsn:
                    done = backfill(dsn, node, blocks, workers=1, backfill__commit_rows=_COMMIT_ROWS)
                indexed.append(done.steady_blocks_per_s)
                note(f"round {round_ + 1}, indexing: {indexed[-1]:,.0f} blocks/s")
    only, ours = Figures(tuple(fetched)), Figures(tuple(indexed))
    ratios = Figures(tuple(b / a for a, b in zip(only.values, ours.values, strict=True)))
    report.say(
        f"anvil with {blocks:,} blocks of 20 transactions, asked by one worker as shipped but for\n"
        f"`backfill.commit_rows` = {_COMMIT_ROWS:,}; the rate is taken from the first commit to the last.\n"
        "Against it the same client, batches and connections, which decodes and checks every block and\n"
        "throws it away. Node, indexer and database share the cores."
    )
    report.table(
        ["fetching only, blocks/s", "indexing, blocks/s", "ratio", "target"],
        [[only.show(), ours.show(), f"**{ratios.show(2)}**", f"≥ {TARGET:.2f}"]],
    )
    report.data |= {"blocks": blocks, "fetching": only, "indexing": ours, "ratio": ratios}
    report.finish(given)


async def _fetch_only(url: str, blocks: int) -> float:
    settings = NodeSettings(urls=(url,))
    batch = settings.batch_blocks_max
    batches = iter([range(first, min(first + batch, blocks)) for first in range(0, blocks, batch)])
    async with NodeClient(settings) as node:
        read: set[int] = set()

        async def work() -> None:
            for numbers in batches:
                for answer in await node.fetch_unread(numbers) or ():
                    read_block(answer, full=False)
                    read.add(answer.number)

        started = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(settings.connections_max)))
        seconds = time.perf_counter() - started
    if len(read) != blocks:
        raise RuntimeError(f"{len(read)} of {blocks} blocks were read")
    return blocks / seconds


if __name__ == "__main__":
    main()
