"""A block that the node never gives consistently is set aside, said aloud, and tried again."""

import math
from collections.abc import AsyncIterator

import asyncpg
import msgspec
import pytest

from devnet.chain import Devnet
from devnet.faults import NoFaults
from devnet.server import DevnetServer
from tests.database import DatabaseServer
from tests.devnet_faults import LyingReceipts
from tests.integration.indexer.daemons import daemon, fills, follows
from tests.integration.indexer.histories import truth_of
from tests.integration.indexer.weather import samples, shows
from tests.oracle import assert_holds_chain, digests, tip, value
from tests.processes import Running, environment, run_pend_index

HEAD = 60


@pytest.fixture
async def server() -> AsyncIterator[DevnetServer]:
    devnet = Devnet(54, history_blocks=HEAD, transactions_per_block=1)
    async with DevnetServer(devnet) as started:
        yield started


async def test_retry_quarantined_without_a_range_stores_what_was_set_aside(
    embedded_database: str, embedded_home: DatabaseServer, server: DevnetServer
) -> None:
    env = environment(embedded_database, server.http_url, node__batch_blocks_max=4)
    server.faults = LyingReceipts({20, 21, 40})
    finished = await run_pend_index("backfill", "--from-block", "0", env=env)
    assert finished.code == 1, finished.output
    assert "--retry-quarantined" in finished.stderr

    finished = await run_pend_index("backfill", "--retry-quarantined", env=env)
    assert finished.code == 1, finished.output
    assert "3 blocks could not be stored: 20, 21, 40" in finished.stderr
    attempts = "SELECT array_agg(attempts) FROM chain.quarantined_blocks"
    assert await value(embedded_database, attempts) == [2, 2, 2]

    server.faults = LyingReceipts({40})
    finished = await run_pend_index("backfill", "--retry-quarantined", env=env)
    assert finished.code == 1, finished.output
    status = await run_pend_index("status", "--json", env=env)
    report = msgspec.json.decode(status.stdout)
    assert (report["quarantined_blocks"], [row["number"] for row in report["quarantined"]]) == (1, [40])

    server.faults = NoFaults()
    finished = await run_pend_index("backfill", "--retry-quarantined", env=env)
    assert finished.code == 0, finished.output
    assert "1 quarantined blocks are stored" in finished.stdout
    assert await digests(embedded_database) == await truth_of(server, embedded_home)
    finished = await run_pend_index("backfill", "--retry-quarantined", env=env)
    assert (finished.code, "0 quarantined blocks are stored" in finished.stdout) == (0, True)


async def test_retry_quarantined_strikes_blocks_off_that_were_stored_meanwhile(
    embedded_database: str, server: DevnetServer
) -> None:
    env = environment(embedded_database, server.http_url)
    assert (await run_pend_index("backfill", "--from-block", "0", env=env)).code == 0
    await value(
        embedded_database,
        "INSERT INTO chain.quarantined_blocks (number, kind, reason) VALUES (7, 'missing', 'late') RETURNING 1",
    )
    finished = await run_pend_index("backfill", "--retry-quarantined", env=env)
    assert finished.code == 0, finished.output
    assert await value(embedded_database, "SELECT count(*) FROM chain.quarantined_blocks") == 0


@pytest.mark.parametrize(
    "arguments",
    [(), ("--retry-quarantined", "--from-block", "1"), ("--retry-quarantined", "--to-block", "9")],
)
async def test_backfill_of_neither_or_both_is_refused_with_2(
    arguments: tuple[str, ...], embedded_database: str, server: DevnetServer
) -> None:
    finished = await run_pend_index(
        "backfill", *arguments, env=environment(embedded_database, server.http_url)
    )
    assert finished.code == 2, finished.output
    assert "--retry-quarantined" in finished.stderr


async def test_poison_head_is_said_aloud_and_tried_until_the_node_is_honest(
    embedded_database: str, embedded_home: DatabaseServer, server: DevnetServer
) -> None:
    async with daemon(embedded_database, server, follow__max_reorg_depth=4) as running:
        await fills(running, embedded_database)
        await running.until(lambda: no_poison(running), "no poison head is known")
        server.faults = LyingReceipts({HEAD + 3})
        server.devnet.advance(5)
        await shows(running, poison_head_block=HEAD + 3, quarantined_blocks=1, node_up=1)
        await running.says("block at the head quarantined")
        assert await tip(embedded_database) == HEAD + 2, "what is good below it is stored"
        env = environment(embedded_database, server.http_url)
        status = await run_pend_index("status", env=env)
        assert f"block {HEAD + 3}: " in status.stdout
        await running.until(lambda: attempted(embedded_database, 2), "it is tried again")

        server.faults = NoFaults()
        await follows(running, embedded_database, server)
        await running.until(lambda: no_poison(running), "the alarm is over")
        await shows(running, quarantined_blocks=0)
    await assert_holds_chain(embedded_database, server.devnet)
    assert await digests(embedded_database) == await truth_of(server, embedded_home)


async def no_poison(running: Running) -> bool:
    return math.isnan((await samples(running, "poison_head_block"))[()])


async def attempted(dsn: str, times: int) -> bool:
    connection = await asyncpg.connect(dsn)
    try:
        attempts = await connection.fetchval("SELECT max(attempts) FROM chain.quarantined_blocks")
    finally:
        await connection.close()
    return attempts is not None and attempts >= times
