"""Blocks from the node in order, several batches ahead, never more bytes than allowed (LESSONS 21).

The next batches are fetched and turned into rows while the caller stores the last ones.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from indexer.rows import BlockRows, UnstorableValue, block_rows
from node.client import NodeClient
from node.errors import BlockMissing, NodeInconsistent
from node.wire import FetchedBlock

# JSON bytes that one batch should hold: more gains nothing (PERF.md 4.6), less pays per request.
_BATCH_TARGET_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How far ahead to fetch: batches in flight, blocks per batch, bytes held in all."""

    in_flight_max: int
    batch_blocks_max: int
    queue_bytes_max: int


@dataclass(frozen=True, slots=True)
class Poison:
    """A block that the node cannot give in a state that may be stored, and why."""

    number: int
    hash: bytes | None
    kind: str
    reason: str


@dataclass(slots=True)
class _Sizes:
    """Bytes held now, and what one block takes: rows as hex text plus the answer they came from."""

    held: int = 0
    block: float = 4096.0

    def learn(self, blocks: list[BlockRows]) -> None:
        if blocks:
            seen = sum(rows.memory_bytes + rows.fetched_bytes for rows in blocks) / len(blocks)
            self.block = max(seen, 0.7 * self.block + 0.3 * seen)


async def fetch_in_order(
    node: NodeClient,
    first: int,
    last: int,
    limits: FetchLimits,
    *,
    full: bool,
    on_queue_bytes: Callable[[int], None],
) -> AsyncGenerator[list[BlockRows | Poison], None]:
    """Yield blocks `first`…`last` in order, a batch at a time; a poison block takes its place in order.

    Raises the node's retryable errors when its deadline is over, and its fatal ones at once.
    """
    sizes, next_number = _Sizes(), first
    pending: deque[asyncio.Task[list[BlockRows | Poison]]] = deque()
    try:
        while pending or next_number <= last:
            while next_number <= last and len(pending) < limits.in_flight_max:
                blocks = max(1, min(limits.batch_blocks_max, int(_BATCH_TARGET_BYTES / sizes.block)))
                expected = sizes.held + (len(pending) + 1) * blocks * sizes.block
                if pending and expected > limits.queue_bytes_max:
                    break
                numbers = range(next_number, min(next_number + blocks, last + 1))
                pending.append(asyncio.create_task(_fetch_rows(node, numbers, sizes, full=full)))
                next_number = numbers.stop
            batch = await pending.popleft()
            on_queue_bytes(sizes.held)
            yield batch
            sizes.held -= _held(batch)
            on_queue_bytes(sizes.held)
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


def _held(batch: list[BlockRows | Poison]) -> int:
    return sum(rows.memory_bytes for rows in batch if isinstance(rows, BlockRows))


async def _fetch_rows(
    node: NodeClient, numbers: range, sizes: _Sizes, *, full: bool
) -> list[BlockRows | Poison]:
    try:
        batch = await _to_rows(await node.fetch_blocks(numbers, full=full))
    except (NodeInconsistent, BlockMissing, UnstorableValue) as error:
        # One block spoils its batch: find it, keep its neighbours.
        if len(numbers) > 1:
            middle = numbers[len(numbers) // 2]
            below = await _fetch_rows(node, range(numbers.start, middle), sizes, full=full)
            return below + await _fetch_rows(node, range(middle, numbers.stop), sizes, full=full)
        return [_poison(numbers[0], error)]
    sizes.learn(batch)
    sizes.held += sum(rows.memory_bytes for rows in batch)
    return list(batch)


async def _to_rows(fetched: list[FetchedBlock]) -> list[BlockRows]:
    rows = []
    for block in fetched:
        rows.append(block_rows(block))
        # A COPY in progress needs several turns of the loop: +17 to 49 % (PERF.md 4.4).
        await asyncio.sleep(0)
    return rows


def _poison(number: int, error: NodeInconsistent | BlockMissing | UnstorableValue) -> Poison:
    match error:
        case NodeInconsistent(inconsistency=kind, block_hash=text):
            return Poison(number, bytes.fromhex(text[2:]) if text else None, kind, str(error))
        case BlockMissing():
            return Poison(number, None, "missing", str(error))
        case _:
            return Poison(number, None, "unstorable_value", str(error))
