"""A look for heads that hangs is begun again, whatever else the daemon hears from the node meanwhile."""

import asyncio

import pytest

from devnet.chain import Devnet
from devnet.faults import NoFaults
from devnet.server import DevnetServer
from evm.consensus import Consensus
from indexer.metrics import IndexerMetrics
from indexer.node_watch import NodeWatch
from node.client import NodeClient
from node.heads import heads
from node.settings import NodeSettings
from tests.integration.indexer.daemons import daemon, fills, follows
from tests.integration.indexer.weather import Hanging, counts
from tests.oracle import assert_holds_chain
from tests.processes import eventually


@pytest.fixture
def devnet() -> Devnet:
    return Devnet(59, Consensus.CLIQUE, history_blocks=20, transactions_per_block=1)


async def test_look_for_heads_that_is_never_answered_is_begun_again(
    devnet: Devnet, embedded_database: str
) -> None:
    hanging = Hanging(frozenset({"eth_getBlockByNumber"}))
    async with (
        DevnetServer(devnet) as server,
        daemon(
            embedded_database,
            server,
            follow__watchdog_s=2,
            node__request_timeout_s=600,
            node__silence_timeout_s=1,
        ) as running,
    ):
        await follows(running, embedded_database, server)
        await fills(running, embedded_database)
        try:
            server.faults = hanging
            await running.until(hanging.met.is_set, "the daemon looks for a head")
            await counts(running, "stage_restarts_total", "heads")
            server.faults = NoFaults()
            devnet.advance()
            await follows(running, embedded_database, server)
        finally:
            hanging.let_go.set()
        await assert_holds_chain(embedded_database, devnet)


async def test_look_that_hangs_is_no_look_although_others_are_answered(devnet: Devnet) -> None:
    looks = 0

    def looked() -> None:
        nonlocal looks
        looks += 1

    watch = NodeWatch(IndexerMetrics())
    async with (
        DevnetServer(devnet) as server,
        NodeClient(NodeSettings(urls=(server.http_url,), request_timeout_s=600), watch) as node,
    ):
        stream = heads(node, ws_url=None, poll_interval_s=0.01, on_look=looked)
        await anext(stream)
        waiting = asyncio.create_task(anext(stream))
        # The head stays the same: nothing is yielded, and yet each poll is a look.
        await eventually(lambda: looks > 3, "the node is polled")
        hanging = Hanging(frozenset({"eth_getBlockByNumber"}))
        server.faults = hanging
        try:
            await hanging.met.wait()
            before = looks
            for _ in range(3):
                assert await node.fetch_header_by_hash("0x" + devnet.head.hash.hex()) is not None
            assert looks == before
        finally:
            hanging.let_go.set()
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await stream.aclose()
