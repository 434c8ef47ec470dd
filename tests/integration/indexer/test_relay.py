"""The relay publishes what is committed, in order, one at a time, and survives what Redis does (invariant 10)."""

import asyncio
from pathlib import Path

import pytest

from indexer.lease import Held, Lease, Published
from indexer.metrics import IndexerMetrics
from indexer.pruning import prune
from indexer.relay import Relay, messages
from postgres.errors import Unavailable
from postgres.pool import DatabaseSettings, connect, open_pool
from service.outbox import Message, Position
from service.outbox_consumer import OutboxConsumer
from service.redis import RedisSettings
from tests.broken_wire import Wire
from tests.integration.indexer.concurrent_writers import writers
from tests.integration.indexer.relays import bounds_of, commit, outbox, relay, stored, told
from tests.integration.indexer.weather import own_database, port_of
from tests.processes import WITHIN_S, eventually


async def test_relay_publishes_every_row_in_order_and_as_committed_to_stream_and_channel(
    database: str, redis_url: str
) -> None:
    async with outbox(database) as connection, told(redis_url, await bounds_of(connection)) as redis:
        async with relay(database, redis_url) as running:
            await commit(connection)
            running.committed.set()
            await redis.has(1)
            for _ in range(30):
                await commit(connection)
                running.committed.set()
            await redis.has(31)
            await eventually(lambda: running.relayed_to == 31, "it knows how far it is")
        rows = await stored(connection)
        assert [message.row for message in await redis.stream()] == rows
        await redis.hears(31)
        assert redis.heard == await redis.stream() == messages(None, rows)
        assert rows[0].payload == {"logs": 1, "wei": str(2**200)}


async def test_relay_that_is_told_of_no_commit_finds_what_other_processes_committed(
    embedded_database: str, redis_url: str
) -> None:
    async with (
        outbox(embedded_database, 1) as connection,
        told(redis_url, await bounds_of(connection)) as redis,
    ):
        async with relay(embedded_database, redis_url):
            await redis.has(1)
            await commit(connection, 700)  # more than a page
            await redis.has(701)
        assert [message.row for message in await redis.stream()] == await stored(connection)


async def test_relay_beside_concurrent_writers_and_reorgs_loses_and_doubles_nothing(
    embedded_database: str, redis_url: str
) -> None:
    connection = await connect(DatabaseSettings(embedded_database))
    pool = await open_pool(DatabaseSettings(embedded_database))
    try:
        async with writers(embedded_database, connection, history=40) as made:
            async with (
                told(redis_url, await bounds_of(connection)) as redis,
                relay(embedded_database, redis_url),
                OutboxConsumer(pool, RedisSettings(url=redis_url), Position(0)) as consumer,
                made.follower() as follower,
            ):
                tasks = [
                    made.backfill(f"backfill {first}", first, first + 6, commit_rows=1)
                    for first in range(0, 35, 7)
                ]
                for _ in range(4):
                    made.server.devnet.advance()
                    await made.arrive(follower)
                    made.server.devnet.reorg(2)
                    await made.arrive(follower)
                await asyncio.gather(*tasks)
                rows = await stored(connection)
                assert {row.kind for row in rows} >= {"blocks", "reorg"}
                async with asyncio.timeout(WITHIN_S):
                    assert [await anext(consumer) for _ in rows] == rows
                await redis.has(rows[-1].sequence)
            await redis.hears(rows[-1].sequence)
            heard = [message.row for message in redis.heard]
            assert heard == rows[-len(heard) :], "from the first one published on, each once and in order"
    finally:
        await pool.close()
        await connection.close()


async def test_second_relay_waits_and_takes_over_where_the_first_was_cut_off(
    embedded_database: str, redis_url: str
) -> None:
    async with (
        outbox(embedded_database, 1) as connection,
        told(redis_url, await bounds_of(connection)) as redis,
    ):
        async with Wire(port_of(redis_url)) as wire:
            through = redis_url.replace(f":{port_of(redis_url)}/", f":{wire.port}/")
            async with relay(embedded_database, through, lease_s=0.3) as first:
                await redis.has(1)
                async with relay(embedded_database, redis_url, lease_s=60) as second:
                    await commit(connection, 5)
                    await redis.has(6)
                    await wire.cut()
                    await commit(connection, 5)
                    await redis.has(11)
                    await wire.mend()
                    await commit(connection, 5)
                    await redis.has(16)
                    await eventually(lambda: first.relayed_to == 16, "the first one looks on")
                    assert second.relayed_to == 16
                # The lease was for a minute, and is let go of.
                await commit(connection)
                await redis.has(17)
        await redis.hears(17)
        assert redis.heard == await redis.stream() == messages(None, await stored(connection))


async def test_relay_that_lost_its_lease_publishes_nothing(embedded_database: str, redis_url: str) -> None:
    async with (
        outbox(embedded_database, 3) as connection,
        told(redis_url, await bounds_of(connection)) as redis,
    ):
        rows = await stored(connection)
        first, second = (Lease(redis.client, redis.of, 60) for _ in range(2))
        assert (await first.hold()).ours
        assert not (await second.hold()).ours
        assert await first.publish(None, messages(None, rows[:1])) is Published.PUBLISHED
        await redis.client.delete(f"{redis.of.channel}:lease")  # as a failover does
        assert await second.hold() == Held(ours=True, told=Position.of(rows[0]))
        late = messages(rows[0].stamp, rows[1:])
        assert await first.publish(Position.of(rows[0]), late) is Published.LOST
        await first.release()
        assert await redis.client.exists(f"{redis.of.channel}:lease"), "only its holder lets go of it"
        assert await second.publish(Position.of(rows[1]), late) is Published.MOVED
        assert await second.publish(Position.of(rows[0]), late) is Published.PUBLISHED
        await redis.hears(3)
        assert redis.heard == await redis.stream() == messages(None, rows)


async def test_redis_that_failed_over_to_an_older_copy_is_told_again_and_readers_drop_what_they_have(
    embedded_database: str, redis_url: str
) -> None:
    pool = await open_pool(DatabaseSettings(embedded_database))
    async with (
        outbox(embedded_database, 1) as connection,
        told(redis_url, await bounds_of(connection)) as redis,
    ):
        keys = [f"{redis.of.channel}:published", redis.of.stream]
        async with (
            relay(embedded_database, redis_url),
            OutboxConsumer(pool, RedisSettings(url=redis_url), Position(0)) as consumer,
        ):
            await redis.has(1)
            await commit(connection, 2)
            await redis.has(3)
            older = [await redis.client.dump(key) for key in keys]
            await commit(connection, 2)
            await redis.has(5)
            async with asyncio.timeout(WITHIN_S):
                assert [(await anext(consumer)).sequence for _ in range(5)] == [1, 2, 3, 4, 5]
            transaction = redis.client.pipeline()
            transaction.delete(f"{redis.of.channel}:lease")
            for key, copy in zip(keys, older, strict=True):
                assert copy is not None
                transaction.restore(key, 0, copy, replace=True)
            await transaction.execute()
            await redis.has(5)
            await commit(connection)
            async with asyncio.timeout(WITHIN_S):
                assert (await anext(consumer)).sequence == 6
            await redis.hears(6)
        assert [message.row.sequence for message in redis.heard] == [1, 2, 3, 4, 5, 4, 5, 6]
        assert [message.row for message in await redis.stream()] == await stored(connection)
    await pool.close()


async def test_redis_that_forgot_everything_begins_at_the_newest_row_and_readers_miss_nothing(
    embedded_database: str, redis_url: str
) -> None:
    pool = await open_pool(DatabaseSettings(embedded_database))
    async with (
        outbox(embedded_database, 10) as connection,
        told(redis_url, await bounds_of(connection)) as redis,
    ):
        async with OutboxConsumer(pool, RedisSettings(url=redis_url), Position(8)) as consumer:
            async with relay(embedded_database, redis_url):
                await redis.has(10)
            await redis.client.flushdb()
            await commit(connection, 3)
            async with relay(embedded_database, redis_url):
                await redis.has(13)
                await redis.client.flushdb()
                await commit(connection, 3)
                await redis.has(16)
            async with asyncio.timeout(WITHIN_S):
                assert [(await anext(consumer)).sequence for _ in range(8)] == list(range(9, 17))
        stream = await redis.stream()
        assert stream[-1] == Message((await stored(connection))[-1], (await stored(connection))[-2].stamp)
    await pool.close()


async def test_relay_of_a_database_that_went_back_begins_anew(embedded_database: str, redis_url: str) -> None:
    async with (
        outbox(embedded_database, 5) as connection,
        told(redis_url, await bounds_of(connection)) as redis,
    ):
        async with relay(embedded_database, redis_url):
            await redis.has(5)
        # As a standby that had not received the last two commits, and has gone on since.
        await connection.execute("DELETE FROM chain.outbox WHERE sequence > 3")
        await connection.execute("UPDATE chain.chain_state SET outbox_sequence = 3")
        await commit(connection, 4)
        async with relay(embedded_database, redis_url):
            await redis.has(7)
        assert (await redis.stream())[-1].row == (await stored(connection))[-1]
        assert {message.row.sequence for message in await redis.stream()} == {7}


async def test_relays_of_two_databases_share_one_redis_undisturbed(
    database: str, embedded_database: str, redis_url: str
) -> None:
    async with (
        outbox(database, 2) as one,
        outbox(embedded_database, 1) as two,
        told(redis_url, await bounds_of(one)) as of_one,
        told(redis_url, await bounds_of(two)) as of_two,
        relay(database, redis_url),
        relay(embedded_database, redis_url),
    ):
        await of_one.has(2)
        await of_two.has(1)


async def test_relay_whose_database_goes_away_lets_go_of_the_lease(tmp_path: Path, redis_url: str) -> None:
    async with own_database(tmp_path) as own, outbox(own.direct, 1) as connection:
        running = Relay(RedisSettings(url=redis_url), IndexerMetrics(), asyncio.Event(), lease_s=60)
        theirs = await connect(DatabaseSettings(own.dsn))
        task = asyncio.create_task(running.run(theirs))
        async with told(redis_url, await bounds_of(connection)) as redis:
            await redis.has(1)
            await own.wire.cut()
            with pytest.raises(Unavailable):
                await asyncio.wait_for(task, WITHIN_S)
            assert not await redis.client.exists(f"{redis.of.channel}:lease")


async def test_prune_keeps_the_newest_rows_and_what_redis_was_not_told(database: str, redis_url: str) -> None:
    async with outbox(database, 60) as connection:
        relays = Relay(RedisSettings(url=redis_url), IndexerMetrics(), asyncio.Event(), relayed_to=7)
        assert await prune(connection, 20, relays, batch_rows=3) == 7
        assert [row.sequence for row in await stored(connection)] == list(range(8, 61))
        assert await prune(connection, 20, None, batch_rows=3) == 33
        assert await prune(connection, 20, None) == 0
        assert [row.sequence for row in await stored(connection)] == list(range(41, 61))
        assert (await bounds_of(connection)).oldest == 41


async def test_relay_whose_next_row_was_pruned_goes_on_at_the_newest(
    embedded_database: str, redis_url: str
) -> None:
    async with (
        outbox(embedded_database, 2) as connection,
        told(redis_url, await bounds_of(connection)) as redis,
    ):
        async with relay(embedded_database, redis_url):
            await redis.has(2)
        await commit(connection, 20)
        assert await prune(connection, 5, None) == 17
        async with relay(embedded_database, redis_url):
            await redis.has(22)
        assert [message.row.sequence for message in await redis.stream()] == [22]


async def test_relay_cancelled_at_any_moment_ends(embedded_database: str, redis_url: str) -> None:
    async with outbox(embedded_database, 1):
        for turns in range(30):
            connection = await connect(DatabaseSettings(embedded_database))
            running = Relay(RedisSettings(url=redis_url), IndexerMetrics(), asyncio.Event())
            task = asyncio.create_task(running.run(connection))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            done, _ = await asyncio.wait({task}, timeout=10)
            connection.terminate()
            assert done, f"a cancellation after {turns} turns of the loop was lost"
            assert task.cancelled()


async def test_relay_leaves_keys_in_redis_that_are_forgotten_one_day(
    embedded_database: str, redis_url: str
) -> None:
    async with outbox(embedded_database, 1) as connection:
        of = await bounds_of(connection)
        async with relay(embedded_database, redis_url), told(redis_url, of) as redis:
            await redis.has(1)
            keys = {f"{of.channel}:lease", f"{of.channel}:published", of.stream}
            assert {key.decode() for key in await redis.client.keys() if isinstance(key, bytes)} == keys

            async def expire() -> bool:
                return -1 not in [await redis.client.ttl(key) for key in keys]

            await eventually(expire, "every key has a time to live")
