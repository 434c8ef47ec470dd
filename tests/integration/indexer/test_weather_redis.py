"""Redis is flushed, killed and slow: it costs a metric and a late message, never a block nor a row."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import closing

import pytest
import redis

from devnet.chain import Devnet
from devnet.server import DevnetServer
from postgres.pool import DatabaseSettings, connect
from service.embedded_redis import EmbeddedRedis
from tests.broken_wire import Wire
from tests.integration.indexer.daemons import daemon, follows
from tests.integration.indexer.relays import bounds_of, commit, relay, stored, told
from tests.integration.indexer.weather import port_of, shows
from tests.oracle import assert_holds_chain
from tests.processes import WITHIN_S, eventually

CHANNELS = "pend:*:outbox"


@pytest.fixture
async def server() -> AsyncIterator[DevnetServer]:
    async with DevnetServer(Devnet(52, history_blocks=10, transactions_per_block=2)) as started:
        yield started


async def test_redis_flushed_costs_nothing(embedded_database: str, server: DevnetServer) -> None:
    with EmbeddedRedis() as running_redis:
        async with daemon(embedded_database, server, redis__url=running_redis.url) as running:
            await shows(running, redis_up=1)
            with redis.Redis.from_url(running_redis.url) as client, closing(client.pubsub()) as heard:
                heard.psubscribe(CHANNELS)
                assert heard.get_message(timeout=WITHIN_S)
                await follows(running, embedded_database, server)
                while heard.get_message(timeout=0.2):  # of the start
                    pass
                client.flushall()
                server.devnet.advance(2)
                await follows(running, embedded_database, server)
                assert heard.get_message(timeout=WITHIN_S), "the rows still come"
            await shows(running, redis_up=1, relay_lag_rows=0)
    await assert_holds_chain(embedded_database, server.devnet)


async def test_redis_killed_and_replaced_is_said_and_told_of_what_it_missed(
    embedded_database: str, server: DevnetServer
) -> None:
    first, second = EmbeddedRedis(), EmbeddedRedis()
    first.start()
    second.start()
    try:
        async with Wire(port_of(first.url)) as wire:
            url = f"redis://127.0.0.1:{wire.port}/0"
            async with daemon(embedded_database, server, redis__url=url) as running:
                await shows(running, redis_up=1)
                first.stop()
                server.devnet.advance(2)
                await follows(running, embedded_database, server)
                await shows(running, redis_up=0, database_up=1, node_up=1)
                await running.says("redis is away")
                with redis.Redis.from_url(second.url) as client, closing(client.pubsub()) as heard:
                    heard.psubscribe(CHANNELS)
                    assert heard.get_message(timeout=WITHIN_S)
                    await wire.cut()
                    async with Wire(port_of(second.url)) as other:
                        await other.cut()
                        other.port = wire.port
                        await other.mend()
                        await shows(running, redis_up=1)
                        assert heard.get_message(timeout=WITHIN_S), "what was committed meanwhile"
    finally:
        first.stop()
        second.stop()
    await assert_holds_chain(embedded_database, server.devnet)


async def test_redis_that_hangs_delays_no_block(embedded_database: str, server: DevnetServer) -> None:
    with EmbeddedRedis() as running_redis:
        assert running_redis.pid is not None
        async with daemon(embedded_database, server, ws=True, redis__url=running_redis.url) as running:
            await shows(running, redis_up=1)
            os.kill(running_redis.pid, signal.SIGSTOP)
            try:
                for _ in range(5):
                    server.devnet.advance()
                    await follows(running, embedded_database, server)
                await shows(running, redis_up=0, database_up=1)
            finally:
                os.kill(running_redis.pid, signal.SIGCONT)
            await shows(running, redis_up=1)
            assert running.process.returncode is None
    await assert_holds_chain(embedded_database, server.devnet)


async def test_daemon_started_without_redis_waits_for_it_and_follows_meanwhile(
    embedded_database: str, server: DevnetServer
) -> None:
    with EmbeddedRedis() as running_redis:
        async with Wire(port_of(running_redis.url)) as wire:
            await wire.cut()
            url = f"redis://127.0.0.1:{wire.port}/0"
            async with daemon(embedded_database, server, redis__url=url) as running:
                await follows(running, embedded_database, server)
                await shows(running, redis_up=0)
                await wire.mend()
                await shows(running, redis_up=1)
                await eventually(lambda: running.process.returncode is None, "it runs")


async def test_daemon_killed_while_it_relays_is_followed_by_the_next_one_and_no_row_is_lost(
    embedded_database: str, server: DevnetServer, redis_url: str
) -> None:
    async with daemon(embedded_database, server, redis__url=redis_url) as running:
        await follows(running, embedded_database, server)
        await shows(running, relay_lag_rows=0)
        running.send(signal.SIGKILL)
        await running.finished()
    connection = await connect(DatabaseSettings(embedded_database))
    await commit(connection, 3)
    rows = await stored(connection)
    async with told(redis_url, await bounds_of(connection)) as redis:
        before = await redis.stream()
        async with relay(embedded_database, redis_url):
            await redis.has(rows[-1].sequence)
        assert [message.row for message in await redis.stream()] == rows[before[0].row.sequence - 1 :]
    await connection.close()
