"""Blocks from the node in order, several batches ahead, never more bytes than allowed (LESSONS 21).

The next batches are fetched while the caller stores the last ones. An answer is read only when its turn
comes, block by block, and each block's rows are made before the next is read (node.block_parts.read_block).
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from indexer.rows import BlockRows, UnstorableValue, block_rows
from node.block_parts import UnreadBlock, read_block
from node.client import NodeClient
from node.errors import BlockMissing, NodeError, NodeInconsistent
from node.wire import FetchedBlock

# JSON bytes that one batch should hold: more gains nothing (PERF.md 4.6), less pays per request.
_BATCH_TARGET_BYTES = 2 * 1024 * 1024

# Batches in flight to begin with; more as soon as the caller has to wait. What arrives long before it is
# read has left the processor's cache by then.
_AHEAD_FIRST = 2


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


_Answers: TypeAlias = Sequence[UnreadBlock] | Sequence[FetchedBlock] | None


@dataclass(slots=True)
class Pace:
    """What was learnt about a node and its blocks, kept from one range to the next."""

    # Batches in flight; more as soon as the caller has to wait.
    ahead: int = _AHEAD_FIRST
    # What one block takes, its answer and its rows. The guess asks for few at first: a batch of blocks of
    # 2 MB is not to be found out afterwards.
    block_bytes: float = 512 * 1024.0
    is_guessed: bool = True

    def learn(self, blocks: Sequence[BlockRows]) -> None:
        if blocks:
            seen = sum(rows.memory_bytes + rows.fetched_bytes for rows in blocks) / len(blocks)
            self.block_bytes = seen if self.is_guessed else max(seen, 0.7 * self.block_bytes + 0.3 * seen)
            self.is_guessed = False


@dataclass(slots=True)
class _Queue:
    """Bytes of answers that have come and were not read yet."""

    bytes: int = 0


async def fetch_in_order(
    node: NodeClient,
    first: int,
    last: int,
    limits: FetchLimits,
    *,
    full: bool,
    on_queue_bytes: Callable[[int], None],
    pace: Pace | None = None,
) -> AsyncGenerator[list[BlockRows | Poison], None]:
    """Yield blocks `first`…`last` in order, a batch at a time; a poison block takes its place in order.

    Raises the node's retryable errors when its deadline is over, and its fatal ones at once.
    """
    pace, queue, next_number = pace or Pace(), _Queue(), first
    pending: deque[tuple[range, asyncio.Task[_Answers]]] = deque()
    try:
        while pending or next_number <= last:
            while next_number <= last and len(pending) < min(pace.ahead, limits.in_flight_max):
                blocks = max(1, min(limits.batch_blocks_max, int(_BATCH_TARGET_BYTES / pace.block_bytes)))
                expected = (len(pending) + 1) * blocks * pace.block_bytes
                if pending and expected > limits.queue_bytes_max:
                    break
                numbers = range(next_number, min(next_number + blocks, last + 1))
                pending.append((numbers, asyncio.create_task(_fetch(node, numbers, queue, full=full))))
                next_number = numbers.stop
            numbers, task = pending.popleft()
            if not task.done():
                # Waiting for the node: the next batches must be asked for earlier.
                pace.ahead = min(pace.ahead + 1, limits.in_flight_max)
            answers = await task
            on_queue_bytes(queue.bytes)
            queue.bytes -= _bytes(answers)
            del task
            batch = await _to_rows(node, numbers, answers, full=full)
            del answers
            pace.learn([rows for rows in batch if isinstance(rows, BlockRows)])
            yield batch
            on_queue_bytes(queue.bytes)
    finally:
        for _, task in pending:
            task.cancel()
        await asyncio.gather(*(task for _, task in pending), return_exceptions=True)


async def _fetch(node: NodeClient, numbers: range, queue: _Queue, *, full: bool) -> _Answers:
    """Answers about `numbers`: unread, or read where that way failed; None where one of them is at odds."""
    answers: _Answers
    try:
        answers = await node.fetch_unread(numbers)
    except NodeError:
        answers = None
    if answers is None:
        try:
            answers = await node.fetch_blocks(numbers, full=full)
        except (NodeInconsistent, BlockMissing):
            return None
    queue.bytes += _bytes(answers)
    return answers


def _bytes(answers: _Answers) -> int:
    return sum(each.size_bytes for each in answers or ())


async def _to_rows(
    node: NodeClient, numbers: range, answers: _Answers, *, full: bool
) -> list[BlockRows | Poison]:
    """Rows of the answers; from the first that cannot be stored on, what asking again brings."""
    batch: list[BlockRows | Poison] = []
    for each in answers or ():
        try:
            fetched = read_block(each, full=full) if isinstance(each, UnreadBlock) else each
            if fetched is None:
                break
            batch.append(block_rows(fetched))
        except NodeInconsistent as error:
            node.observer.on_inconsistent(error.inconsistency)
            break
        except (NodeError, UnstorableValue):
            break
        # A COPY in progress needs several turns of the loop: +17 to 49 % (PERF.md 4.4).
        await asyncio.sleep(0)
    if len(batch) < len(numbers):
        batch += await _fetch_rows(node, numbers[len(batch) :], full=full)
    return batch


async def _fetch_rows(node: NodeClient, numbers: range, *, full: bool) -> list[BlockRows | Poison]:
    """Rows by asking anew, until every block that cannot be stored is found; its neighbours are kept."""
    try:
        return [block_rows(fetched) for fetched in await node.fetch_blocks(numbers, full=full)]
    except (NodeInconsistent, BlockMissing, UnstorableValue) as error:
        if len(numbers) == 1:
            return [_poison(numbers[0], error)]
    middle = numbers[len(numbers) // 2]
    below = await _fetch_rows(node, range(numbers.start, middle), full=full)
    return below + await _fetch_rows(node, range(middle, numbers.stop), full=full)


def _poison(number: int, error: NodeInconsistent | BlockMissing | UnstorableValue) -> Poison:
    match error:
        case NodeInconsistent(inconsistency=kind, block_hash=text):
            return Poison(number, bytes.fromhex(text[2:]) if text else None, kind, str(error))
        case BlockMissing():
            return Poison(number, None, "missing", str(error))
        case _:
            return Poison(number, None, "unstorable_value", str(error))
