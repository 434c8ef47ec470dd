"""A follower in this process, for tests that tell it of heads themselves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from evm.blocks import Block
from indexer.follow import Follower, FollowLimits, select_window
from indexer.metrics import IndexerMetrics
from indexer.network import agree_on_network
from node.heads import HeadSeen
from postgres.connections import Connection
from tests.integration.indexer.chain_fixtures import Network

DEPTH = 4


@asynccontextmanager
async def follower(served: Network, dsn: str) -> AsyncIterator[Follower]:
    connection = await asyncpg.connect(dsn)
    try:
        agreed = await agree_on_network(connection, served.node)
        window = await select_window(connection, DEPTH)
        limits = FollowLimits(batch_blocks=5, jump_blocks=1000, from_block=0, full=False)
        yield Follower(served.node, connection, agreed, 0, window, limits, IndexerMetrics())
    finally:
        await connection.close()


def seen(block: Block) -> HeadSeen:
    header = block.header
    return HeadSeen(header.number, f"0x{block.hash.hex()}", f"0x{header.parent_hash.hex()}", header.timestamp)


async def hashes(connection: Connection) -> list[bytes]:
    """Of every stored block, lowest first."""
    return [row["hash"] for row in await connection.fetch("SELECT hash FROM chain.blocks ORDER BY number")]
