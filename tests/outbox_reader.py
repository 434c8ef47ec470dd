"""A consumer of the outbox as a reader of the chain would be: by sequence, from where it stopped."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from postgres.connections import OwnConnection


@dataclass(slots=True)
class OutboxReader:
    """The chain as far as the outbox told it. Each look proves that it is the stored one (invariant 10)."""

    connection: OwnConnection
    position: int = 0
    chain: dict[int, bytes] = field(default_factory=dict)

    async def look(self) -> None:
        """Apply what became visible since: no number is missing, none comes late, nothing is told twice."""
        async with self.connection.transaction(isolation="repeatable_read", readonly=True):
            events = await self.connection.fetch(
                "SELECT * FROM chain.outbox WHERE sequence > $1 ORDER BY sequence", self.position
            )
            behind = await self.connection.fetchval(
                "SELECT count(*) FROM chain.outbox WHERE sequence <= $1", self.position
            )
            blocks = await self.connection.fetch("SELECT number, hash FROM chain.blocks")
        stored = {row["number"]: row["hash"] for row in blocks}
        assert behind == self.position, "a number became visible behind the reader"
        for event in events:
            assert event["sequence"] == self.position + 1, f"number {self.position + 1} is missing"
            self.position = event["sequence"]
            first, last = event["from_block"], event["to_block"]
            if event["kind"] == "reorg":
                assert max(self.chain) == last, f"{last} is announced as the old head"
                # An ancestor that was itself replaced before this look is known by its later hash only.
                again = (
                    other
                    for other in events
                    if other["kind"] == "reorg" and other["sequence"] > self.position
                )
                if all(other["from_block"] >= first for other in again):
                    assert self.chain.get(first - 1) == event["head_hash"], "the ancestor is not the reader's"
                for number in [number for number in self.chain if number >= first]:
                    del self.chain[number]
            elif event["kind"] == "blocks":
                told = set(range(first, last + 1))
                assert not told & self.chain.keys(), f"announced twice: {sorted(told & self.chain.keys())}"
                # As a reader does that loads what it is told of; what was replaced since is told next.
                self.chain |= {number: stored.get(number, event["head_hash"]) for number in told}
        assert self.chain == stored, "what was announced is not what is stored"


@asynccontextmanager
async def outbox_reader(dsn: str) -> AsyncIterator[OutboxReader]:
    connection = await asyncpg.connect(dsn)
    try:
        yield OutboxReader(connection)
    finally:
        await connection.close()
