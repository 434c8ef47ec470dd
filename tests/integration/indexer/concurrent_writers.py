"""Backfill workers and a follower in one loop, each on its own sessions, for schedules of their transactions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from devnet.chain import Devnet
from devnet.server import DevnetServer
from evm.consensus import Consensus
from indexer import errors
from indexer.fetch import FetchLimits
from indexer.follow import Follower, FollowLimits, select_window
from indexer.metrics import IndexerMetrics
from indexer.network import Network, agree_on_network
from indexer.segment import SegmentLimits, SegmentWriter
from indexer.session import writer_session
from indexer.settings import IndexerSettings
from node.client import NodeClient
from node.errors import NodeRetryable
from node.heads import HeadSeen
from node.settings import NodeSettings
from postgres import errors as database_errors
from postgres.connections import OwnConnection
from postgres.pool import DatabaseSettings, open_pool

FOLLOWER = "pend-index run"
MAX_REORG_DEPTH = 8

_EMPTY = """
TRUNCATE chain.blocks, chain.transactions, chain.logs, chain.block_locations, chain.transaction_locations,
         chain.coverage, chain.outbox, chain.orphaned_blocks, chain.reorgs, chain.quarantined_blocks,
         chain.chain_state
"""


@dataclass(slots=True)
class Writers:
    """Each task is named as its sessions are, which is how the gates know it."""

    dsn: str
    server: DevnetServer
    node: NodeClient
    network: Network
    _following: "asyncio.Task[None] | None" = None

    def backfill(
        self, name: str, first: int, last: int, *, commit_rows: int = 10_000
    ) -> "asyncio.Task[None]":
        """A worker that stores what is missing of one segment."""
        return asyncio.create_task(self.fill(name, first, last, commit_rows=commit_rows), name=name)

    async def fill(self, name: str, first: int, last: int, *, commit_rows: int = 10_000) -> None:
        limits = SegmentLimits(
            FetchLimits(2, 4, 2**26), commit_rows=commit_rows, full=False, outage_max_s=float("inf")
        )
        # The test decides how long anything waits: the gates hold a transaction for as long as they like.
        settings = DatabaseSettings(
            self.dsn, application_name=name, statement_timeout_s=0, lock_timeout_s=0, pool_size_min=0
        )
        async with await open_pool(settings) as pool:
            writer = SegmentWriter(self.node, pool, self.network, limits, lambda _committed, _seconds: None)
            # Blocks that a shorter branch has taken away are set aside; what is set aside in the end is compared.
            await writer.store((first, last))

    @asynccontextmanager
    async def follower(self) -> AsyncIterator[Follower]:
        """A follower with a session and an epoch of its own, on the stored chain."""
        settings = IndexerSettings.model_validate(
            {
                "node": {"urls": [self.server.http_url]},
                "database": {"dsn": self.dsn, "statement_timeout_s": 0, "lock_timeout_s": 0},
            }
        )
        async with writer_session(settings, lock_wait_s=60) as session:
            yield Follower(
                node=self.node,
                connection=session.connection,
                network=self.network,
                epoch=session.epoch,
                window=await select_window(session.connection, MAX_REORG_DEPTH),
                limits=FollowLimits(batch_blocks=4, jump_blocks=1024, from_block=0, full=False),
                metrics=IndexerMetrics(),
            )

    def follow(self, follower: Follower) -> "asyncio.Task[None]":
        """Arrive at the head, once the arrival before has ended; one head after the other, as the daemon."""
        self._following = asyncio.create_task(self._follow(follower, self._following), name=FOLLOWER)
        return self._following

    async def _follow(self, follower: Follower, before: "asyncio.Task[None] | None") -> None:
        if before is not None:
            await before
        await self.arrive(follower)

    async def arrive(self, follower: Follower) -> None:
        """With what the daemon does about each error that may be met."""
        while True:
            try:
                await follower.converge(await self._head())
            except (errors.Retryable, database_errors.UniqueConflict, database_errors.Conflict):
                await follower.reload()
            except NodeRetryable:  # the branch changed while it was being fetched
                continue
            else:
                return

    async def _head(self) -> HeadSeen:
        newest = await self.node.fetch_header("latest")
        assert newest is not None
        return HeadSeen(int(newest.number, 16), newest.hash, newest.parent_hash, int(newest.timestamp, 16))


@asynccontextmanager
async def writers(dsn: str, admin: OwnConnection, *, history: int, seed: int = 3) -> AsyncIterator[Writers]:
    """A network of `history` blocks and an empty database that knows it; what was in it before is gone."""
    await admin.execute(_EMPTY)
    # So small that most transactions make a chunk, with the locks that this takes. Nothing in the plain home.
    await admin.fetch("SELECT chain.resize_chunks(4)")
    devnet = Devnet(seed, Consensus.CLIQUE, history_blocks=history, transactions_per_block=1)
    async with (
        DevnetServer(devnet) as server,
        NodeClient(NodeSettings(urls=(server.http_url,), deadline_s=5.0)) as node,
    ):
        yield Writers(dsn, server, node, await agree_on_network(admin, node))
