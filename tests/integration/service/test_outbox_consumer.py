"""A reader of the outbox gets every row once and in order, or the word to resync, with and without Redis."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from evm.consensus import Consensus
from indexer.chain import Link
from indexer.network import agree_on_network
from indexer.pruning import prune
from indexer.rows import BlockRows
from indexer.writer import Branch, replace, store
from postgres.pool import DatabaseSettings, connect, open_pool
from service.embedded_redis import EmbeddedRedis
from service.outbox import OutboxRow, Position, Resync
from service.outbox_consumer import OutboxConsumer
from service.redis import RedisSettings
from tests.broken_wire import Wire
from tests.integration.indexer.chain_fixtures import network
from tests.integration.indexer.relays import bounds_of, commit, outbox, relay, stored, told
from tests.integration.indexer.weather import own_database, port_of
from tests.processes import WITHIN_S


@asynccontextmanager
async def consumer(
    dsn: str, redis_url: str | None, position: Position | None = None, *, look_every_s: float = 600
) -> AsyncIterator[OutboxConsumer]:
    """One that looks at the database so seldom that only a reason can make it."""
    pool = await open_pool(DatabaseSettings(dsn))
    redis = None if redis_url is None else RedisSettings(url=redis_url)
    try:
        async with OutboxConsumer(
            pool, redis, position, poll_every_s=0.02, look_every_s=look_every_s
        ) as made:
            yield made
    finally:
        pool.terminate()


async def take(made: OutboxConsumer, rows: int) -> list[OutboxRow]:
    async with asyncio.timeout(WITHIN_S):
        return [await anext(made) for _ in range(rows)]


async def resync(made: OutboxConsumer) -> Resync:
    with pytest.raises(Resync) as raised:
        await take(made, 1)
    return raised.value


async def test_consumer_without_redis_reads_everything_from_the_database(database: str) -> None:
    async with outbox(database, 1_100) as connection, consumer(database, None, Position(0)) as made:
        assert await take(made, 1_100) == (rows := await stored(connection))
        assert made.position == Position.of(rows[-1])
        await commit(connection, 3)
        assert [row.sequence for row in await take(made, 3)] == [1101, 1102, 1103]


async def test_consumer_without_a_position_begins_at_the_newest_row(
    embedded_database: str, redis_url: str
) -> None:
    async with (
        outbox(embedded_database, 5) as connection,
        relay(embedded_database, redis_url),
        consumer(embedded_database, redis_url) as made,
    ):
        first = asyncio.create_task(anext(made))
        async with told(redis_url, await bounds_of(connection)) as redis:
            await redis.has(5)
            while made.position != Position(5):
                await asyncio.sleep(0)
        await commit(connection)
        assert (await asyncio.wait_for(first, WITHIN_S)).sequence == 6


async def test_consumer_with_redis_hears_of_a_commit_without_asking_the_database(
    embedded_database: str, redis_url: str
) -> None:
    async with (
        outbox(embedded_database, 2) as connection,
        relay(embedded_database, redis_url) as running,
        consumer(embedded_database, redis_url, Position(0)) as made,
    ):
        assert len(await take(made, 2)) == 2
        for _ in range(20):  # far quicker than its next look
            await commit(connection)
            running.committed.set()
            assert await take(made, 1) == (await stored(connection))[-1:]


async def test_consumer_goes_on_where_it_stopped_and_is_told_nothing_twice(
    embedded_database: str, redis_url: str
) -> None:
    async with outbox(embedded_database, 10) as connection, relay(embedded_database, redis_url):
        async with consumer(embedded_database, redis_url, Position(0)) as made:
            taken = await take(made, 4)
            left_at = made.position
        await commit(connection, 5)
        async with consumer(embedded_database, redis_url, left_at) as made:
            assert taken + await take(made, 11) == await stored(connection)


async def test_consumer_whose_next_row_was_pruned_is_told_to_resync_and_goes_on(
    database: str, redis_url: str
) -> None:
    async with outbox(database, 50) as connection, consumer(database, redis_url, Position(29)) as made:
        await prune(connection, 20, None)
        async with consumer(database, redis_url, Position(30)) as just_in_time:
            assert len(await take(just_in_time, 20)) == 20
        told_to = await resync(made)
        assert (told_to.position, told_to.oldest, told_to.newest) == (Position(29), 31, 50)
        assert "the next row is not there" in str(told_to)
        await commit(connection)
        async with relay(database, redis_url):
            assert [row.sequence for row in await take(made, 1)] == [51]


async def test_consumer_that_is_ahead_of_the_database_is_told_to_resync(
    embedded_database: str, redis_url: str
) -> None:
    async with (
        outbox(embedded_database, 3),
        consumer(embedded_database, redis_url, Position(4)) as made,
    ):
        told_to = await resync(made)
        assert (told_to.oldest, told_to.newest) == (1, 3)


@pytest.mark.parametrize("again", [1, 2, 3, 8], ids=lambda rows: f"{rows} rows since")
async def test_consumer_of_a_database_that_went_back_is_told_to_resync_whatever_came_since(
    again: int, embedded_database: str, redis_url: str
) -> None:
    async with (
        outbox(embedded_database, 6) as connection,
        relay(embedded_database, redis_url) as running,
        consumer(embedded_database, redis_url, Position(0), look_every_s=1) as made,
    ):
        assert len(await take(made, 6)) == 6
        async with connection.transaction():
            await connection.execute("DELETE FROM chain.outbox WHERE sequence > 4")
            await connection.execute("UPDATE chain.chain_state SET outbox_sequence = 4")
            await commit(connection, again)
        running.committed.set()
        assert (await resync(made)).newest == 4 + again
        await commit(connection)
        running.committed.set()
        assert [row.sequence for row in await take(made, 1)] == [5 + again]


async def test_consumer_of_a_database_that_was_rebuilt_is_told_to_resync(
    embedded_database: str, redis_url: str
) -> None:
    async with (
        outbox(embedded_database, 3) as connection,
        consumer(embedded_database, redis_url, Position(0), look_every_s=1) as made,
        relay(embedded_database, redis_url) as running,
    ):
        assert len(await take(made, 3)) == 3
        async with connection.transaction():
            await connection.execute("TRUNCATE chain.outbox")
            await connection.execute(
                "UPDATE chain.chain_state SET outbox_sequence = 0, created_at = clock_timestamp()"
            )
            await commit(connection, 9)
        assert "another history" in str(await resync(made))
        await commit(connection)
        running.committed.set()
        assert [row.sequence for row in await take(made, 1)] == [10]


async def test_consumer_of_an_empty_database_waits_for_the_first_network(embedded_database: str) -> None:
    async with consumer(embedded_database, None, Position(0)) as made:
        first = asyncio.create_task(anext(made))
        async with outbox(embedded_database, 1):
            assert (await asyncio.wait_for(first, WITHIN_S)).sequence == 1


async def test_consumer_across_redis_outages_misses_nothing(embedded_database: str) -> None:
    with EmbeddedRedis() as first, EmbeddedRedis() as second:
        async with outbox(embedded_database, 1) as connection, Wire(port_of(first.url)) as wire:
            url = f"redis://127.0.0.1:{wire.port}/0"
            async with (
                relay(embedded_database, url) as running,
                consumer(embedded_database, url, Position(0)) as made,
            ):
                assert len(await take(made, 1)) == 1
                await wire.cut()
                await commit(connection, 3)
                running.committed.set()
                assert len(await take(made, 3)) == 3
                async with Wire(port_of(second.url)) as other:
                    await other.cut()
                    other.port = wire.port
                    await other.mend()
                    await commit(connection, 3)
                    running.committed.set()
                    rows = await take(made, 3)
                    async with told(second.url, await bounds_of(connection)) as redis:
                        await redis.has(7)
        assert [row.sequence for row in rows] == [5, 6, 7]


async def test_consumer_across_an_outage_of_the_database_misses_nothing(
    tmp_path: Path, redis_url: str
) -> None:
    async with own_database(tmp_path) as own, consumer(own.dsn, redis_url, Position(0)) as made:
        async with outbox(own.direct, 2):
            assert len(await take(made, 2)) == 2
        waiting = asyncio.create_task(take(made, 2))
        await own.restart()
        connection = await connect(DatabaseSettings(own.direct))
        await commit(connection, 2)
        async with relay(own.direct, redis_url):
            assert [row.sequence for row in await waiting] == [3, 4]
        await connection.close()


async def test_consumer_that_hears_what_no_relay_said_asks_the_database(
    embedded_database: str, redis_url: str
) -> None:
    async with (
        outbox(embedded_database, 2) as connection,
        told(redis_url, await bounds_of(connection)) as redis,
        consumer(embedded_database, redis_url, Position(0)) as made,
    ):
        assert len(await take(made, 2)) == 2
        await commit(connection)
        await redis.client.xadd(redis.of.stream, {"row": "no JSON"}, id="1000-0")
        assert await take(made, 1) == (await stored(connection))[2:]


async def test_consumer_is_told_of_a_retraction_before_the_branch_that_replaces_it(
    embedded_database: str, redis_url: str
) -> None:
    connection = await connect(DatabaseSettings(embedded_database))
    async with network(Consensus.CLIQUE, history=12) as clique:
        await agree_on_network(connection, clique.node)
        await store(connection, old := await clique.rows(0, 12), finalized=3)
        async with (
            relay(embedded_database, redis_url),
            consumer(embedded_database, redis_url, Position(0)) as made,
        ):
            chain = _told(await take(made, 1), {})
            clique.devnet.reorg(4)
            await replace(
                connection,
                Branch(_link(old[8]), _link(old[12])),
                new := await clique.rows(9, clique.devnet.head.header.number),
                finalized=-1,
                epoch=None,
            )
            rows = await take(made, 2)
            assert [(row.kind, row.from_block, row.head_hash) for row in rows] == [
                ("reorg", 9, old[8].hash),
                ("blocks", 9, new[-1].hash),
            ]
            stored_now = [row["number"] for row in await connection.fetch("SELECT number FROM chain.blocks")]
            assert sorted(_told(rows, chain)) == sorted(stored_now)
    await connection.close()


def _told(rows: list[OutboxRow], chain: dict[int, int]) -> dict[int, int]:
    """Which row told last of each block that is there."""
    for row in rows:
        if row.kind == "reorg":
            chain = {number: by for number, by in chain.items() if number < row.from_block}
        else:
            chain |= dict.fromkeys(range(row.from_block, row.to_block + 1), row.sequence)
    return chain


def _link(rows: BlockRows) -> Link:
    return Link(rows.number, rows.hash, rows.parent_hash)
