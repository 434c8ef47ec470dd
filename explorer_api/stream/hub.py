"""Follows the outbox and tells everyone who listens: each row once and in order, as soon as it is known."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import structlog

from explorer_api.stream.channels import STATS
from explorer_api.stream.facts import Facts, Told
from explorer_api.stream.listeners import EventListener, Listener
from explorer_api.stream.messages import Message, note, now
from postgres.connections import Pool
from postgres.errors import Retryable, translated
from service.outbox import Bounds, OutboxRow, Position, Resync, rows_after, select_bounds, select_page
from service.outbox_consumer import OutboxConsumer
from service.redis import RedisSettings

log = structlog.get_logger(__name__)

_RECENT_ROWS = 1_000
_LOOK_EVERY_S = 1.0


@dataclass(slots=True)
class Hub:
    """Between two awaits everyone who is live was told exactly the rows up to `sequence`."""

    facts: Facts
    pool: Pool
    redis: RedisSettings | None
    heartbeat_s: float
    on_row: Callable[[OutboxRow], None] = lambda _row: None
    sequence: int = 0
    stamp: int | None = None
    history: str | None = None
    """Names network and database; None before a network is recorded."""
    era: int = 0
    """How often history turned out to be another."""
    listeners: set[Listener] = field(default_factory=set)
    channels: dict[str, set[Listener]] = field(default_factory=dict)
    recent: "deque[OutboxRow]" = field(default_factory=lambda: deque(maxlen=_RECENT_ROWS))
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> Position | None:
        """Stand at the newest row; None before a network is recorded. Raises those of postgres.errors."""
        with translated():
            async with self.pool.acquire() as connection:
                bounds = await select_bounds(connection)
                if bounds is None:
                    return None
                rows = await select_page(connection, max(1, bounds.newest - _RECENT_ROWS), _RECENT_ROWS)
        self._stand_at(bounds, [row for row in rows if row.sequence <= bounds.newest])
        return Position(self.sequence, self.stamp)

    async def follow(self) -> None:
        """Tell row after row, for ever. Only errors that no waiting mends leave."""
        position = await self._started()
        async with OutboxConsumer(self.pool, self.redis, position) as consumer:
            while True:
                try:
                    row = await anext(consumer)
                except Resync as resync:
                    log.warning("history is another", reason=str(resync))
                    await self._begin_anew(resync)
                    continue
                await self._announce(row)

    async def beat(self) -> None:
        """Say at times how far the stream is, so that silence means that nothing happened."""
        while True:
            await asyncio.sleep(self.heartbeat_s)
            heartbeat = self.note("heartbeat", time=now())
            for listener in self.listeners:
                if listener.is_live:
                    listener.beat(heartbeat)

    def join(self, listener: Listener, channels: Iterable[str]) -> None:
        """From the row after `sequence` on it is told of these channels."""
        for channel in channels:
            listener.channels[channel] = None
            self.channels.setdefault(channel, set()).add(listener)

    def leave(self, listener: Listener, channels: Iterable[str]) -> None:
        for channel in channels:
            listener.channels.pop(channel, None)
            there = self.channels.get(channel)
            if there is not None:
                there.discard(listener)
                if not there:
                    del self.channels[channel]

    def note(self, kind: str, **members: object) -> Message:
        """A message of the stream itself, at its present end."""
        return note(kind, self.sequence, stamp=self.stamp, **members)

    async def moves(self, within_s: float) -> None:
        """Until another row was told, or the time is over."""
        try:
            async with asyncio.timeout(within_s):
                await self._moved.wait()
        except TimeoutError:
            pass

    async def rows_from(self, position: Position) -> Sequence[OutboxRow] | None:
        """Rows after `position` that were told already; None where the outbox does not go on there."""
        recent = self.recent
        if recent and recent[0].sequence <= position.sequence:
            page: Sequence[OutboxRow] = [row for row in recent if row.sequence >= position.sequence]
        else:
            with translated():
                async with self.pool.acquire() as connection:
                    page = await select_page(connection, position.sequence)
        rows = rows_after(position, page)
        return None if rows is None else [row for row in rows if row.sequence <= self.sequence]

    async def _started(self) -> Position:
        while True:
            try:
                position = await self.start()
            except Retryable as error:
                log.warning("the database is away", reason=str(error))
                position = None
            if position is not None:
                return position
            await asyncio.sleep(_LOOK_EVERY_S)

    def _stand_at(self, bounds: Bounds, rows: Sequence[OutboxRow]) -> None:
        self.sequence = bounds.newest
        self.recent.clear()
        self.recent.extend(rows)
        newest = rows[-1] if rows else None
        self.stamp = newest.stamp if newest is not None and newest.sequence == bounds.newest else None
        self.history = f"{bounds.chain_id}-{bounds.founded}"

    async def _begin_anew(self, resync: Resync) -> None:
        await self._started()
        if self.sequence != resync.newest:  # more was committed since; the consumer brings it
            self.sequence, self.stamp = resync.newest, None
            while self.recent and self.recent[-1].sequence > resync.newest:
                self.recent.pop()
        self.era += 1
        self.facts.forget()
        message = self.note("resync", reason="other_history", detail=str(resync), history=self.history)
        for listener in self.listeners:
            if listener.is_live:
                listener.tell(message)

    async def _announce(self, row: OutboxRow) -> None:
        told: Told = {}
        asked: set[str] = set()
        # Who subscribes while this is read is told of this row too: its place is before it.
        while missing := self.channels.keys() - asked:
            [found] = await self.facts.of([row], missing)
            told |= found
            if STATS in missing and row.kind in {"blocks", "reorg"}:
                told[STATS] = await self.facts.stats(row)
            asked |= missing
        self._tell(row, told)
        await asyncio.sleep(0)  # what was written is sent before more is

    def _tell(self, row: OutboxRow, told: Told) -> None:
        self.sequence, self.stamp = row.sequence, row.stamp
        self.recent.append(row)
        events: set[Listener] = set()
        for channel, message in told.items():
            if message.channel is None:
                there: Iterable[Listener] = [one for one in self.listeners if one.is_live and one.channels]
            else:
                there = self.channels.get(channel, ())
            for listener in there:
                listener.tell(message)
                if isinstance(listener, EventListener):
                    events.add(listener)
        for listener in events:
            listener.flush(row.sequence)
        self._moved.set()
        self._moved.clear()
        self.on_row(row)
