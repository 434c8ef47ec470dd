"""`pend-index run` while node, database or Redis fail, and what it refuses to go on with."""

import signal
from collections.abc import AsyncIterator

import asyncpg
import pytest

from devnet.chain import Devnet
from devnet.server import DevnetServer
from evm.consensus import Consensus
from service.embedded_redis import EmbeddedRedis
from tests.broken_wire import Wire
from tests.database import DatabaseServer
from tests.integration.indexer.daemons import daemon, fills, follows
from tests.integration.indexer.histories import truth_of
from tests.invariants import hold_at_every_commit
from tests.oracle import assert_holds_chain, digests, tip, value
from tests.processes import Running, environment, run_pend_index

DEPTH = 8


def network(seed: int = 41, consensus: Consensus = Consensus.CLIQUE) -> Devnet:
    return Devnet(seed, consensus, history_blocks=30, transactions_per_block=2)


@pytest.fixture
async def server() -> AsyncIterator[DevnetServer]:
    async with DevnetServer(network()) as started:
        yield started


async def shows(running: Running, **values: float) -> None:
    """Wait until /metrics shows these values; `redis_up=0` is pend_indexer_redis_up."""

    async def shown() -> bool:
        seen = await running.metrics()
        return all(seen[f"pend_indexer_{name}"] == wanted for name, wanted in values.items())

    await running.until(shown, f"metrics show {values}")


async def end_connections(dsn: str) -> int:
    """End every connection to the database but our own; how many there were."""
    connection = await asyncpg.connect(dsn)
    try:
        ended: int = await connection.fetchval(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    finally:
        await connection.close()
    return ended


@pytest.mark.parametrize("ws", [True, False], ids=["websocket", "polling"])
async def test_node_away_for_a_while_is_said_and_waited_for(ws: bool, embedded_database: str) -> None:
    devnet = network()
    async with DevnetServer(devnet) as first:
        ports = [int(url.rpartition(":")[2]) for url in (first.http_url, first.ws_url)]
        async with daemon(embedded_database, first, ws=ws, node__retry_deadline_s=60) as running:
            await follows(running, embedded_database, first)
            await shows(running, node_up=1)
            await first.__aexit__(None, None, None)
            await running.says("node is away")
            await shows(running, node_up=0)
            devnet.advance(3)
            async with DevnetServer(devnet, port=ports[0], ws_port=ports[1]) as second:
                await follows(running, embedded_database, second)
                await running.says("node answers again")
                await shows(running, node_up=1, lag_blocks=0)
    await assert_holds_chain(embedded_database, devnet)


async def test_daemon_started_without_node_and_database_waits_for_both(
    embedded_database: str, server: DevnetServer
) -> None:
    host, name = embedded_database.rsplit("/", 1)
    account, port = host.rsplit(":", 1)
    async with Wire(int(port)) as database, Wire(int(server.http_url.rpartition(":")[2])) as node:
        await database.cut()
        await node.cut()
        server.http_url = f"http://127.0.0.1:{node.port}"
        dsn = f"{account}:{database.port}/{name}"
        async with daemon(dsn, server, follow__max_reorg_depth=64) as running:
            await running.says("waiting.*database unreachable|database unreachable.*waiting")
            await shows(running, database_up=0)
            await database.mend()
            await running.says("node is away")
            await node.mend()
            await follows(running, embedded_database, server)
            await shows(running, database_up=1, node_up=1)
    await assert_holds_chain(embedded_database, server.devnet)


async def test_database_cut_off_is_said_and_waited_for_and_nothing_is_doubled(
    embedded_database: str, embedded_home: DatabaseServer, server: DevnetServer
) -> None:
    await hold_at_every_commit(embedded_database)
    host, name = embedded_database.rsplit("/", 1)
    account, port = host.rsplit(":", 1)
    async with Wire(int(port)) as wire:
        async with daemon(f"{account}:{wire.port}/{name}", server, follow__max_reorg_depth=DEPTH) as running:
            await fills(running, embedded_database)
            await wire.cut()
            server.devnet.advance(2)
            await shows(running, database_up=0)
            server.devnet.advance(2)
            await wire.mend()
            await follows(running, embedded_database, server)
            await shows(running, database_up=1)
        await assert_holds_chain(embedded_database, server.devnet)
        assert await digests(embedded_database) == await truth_of(server, embedded_home)


async def test_connections_ended_by_the_server_are_made_anew_and_nothing_is_doubled(
    embedded_database: str, embedded_home: DatabaseServer, server: DevnetServer
) -> None:
    await hold_at_every_commit(embedded_database)
    async with daemon(embedded_database, server, ws=True, follow__max_reorg_depth=DEPTH) as running:
        for step in range(6):
            server.devnet.advance(2)
            if step == 3:
                server.devnet.reorg(3)
            await end_connections(embedded_database)
        await follows(running, embedded_database, server)
        await fills(running, embedded_database)
        # The connection that watches coverage learns of its end later than the others.
        await shows(running, database_up=1, coverage_gaps=0)
        await end_connections(embedded_database)
        await running.says('"task": "fill"')
        await shows(running, database_up=1)
        server.devnet.advance()
        await follows(running, embedded_database, server)
    await assert_holds_chain(embedded_database, server.devnet)
    assert await digests(embedded_database) == await truth_of(server, embedded_home)


async def test_redis_stopped_costs_a_metric_and_nothing_else(
    embedded_database: str, server: DevnetServer
) -> None:
    redis = EmbeddedRedis()
    redis.start()
    try:
        async with Wire(int(redis.url.split(":")[2].partition("/")[0])) as wire:
            url = f"redis://127.0.0.1:{wire.port}/0"
            async with daemon(embedded_database, server, ws=True, redis__url=url) as running:
                await shows(running, redis_up=1)
                await wire.cut()
                server.devnet.advance(2)
                await follows(running, embedded_database, server)
                await shows(running, redis_up=0, database_up=1, node_up=1)
                await running.says("redis is away")
                server.devnet.advance(2)
                await follows(running, embedded_database, server)
                await wire.mend()
                await shows(running, redis_up=1)
                assert running.process.returncode is None
    finally:
        redis.stop()


async def test_second_daemon_on_one_database_ends_with_7_and_names_the_first(
    embedded_database: str, server: DevnetServer
) -> None:
    async with daemon(embedded_database, server) as first:
        await follows(first, embedded_database, server)
        second = await run_pend_index("run", env=environment(embedded_database, server.http_url))
        assert second.code == 7, second.output
        holder = await value(
            embedded_database,
            "SELECT a.pid FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)"
            " WHERE l.locktype = 'advisory' AND a.datname = current_database()",
        )
        assert f"pend-index run at 127.0.0.1 (backend {holder})" in second.stderr
        assert "Stop the other" in second.stderr
        server.devnet.advance()
        await follows(first, embedded_database, server)


async def test_daemon_that_another_one_has_fenced_ends_with_7_and_writes_nothing_more(
    embedded_database: str, server: DevnetServer
) -> None:
    async with daemon(embedded_database, server) as running:
        await follows(running, embedded_database, server)
        await running.says("metrics on")
        stored = await tip(embedded_database)
        await value(
            embedded_database,
            "UPDATE chain.chain_state SET writer_epoch = writer_epoch + 1 RETURNING writer_epoch",
        )
        server.devnet.advance()
        finished = await running.finished()
    assert finished.code == 7, finished.output
    assert "epoch" in finished.stderr
    assert await tip(embedded_database) == stored


@pytest.mark.parametrize("ws", [True, False], ids=["websocket", "polling"])
async def test_another_network_behind_the_same_address_stops_the_daemon_with_5(
    ws: bool, embedded_database: str
) -> None:
    async with DevnetServer(network()) as first:
        ports = [int(url.rpartition(":")[2]) for url in (first.http_url, first.ws_url)]
        async with daemon(embedded_database, first, ws=ws) as running:
            await follows(running, embedded_database, first)
            await first.__aexit__(None, None, None)
            await running.says("node is away")
            before = await digests(embedded_database)
            reset = network(seed=42)
            reset.advance(40)
            async with DevnetServer(reset, port=ports[0], ws_port=ports[1]):
                finished = await running.finished()
    assert finished.code == 5, finished.output
    assert f"0x{reset.genesis.hash.hex()}" in finished.stderr
    assert await digests(embedded_database) == before


async def test_daemon_killed_and_started_at_once_takes_over(
    embedded_database: str, server: DevnetServer
) -> None:
    await hold_at_every_commit(embedded_database)
    for _ in range(3):
        async with daemon(embedded_database, server) as running:
            await follows(running, embedded_database, server)
            server.devnet.advance()
            running.send(signal.SIGKILL)
            await running.finished()
    async with daemon(embedded_database, server) as running:
        await follows(running, embedded_database, server)
    await assert_holds_chain(embedded_database, server.devnet)


async def test_backfill_beside_the_daemon_up_to_the_head_disturbs_neither(
    embedded_database: str, embedded_home: DatabaseServer, server: DevnetServer
) -> None:
    await hold_at_every_commit(embedded_database)
    async with daemon(embedded_database, server, ws=True, follow__max_reorg_depth=DEPTH) as running:
        await running.says("network agreed")
        env = environment(embedded_database, server.http_url, node__retry_deadline_s=30)
        finished = await run_pend_index("backfill", "--from-block", "0", env=env)
        assert finished.code == 0, finished.output
        server.devnet.advance(3)
        finished = await run_pend_index("backfill", "--from-block", "0", env=env)
        assert finished.code == 0, finished.output
        await follows(running, embedded_database, server)
    await assert_holds_chain(embedded_database, server.devnet)
    assert await digests(embedded_database) == await truth_of(server, embedded_home)
