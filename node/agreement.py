"""Whether the endpoints are of one mind: their hashes of a height compared, now and then (LESSONS 6.9)."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from node.client import NodeClient


class Heights(NamedTuple):
    """The highest block that is stored, and the highest that can no longer change (-1: none)."""

    head: int
    finalized: int


async def watch_agreement(
    node: NodeClient, heights: Callable[[], Heights | None], *, interval_s: float = 5.0
) -> None:
    """Compare both heights every `interval_s`, for ever; `heights` may not know any yet.

    A difference above the finalized block is told to the node's observer only: it may be a fork that
    resolves itself. Raises EndpointsDisagree at or below it.
    """
    while True:
        await asyncio.sleep(interval_s)
        stored = heights()
        if stored is None:
            continue
        for number in sorted({stored.head, min(stored)}):
            if number >= 0:
                await node.check_agreement(number, finalized=stored.finalized)
