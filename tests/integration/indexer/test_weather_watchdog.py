"""A stage that hangs although it has work is begun again; one that waits or has nothing to do is left alone."""

import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from devnet.chain import Devnet
from devnet.faults import NoFaults
from devnet.server import DevnetServer
from evm.consensus import Consensus
from tests.database import DatabaseServer
from tests.devnet_faults import Answerless
from tests.integration.indexer.daemons import daemon, fills, follows
from tests.integration.indexer.histories import truth_of
from tests.integration.indexer.weather import Hanging, counts, samples, shows
from tests.invariants import hold_at_every_commit
from tests.oracle import assert_holds_chain, digests
from tests.processes import Running, children_of

PATIENT: dict[str, Any] = {
    "node__request_timeout_s": 600,
    "database__statement_timeout_s": 0,
    "database__lock_timeout_s": 0,
    "follow__max_reorg_depth": 64,
}
"""Time limits so long that only the watchdog ends a wait; the follower stores the whole chain itself."""


@pytest.fixture
async def server() -> AsyncIterator[DevnetServer]:
    devnet = Devnet(53, Consensus.CLIQUE, history_blocks=60, transactions_per_block=2)
    async with DevnetServer(devnet) as started:
        yield started


async def restarts(running: Running) -> dict[tuple[str, ...], float]:
    return await samples(running, "stage_restarts_total")


async def test_node_that_takes_a_request_and_never_answers_ends_the_follower_not_the_daemon(
    embedded_database: str, embedded_home: DatabaseServer, server: DevnetServer
) -> None:
    await hold_at_every_commit(embedded_database)
    async with daemon(embedded_database, server, follow__watchdog_s=2, **PATIENT) as running:
        await fills(running, embedded_database)
        hanging = Hanging(frozenset({"eth_getBlockReceipts", "eth_getTransactionReceipt"}))
        server.faults = hanging
        try:
            server.devnet.advance(2)
            await running.until(hanging.met.is_set, "the follower asks for receipts")
            await counts(running, "stage_restarts_total", "follow")
            await running.says('"stage": "follow"')
            server.faults = NoFaults()
            await follows(running, embedded_database, server)
        finally:
            hanging.let_go.set()
    await assert_holds_chain(embedded_database, server.devnet)
    assert await digests(embedded_database) == await truth_of(server, embedded_home)


async def test_lock_on_chain_state_that_nobody_lets_go_of_ends_the_follower_until_it_is_free(
    embedded_database: str, embedded_home: DatabaseServer, server: DevnetServer
) -> None:
    await hold_at_every_commit(embedded_database)
    admin = await asyncpg.connect(embedded_database)
    async with daemon(embedded_database, server, follow__watchdog_s=2, **PATIENT) as running:
        await fills(running, embedded_database)
        async with admin.transaction():
            await admin.execute("SELECT FROM chain.chain_state FOR UPDATE")
            server.devnet.advance(2)
            await counts(running, "stage_restarts_total", "follow", at_least=2)
            waiting = await admin.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND application_name = 'pend-index run' AND wait_event_type = 'Lock'"
            )
            assert waiting <= 1, "no session is left behind in the queue for the lock"
        await follows(running, embedded_database, server)
    await admin.close()
    await assert_holds_chain(embedded_database, server.devnet)
    assert await digests(embedded_database) == await truth_of(server, embedded_home)


async def test_backfill_workers_that_are_stopped_are_replaced(
    embedded_database: str, embedded_home: DatabaseServer, server: DevnetServer
) -> None:
    settings = {**PATIENT, "follow__max_reorg_depth": 8, "backfill__workers": 1}
    async with daemon(embedded_database, server, follow__watchdog_s=5, **settings) as running:
        await follows(running, embedded_database, server)
        await fills(running, embedded_database)
        # A hole of the past, as left by a backfill of another range; a worker comes and is stopped.
        admin = await asyncpg.connect(embedded_database)
        hanging = Hanging(frozenset({"eth_getBlockReceipts", "eth_getTransactionReceipt"}))
        server.faults = hanging
        await remove_blocks(admin, 10, 20)
        await admin.close()
        try:
            await running.until(hanging.met.is_set, "a worker asks for the hole")
            (worker,) = children_of(running.pid)
            os.kill(worker, signal.SIGSTOP)
            await counts(running, "stage_restarts_total", "fill")
            server.faults = NoFaults()
            await fills(running, embedded_database)
            assert worker not in children_of(running.pid)
        finally:
            hanging.let_go.set()
    assert await digests(embedded_database) == await truth_of(server, embedded_home)


async def remove_blocks(admin: asyncpg.Connection, first: int, last: int) -> None:
    """Make a gap in a chain that is stored whole."""
    async with admin.transaction():
        for table, column in (
            ("blocks", "number"),
            ("transactions", "block_number"),
            ("logs", "block_number"),
            ("block_locations", "number"),
            ("transaction_locations", "block_number"),
        ):
            await admin.execute(f"DELETE FROM chain.{table} WHERE {column} BETWEEN $1 AND $2", first, last)
        await admin.execute(
            "WITH whole AS (DELETE FROM chain.coverage RETURNING *)"
            " INSERT INTO chain.coverage"
            " SELECT int8range(lower(w.blocks), $1), w.first_parent_hash, below.hash"
            " FROM whole AS w, chain.blocks AS below WHERE below.number = $1 - 1"
            " UNION ALL SELECT int8range($2 + 1, upper(w.blocks)), above.parent_hash, w.last_hash"
            " FROM whole AS w, chain.blocks AS above WHERE above.number = $2 + 1",
            first,
            last,
        )


@pytest.mark.parametrize("ws", [True, False], ids=["websocket", "polling"])
async def test_idle_chain_is_no_reason_to_begin_anything_again(
    ws: bool, embedded_database: str, server: DevnetServer
) -> None:
    async with daemon(
        embedded_database, server, ws=ws, follow__watchdog_s=4, node__silence_timeout_s=1
    ) as running:
        await fills(running, embedded_database)
        # A busy machine may need longer than the watchdog waits to begin; what counts is the time after.
        before, idle = await restarts(running), await idle_s(running)
        # Longer than the watchdog waits, which is long enough for one query of a busy machine.
        await running.until(lambda: has_idled(running, idle + 7), "time has passed on the idle chain")
        assert await restarts(running) == before
        server.devnet.advance()
        await follows(running, embedded_database, server)


async def idle_s(running: Running) -> float:
    """Seconds since the last commit: the clock of an idle daemon."""
    return (await running.metrics())["pend_indexer_seconds_since_last_commit"]


async def has_idled(running: Running, seconds: float) -> bool:
    return await idle_s(running) >= seconds


async def test_declared_outage_of_the_node_is_waited_out_without_beginning_again(
    embedded_database: str, server: DevnetServer
) -> None:
    async with daemon(
        embedded_database, server, follow__watchdog_s=4, node__retry_deadline_s=600, node__silence_timeout_s=1
    ) as running:
        await fills(running, embedded_database)
        server.devnet.advance(2)
        server.faults = Answerless()
        await shows(running, node_up=0)
        before, since = await restarts(running), await idle_s(running)
        # The waits between two attempts double: one of them is longer than the watchdog's by now.
        await running.until(lambda: has_idled(running, since + 13), "the outage lasts")
        assert await restarts(running) == before
        server.faults = NoFaults()
        await follows(running, embedded_database, server)
        await shows(running, node_up=1)


async def test_daemon_that_hangs_at_its_start_begins_again(
    embedded_database: str, server: DevnetServer
) -> None:
    hanging = Hanging(frozenset({"eth_chainId"}))
    server.faults = hanging
    try:
        async with daemon(embedded_database, server, follow__watchdog_s=2, **PATIENT) as running:
            await running.until(hanging.met.is_set, "the node is asked who it is")
            await counts(running, "stage_restarts_total", "start")
            server.faults = NoFaults()
            await follows(running, embedded_database, server)
    finally:
        hanging.let_go.set()
