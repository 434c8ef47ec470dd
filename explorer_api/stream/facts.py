"""Rows of the outbox as messages: what each means on each channel, read in one statement for many rows."""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from explorer_api.stream import tellings
from explorer_api.stream.channels import BLOCKS, NAMED, REORGS, STATS, TRANSACTIONS, address_in
from explorer_api.stream.messages import Message, news, reorg
from explorer_api.stream.tellings import BLOCKS_MAX, ITEMS_MAX, is_range
from postgres.errors import Retryable
from postgres.queries import Query, load
from postgres.reader import Reader
from service.outbox import OutboxRow

queries = load("explorer")
log = structlog.get_logger(__name__)

Told = dict[str, Message]
"""The messages of one row by channel; a retraction stands under `reorgs` and is for everyone."""

SPAN_BLOCKS_MAX = 1_000
"""Between the lowest and the highest block of one statement: a chunk or two."""
_REMOVED_MAX = 1_000
_KEPT_BYTES_MAX = 16 * 1024 * 1024
_SEARCHED_MAX = 5_000
_STATS_BLOCKS = 100
_PAUSE_S = 0.5
_WORD_PADDING = bytes(12)


@dataclass(slots=True)
class Facts:
    """Reads what rows tell of; keeps what was told on the channels that everybody has."""

    reader: Reader
    _kept: "OrderedDict[tuple[int, str], Message | None]" = field(default_factory=OrderedDict)
    _kept_bytes: int = 0

    async def of(self, rows: Sequence[OutboxRow], channels: Collection[str]) -> list[Told]:
        """The messages of each row. Waits for a database that is away; fatal errors leave."""
        told: list[Told] = []
        for batch in batches(rows):
            told += await self._of_batch(batch, channels)
        return told

    async def stats(self, row: OutboxRow) -> Message:
        """How the chain is now, under the row's sequence."""
        head = await self._one(queries.select_stream_head)
        number = -1 if head is None or head["head_number"] is None else head["head_number"]
        found = await self._one(queries.select_stream_stats, number - _STATS_BLOCKS, number)
        assert found is not None
        return news(STATS, row.sequence, row.stamp, one_line(found["data"]))

    def forget(self) -> None:
        """History is another."""
        self._kept.clear()
        self._kept_bytes = 0

    async def _of_batch(self, rows: Sequence[OutboxRow], channels: Collection[str]) -> list[Told]:
        told: list[Told] = [{} for _ in rows]
        named = [name for name in (BLOCKS, TRANSACTIONS) if name in channels]
        others = [channel for channel in channels if channel not in NAMED]
        read = []
        for row, messages in zip(rows, told, strict=True):
            if row.kind == "reorg":
                messages[REORGS] = await self._reorg(row)
            elif row.kind != "blocks":
                _tell(messages, row, tellings.of_payload(row, others))
            elif is_range(row):
                _tell(messages, row, tellings.of_range(row, [*named, *others]))
            elif not others and self._recall(row, named, messages):
                continue
            else:
                read.append((row, messages))
        if read and (named or others):
            await self._read(read, named, others)
        return told

    async def _read(
        self, read: list[tuple[OutboxRow, Told]], named: Collection[str], others: Sequence[str]
    ) -> None:
        rows = [row for row, _ in read]
        addresses = [address_in(channel) for channel in others if channel.startswith("address:")]
        tokens = [address_in(channel) for channel in others if channel.startswith("token:")]
        limit = _SEARCHED_MAX if addresses else ITEMS_MAX + 1
        found = await self._many(
            queries.select_stream_rows,
            [row.sequence for row in rows],
            [row.from_block for row in rows],
            [row.to_block for row in rows],
            min(row.from_block for row in rows),
            max(row.to_block for row in rows),
            BLOCKS in named,
            TRANSACTIONS in named,
            addresses,
            [_WORD_PADDING + address for address in addresses],
            tokens,
            limit,
        )
        for (row, messages), facts in zip(read, found, strict=True):
            _tell(messages, row, tellings.of_blocks(row, facts, named, others, limit))
            for name in named:
                self._keep((row.sequence, name), messages.get(name))

    async def _reorg(self, row: OutboxRow) -> Message:
        kept = self._kept.get((row.sequence, REORGS))
        if kept is None:
            found = await self._one(queries.select_stream_reorg, row.payload["reorg"], _REMOVED_MAX)
            assert found is not None, "a reorg is recorded in the commit that announces it"
            kept = reorg(row.sequence, row.stamp, one_line(found["data"]))
            self._keep((row.sequence, REORGS), kept)
        return kept

    def _recall(self, row: OutboxRow, named: Collection[str], messages: Told) -> bool:
        """Whether everything wanted of a row was told before."""
        if not all((row.sequence, name) in self._kept for name in named):
            return False
        for name in named:
            if (message := self._kept[row.sequence, name]) is not None:
                messages[name] = message
        return True

    def _keep(self, key: tuple[int, str], message: Message | None) -> None:
        if key in self._kept:
            return
        self._kept[key] = message
        self._kept_bytes += _size(message)
        while self._kept_bytes > _KEPT_BYTES_MAX:
            self._kept_bytes -= _size(self._kept.popitem(last=False)[1])

    async def _one(self, query: Query, *arguments: Any) -> Any:
        while True:
            try:
                return await self.reader.one(query, *arguments)
            except Retryable as error:
                await _pause(error)

    async def _many(self, query: Query, *arguments: Any) -> Any:
        while True:
            try:
                async with self.reader.connection() as connection:
                    return await query.many(connection, *arguments)
            except Retryable as error:
                await _pause(error)


def batches(rows: Sequence[OutboxRow]) -> Iterator[Sequence[OutboxRow]]:
    """Rows that one statement may read: few blocks, near one another."""
    first, low, high, blocks = 0, 0, -1, 0
    for place, row in enumerate(rows):
        if row.kind != "blocks" or is_range(row):
            continue
        new_low = row.from_block if high < 0 else min(low, row.from_block)
        new_high = max(high, row.to_block)
        new_blocks = blocks + row.to_block - row.from_block + 1
        if high >= 0 and (new_high - new_low > SPAN_BLOCKS_MAX or new_blocks > BLOCKS_MAX):
            yield rows[first:place]
            first = place
            new_low, new_high = row.from_block, row.to_block
            new_blocks = row.to_block - row.from_block + 1
        low, high, blocks = new_low, new_high, new_blocks
    if first < len(rows):
        yield rows[first:]


def one_line(text: str) -> bytes:
    """JSON of PostgreSQL without the line ends between its elements; those within text are escaped."""
    return text.replace("\n", "").encode()


def _tell(messages: Told, row: OutboxRow, data: Iterator[tuple[str, bytes]]) -> None:
    for channel, found in data:
        messages[channel] = news(channel, row.sequence, row.stamp, found)


def _size(message: Message | None) -> int:
    # Twice: as a frame, and as events.
    return 200 if message is None else 400 + 2 * len(message.body)


async def _pause(error: Retryable) -> None:
    log.warning("what a row tells of cannot be read yet", reason=str(error))
    await asyncio.sleep(_PAUSE_S)
