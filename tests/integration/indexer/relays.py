"""Commits that are outbox rows alone, relays in this process, and what Redis was told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
from redis.asyncio import Redis

from indexer.metrics import IndexerMetrics
from indexer.relay import Relay
from postgres.connections import OwnConnection
from postgres.pool import DatabaseSettings, connect
from service.outbox import Bounds, Message, OutboxRow, decode, select_bounds, select_page
from service.redis import RedisSettings
from tests.processes import eventually

_NETWORK = "INSERT INTO chain.chain_state (chain_id, genesis_hash, consensus) VALUES (1337, sha256('genesis'), 'qbft')"
_COMMIT = """
WITH claimed AS (UPDATE chain.chain_state SET outbox_sequence = outbox_sequence + 1 RETURNING outbox_sequence AS n)
INSERT INTO chain.outbox (sequence, kind, from_block, to_block, head_hash, payload)
SELECT n, 'blocks', n, n, sha256(n::text::bytea), jsonb_build_object('logs', n, 'wei', ($1::numeric)::text) FROM claimed
"""


@asynccontextmanager
async def outbox(dsn: str, rows: int = 0) -> AsyncIterator[OwnConnection]:
    """A connection to a database that knows a network and has committed `rows` times."""
    connection: OwnConnection = await asyncpg.connect(dsn)
    try:
        await connection.execute(_NETWORK)
        await commit(connection, rows)
        yield connection
    finally:
        await connection.close()


async def commit(connection: OwnConnection, rows: int = 1) -> None:
    for row in range(rows):
        await connection.execute(_COMMIT, 2**200 + row)


async def stored(connection: OwnConnection) -> list[OutboxRow]:
    return await select_page(connection, 0, 100_000)


async def bounds_of(connection: OwnConnection) -> Bounds:
    found = await select_bounds(connection)
    assert found is not None
    return found


@asynccontextmanager
async def relay(dsn: str, redis_url: str, *, lease_s: float = 1.0) -> AsyncIterator[Relay]:
    """A relay that runs until the block ends."""
    made = Relay(RedisSettings(url=redis_url), IndexerMetrics(), asyncio.Event(), lease_s=lease_s)
    connection = await connect(DatabaseSettings(dsn))
    task = asyncio.create_task(made.run(connection))
    try:
        yield made
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await connection.close()


@dataclass(frozen=True, slots=True)
class Told:
    """What Redis holds of an outbox, and whoever hears its channel has heard."""

    client: Redis
    of: Bounds
    heard: list[Message]

    async def stream(self) -> list[Message]:
        entries: Any = await self.client.xrange(self.of.stream)
        return [_message(fields[b"row"]) for _, fields in entries]

    async def has(self, sequence: int) -> None:
        """Wait until `sequence` was the last one."""

        async def there() -> bool:
            last: Any = await self.client.xrevrange(self.of.stream, count=1)
            return bool(last) and last[0][0] == f"{sequence}-0".encode()

        await eventually(there, f"row {sequence} was published")

    async def hears(self, sequence: int) -> None:
        await eventually(
            lambda: any(message.row.sequence == sequence for message in self.heard),
            f"row {sequence} is heard",
        )


@asynccontextmanager
async def told(redis_url: str, of: Bounds) -> AsyncIterator[Told]:
    client = Redis.from_url(redis_url)
    heard: list[Message] = []
    subscriber = client.pubsub()
    await subscriber.subscribe(of.channel)

    async def listen() -> None:
        async for said in subscriber.listen():
            heard.extend([_message(said["data"])] if said["type"] == "message" else [])

    task = asyncio.create_task(listen())
    try:
        yield Told(client, of, heard)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await subscriber.aclose()  # type: ignore[no-untyped-call]
        await client.aclose()


def _message(data: bytes) -> Message:
    message = decode(data)
    assert message is not None
    return message
