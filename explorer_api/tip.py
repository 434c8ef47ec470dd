"""What this process knows of the chain's progress: which answers it may still serve (DESIGN.md 8.8)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from explorer_api.answer import Answer, Lifetime
from postgres.connections import Pool
from postgres.queries import load
from service.outbox import OutboxRow, Position, Resync, select_bounds
from service.outbox_consumer import OutboxConsumer
from service.redis import RedisSettings

queries = load("explorer")
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Tip:
    """The outbox as far as it was heard. An answer is valid by the sequence of its own snapshot.

    So a slow read that ends after an invalidation is born invalid, and an answer from a process that heard
    more is as good as one of its own.
    """

    sequence: int = 0
    disturbed: int = 0
    """Sequence of the last row that was more than a new block on top."""
    retracted: int = 0
    """Sequence of the last reorg, or of the last time that everything had to be read anew."""
    head: int = -1
    channel: str = ""
    """Names the outbox, and with it the keys in Redis; empty before a network is recorded."""
    founded: int = 0
    era: int = 0
    """How often history turned out to be another."""

    def hear(self, row: OutboxRow) -> None:
        """A row was committed."""
        self.sequence = row.sequence
        if row.kind == "reorg":
            self.retracted = self.disturbed = row.sequence
            self.head = row.from_block - 1  # the ancestor: rows for the new branch follow
        elif row.kind == "blocks" and row.from_block > self.head:
            self.head = row.to_block
        else:
            self.disturbed = row.sequence

    def forget(self, sequence: int) -> None:
        """Everything read so far may be of another history; what is read from now on is at `sequence`."""
        self.sequence = self.disturbed = self.retracted = sequence
        self.era += 1

    def admits(self, answer: Answer, now: float) -> bool:
        """Whether a kept answer is still true, as far as this process knows."""
        lifetime = answer.lifetime
        if now - answer.stored_at >= answer.ttl_s:
            return False
        if lifetime is Lifetime.HEAD:
            return answer.sequence >= self.sequence
        if lifetime is Lifetime.FINAL:
            return answer.sequence >= self.disturbed
        return lifetime is Lifetime.LIVE or answer.sequence >= self.retracted


@dataclass(slots=True)
class TipFollower:
    """Keeps a tip up to date for ever; listeners hear of each row after the tip has."""

    tip: Tip
    pool: Pool
    redis: RedisSettings | None
    on_row: "list[Callable[[OutboxRow], None]]" = field(default_factory=list)
    on_resync: "list[Callable[[], None]]" = field(default_factory=list)

    async def start(self) -> Position | None:
        """Learn which outbox this is and how far it is; None before a network is recorded."""
        async with self.pool.acquire() as connection:
            bounds = await select_bounds(connection)
            row = await queries.select_tip.one(connection)
        if bounds is None or row is None:
            return None
        self.tip.head = -1 if row["head_number"] is None else row["head_number"]
        self.tip.channel, self.tip.founded = bounds.channel, bounds.founded
        self.tip.sequence = self.tip.disturbed = bounds.newest
        return Position(bounds.newest)

    async def follow(self, position: Position | None) -> None:
        """Hear row after row. Only errors that no waiting mends leave."""
        while position is None:
            await asyncio.sleep(1)
            position = await self.start()
        async with OutboxConsumer(self.pool, self.redis, position) as consumer:
            while True:
                try:
                    row = await anext(consumer)
                except Resync as resync:
                    log.warning("everything is read anew", reason=str(resync))
                    await self.start()
                    self.tip.forget(resync.newest)
                    for forget in self.on_resync:
                        forget()
                    continue
                self.tip.hear(row)
                for listener in self.on_row:
                    listener(row)
