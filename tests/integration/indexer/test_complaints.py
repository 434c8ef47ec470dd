"""What users of other indexers complain of loudest (LESSONS.md 3), as far as only an indexer can cause it.

What a node client can cause is in tests/integration/node/test_complaints.py.
"""

from dataclasses import dataclass, field

import pytest
from aiohttp import web

from devnet.faults import Exchange, NoFaults
from evm.consensus import Consensus
from indexer.fetch import FetchLimits, fetch_in_order
from tests.integration.indexer.chain_fixtures import Network, network
from tests.integration.indexer.followers import follower, seen

ASKED_FOR = {
    "eth_blockNumber",
    "eth_chainId",
    "eth_getBlockByHash",
    "eth_getBlockByNumber",
    "eth_getBlockReceipts",
    "eth_getTransactionReceipt",
}


@dataclass
class Heard(NoFaults):
    """Remembers which methods were asked for."""

    methods: set[str] = field(default_factory=set)

    async def before(self, exchange: Exchange) -> web.Response | None:
        self.methods |= {call.method for call in exchange.calls}
        return None


async def queued(served: Network, queue_bytes_max: int) -> list[int]:
    """What the queue held while somebody slow took blocks from it, once the size of a block was known."""
    held: list[int] = []
    limits = FetchLimits(in_flight_max=8, batch_blocks_max=2, queue_bytes_max=queue_bytes_max)
    stream = fetch_in_order(served.node, 1, 40, limits, full=False, on_queue_bytes=held.append)
    taken = 0
    async for batch in stream:
        taken += len(batch)
        if taken <= 10:
            held.clear()
        # Time in which everything that was asked for arrives.
        for _ in range(10):
            await served.node.head_number()
    assert taken == 40
    return held


@pytest.mark.parametrize("blocks", [3, 12])
async def test_queue_of_fetched_blocks_is_bounded_by_bytes_whatever_their_number(blocks: int) -> None:
    """Complaint 21: a bound on blocks is no bound on memory."""
    async with network(Consensus.CLIQUE, history=40, transactions_per_block=12) as served:
        fetched = await served.node.fetch_blocks(range(1, 41), full=False)
        largest = max(each.size_bytes for each in fetched)
        held = await queued(served, queue_bytes_max=blocks * largest)
        assert max(held) <= blocks * largest
        assert max(held) > 0


async def test_follower_asks_for_no_trace_nor_anything_that_besu_may_lack(embedded_database: str) -> None:
    """Complaints 6 to 9: trace calls stop nodes, are missing or are wrong; nothing stored rests on them."""
    async with network(Consensus.CLIQUE, history=12) as served:
        served.server.faults = heard = Heard()
        async with follower(served, embedded_database) as follow:
            await follow.converge(seen(served.devnet.head))
            served.devnet.reorg(2)
            await follow.converge(seen(served.devnet.head))
        assert heard.methods <= ASKED_FOR
