"""`pend-index run` while all is well: heads, the past behind them, what Prometheus sees, and its end."""

import signal
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from devnet.chain import Devnet
from devnet.faults import NoFaults
from devnet.server import DevnetServer
from evm.consensus import Consensus
from tests.database import DatabaseServer
from tests.devnet_faults import Answerless, Lagging
from tests.integration.indexer.daemons import daemon, fills, follows
from tests.integration.indexer.histories import truth_of
from tests.invariants import hold_at_every_commit
from tests.oracle import assert_holds_chain, digests, value
from tests.processes import Running, environment, run_pend_index

HOUR_S = 300
"""A polling interval that no test waits for."""


@pytest.fixture
async def server() -> AsyncIterator[DevnetServer]:
    async with DevnetServer(Devnet(21, history_blocks=12, transactions_per_block=2)) as started:
        yield started


async def test_daemon_follows_heads_by_websocket(embedded_database: str, server: DevnetServer) -> None:
    await hold_at_every_commit(embedded_database)
    async with daemon(embedded_database, server, ws=True, node__poll_interval_s=HOUR_S) as running:
        await running.says('"source": "websocket"')
        for blocks in (1, 1, 3):
            server.devnet.advance(blocks)
            await follows(running, embedded_database, server)
        await running.until(
            lambda: is_indexed(running, server.devnet.head.header.number), "the metrics say so too"
        )
        seen = await running.metrics()
    head = server.devnet.head.header.number
    assert seen["pend_indexer_head_subscription_up"] == 1
    assert (seen["pend_indexer_head_block"], seen["pend_indexer_lag_blocks"]) == (head, 0)
    assert seen["pend_indexer_blocks_stored_total"] == head + 1
    assert seen["pend_indexer_transactions_stored_total"] == await value(
        embedded_database, "SELECT count(*) FROM chain.transactions"
    )
    assert (seen["pend_indexer_node_up"], seen["pend_indexer_database_up"]) == (1, 1)
    await assert_holds_chain(embedded_database, server.devnet)


async def is_indexed(running: Running, number: int) -> bool:
    seen = await running.metrics()
    return bool(seen["pend_indexer_indexed_block"] == number)


async def test_daemon_whose_websocket_closes_polls_and_returns_to_it(
    embedded_database: str, server: DevnetServer
) -> None:
    async with daemon(embedded_database, server, ws=True) as running:
        await running.says('"source": "websocket"')
        await server.disconnect_subscribers()
        server.devnet.advance(2)
        await follows(running, embedded_database, server)
        await running.says('(?s)"source": "websocket".*"source": "polling".*"source": "websocket"')
        server.devnet.advance()
        await follows(running, embedded_database, server)


async def test_daemon_without_websocket_polls(embedded_database: str, server: DevnetServer) -> None:
    async with daemon(embedded_database, server) as running:
        await follows(running, embedded_database, server)
        server.devnet.advance(3)
        await follows(running, embedded_database, server)
        assert (await running.metrics())["pend_indexer_head_subscription_up"] == 0


async def test_daemon_follows_the_head_first_and_fills_the_past_behind_it(
    database: str, embedded_home: DatabaseServer
) -> None:
    await hold_at_every_commit(database)
    async with (
        DevnetServer(Devnet(22, history_blocks=300, transactions_per_block=1)) as server,
        daemon(
            database, server, follow__max_reorg_depth=8, backfill__workers=2, backfill__segment_blocks=60
        ) as running,
    ):
        await running.says("filling gaps")
        server.devnet.advance(5)
        await fills(running, database)
        server.devnet.advance(2)
        await follows(running, database, server)
        await running.says("gaps filled")
        await assert_holds_chain(database, server.devnet)
        assert await digests(database) == await truth_of(server, embedded_home)
    first = await value(database, "SELECT from_block FROM chain.outbox ORDER BY sequence LIMIT 1")
    assert first == 300 - 8, "the head came first"


async def test_daemon_far_behind_jumps_to_the_head_and_fills_the_gap_but_for_a_poison_block(
    embedded_database: str,
) -> None:
    devnet = Devnet(23, Consensus.CLIQUE, history_blocks=1400, transactions_per_block=0)
    settings: dict[str, Any] = {"follow__max_reorg_depth": 8, "backfill__workers": 1}
    async with DevnetServer(devnet) as server:
        server.faults = Lagging(devnet, 40, wrong={20})
        async with daemon(embedded_database, server, **settings) as running:
            await running.says("1 blocks could not be stored: 20")
            server.faults = Lagging(devnet, 1400, wrong={20})
            await running.says("gap left to the backfill")
            await follows(running, embedded_database, server)

            async def all_but_one_are_stored() -> bool:
                return await value(embedded_database, "SELECT count(*) FROM chain.blocks") == 1400

            await running.until(all_but_one_are_stored, "everything but block 20 is stored")
            await running.until(lambda: has_quarantined(running), "block 20 in the metrics")
        server.faults = NoFaults()
        async with daemon(embedded_database, server, **settings) as running:
            await fills(running, embedded_database)
    await assert_holds_chain(embedded_database, devnet)
    assert await value(embedded_database, "SELECT count(*) FROM chain.quarantined_blocks") == 0


async def has_quarantined(running: Running) -> bool:
    seen = await running.metrics()
    return (
        seen["pend_indexer_quarantined_blocks"],
        seen["pend_indexer_coverage_gaps"],
        seen["pend_indexer_coverage_gap_blocks"],
    ) == (1, 1, 1)


@pytest.mark.parametrize(
    ("doing", "number"),
    [
        ("following", signal.SIGTERM),
        ("following", signal.SIGINT),
        ("filling", signal.SIGTERM),
        ("waiting for the node", signal.SIGTERM),
    ],
)
async def test_daemon_told_to_stop_ends_with_0_within_10_s(
    doing: str, number: signal.Signals, embedded_database: str
) -> None:
    await hold_at_every_commit(embedded_database)
    async with (
        DevnetServer(Devnet(25, history_blocks=400, transactions_per_block=2)) as server,
        daemon(
            embedded_database,
            server,
            ws=True,
            follow__max_reorg_depth=400 if doing == "following" else 8,
            backfill__workers=2,
            backfill__commit_rows=1,
            backfill__segment_blocks=50,
            node__batch_blocks_max=2,
            node__retry_deadline_s=600,
        ) as running,
    ):
        match doing:
            case "following":
                await follows(running, embedded_database, server)
            case "filling":
                await running.until(lambda: has_filled_some(embedded_database), "some of the past is filled")
            case _:
                await running.until(lambda: has_filled_some(embedded_database), "some of the past is filled")
                server.faults = Answerless()
                await server.disconnect_subscribers()
                await running.says("node is away")
        running.send(number)
        finished = await running.finished()
    assert finished.code == 0, finished.output
    assert "Traceback" not in finished.output, finished.output


async def has_filled_some(dsn: str) -> bool:
    return bool(await value(dsn, "SELECT count(*) > 30 FROM chain.blocks WHERE number < 392"))


async def test_daemon_stopped_and_started_goes_on_where_it_was(
    embedded_database: str, server: DevnetServer
) -> None:
    await hold_at_every_commit(embedded_database)
    for _ in range(2):
        async with daemon(embedded_database, server) as running:
            await follows(running, embedded_database, server)
            running.send(signal.SIGKILL)
            await running.finished()
        server.devnet.advance(3)
    async with daemon(embedded_database, server) as running:
        await follows(running, embedded_database, server)
    await assert_holds_chain(embedded_database, server.devnet)
    status = await run_pend_index("status", "--json", env=environment(embedded_database, server.http_url))
    assert status.code == 0, status.output
    told = msgspec.json.decode(status.stdout)
    assert (told["head"], told["indexed_to"], told["lag_blocks"], told["gaps"]) == (18, 18, 0, [])
