"""A devnet in this process and a node client on it, for tests that need real checked blocks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from devnet.chain import Devnet
from devnet.server import DevnetServer
from evm.consensus import Consensus
from indexer.rows import BlockRows, block_rows
from node.client import NodeClient
from node.settings import NodeSettings


@dataclass(frozen=True)
class Network:
    devnet: Devnet
    server: DevnetServer
    node: NodeClient

    async def rows(self, first: int, last: int) -> list[BlockRows]:
        """Blocks of the canonical chain as rows."""
        return [
            block_rows(block) for block in await self.node.fetch_blocks(range(first, last + 1), full=True)
        ]


@asynccontextmanager
async def network(
    consensus: Consensus, *, history: int, transactions_per_block: int = 4, seed: int = 7
) -> AsyncIterator[Network]:
    devnet = Devnet(seed, consensus, history_blocks=history, transactions_per_block=transactions_per_block)
    async with (
        DevnetServer(devnet) as server,
        NodeClient(NodeSettings(urls=(server.http_url,), deadline_s=5.0)) as node,
    ):
        yield Network(devnet, server, node)
