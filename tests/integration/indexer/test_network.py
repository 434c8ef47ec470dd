"""Which network a database holds is decided once, by one network (invariant 9)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from devnet.chain import Devnet
from devnet.server import DevnetServer
from evm.consensus import Consensus
from indexer.errors import WrongNetwork
from indexer.network import Network, agree_on_network
from node.client import NodeClient
from node.errors import WrongGenesis
from node.settings import NodeSettings
from tests.devnet_faults import Answerless, AtExchange
from tests.integration.indexer.followers import hashes
from tests.processes import environment, eventually, pend_index


@asynccontextmanager
async def server(seed: int) -> AsyncIterator[DevnetServer]:
    async with DevnetServer(Devnet(seed, Consensus.CLIQUE, history_blocks=3)) as started:
        yield started


@asynccontextmanager
async def client(*servers: DevnetServer) -> AsyncIterator[NodeClient]:
    settings = NodeSettings(urls=tuple(each.http_url for each in servers), deadline_s=5.0)
    async with NodeClient(settings) as opened:
        yield opened


async def recorded(connection: asyncpg.Connection) -> list[bytes]:
    return [row[0] for row in await connection.fetch("SELECT genesis_hash FROM chain.chain_state")]


async def test_network_of_endpoints_that_disagree_is_not_recorded(connection: asyncpg.Connection) -> None:
    async with server(1) as one, server(2) as other, client(one, other) as node:
        with pytest.raises(WrongGenesis):
            await agree_on_network(connection, node)
    assert await recorded(connection) == []


async def test_network_of_a_foreign_second_endpoint_is_set_aside_at_a_later_start(
    connection: asyncpg.Connection,
) -> None:
    async with server(1) as one, server(2) as other:
        async with client(one) as node:
            await agree_on_network(connection, node)
        async with client(other, one) as node:
            agreed = await agree_on_network(connection, node)
            assert agreed.genesis_hash == one.devnet.genesis.hash
            assert await node.genesis_hash() == "0x" + one.devnet.genesis.hash.hex()


async def test_network_of_another_chain_is_refused_at_a_later_start(connection: asyncpg.Connection) -> None:
    async with server(1) as one, server(2) as other:
        async with client(one) as node:
            await agree_on_network(connection, node)
        async with client(other) as node:
            with pytest.raises(WrongGenesis):
                await agree_on_network(connection, node)
        assert await recorded(connection) == [one.devnet.genesis.hash]


async def test_network_recorded_by_two_first_starts_at_once_is_one(
    connection: asyncpg.Connection, database: str
) -> None:
    """Both find the database empty; the second to record its network learns that it is another's."""
    starting = [await asyncpg.connect(database) for _ in range(2)]
    async with server(1) as one, server(2) as other, client(one) as first, client(other) as second:
        async with connection.transaction():
            await connection.execute("LOCK TABLE chain.chain_state IN SHARE MODE")
            both = [
                asyncio.create_task(agree_on_network(own, node))
                for own, node in zip(starting, (first, second), strict=True)
            ]
            pids = [own.get_server_pid() for own in starting]

            async def both_wait() -> bool:
                query = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted AND pid = ANY ($1)"
                waiting: int = await connection.fetchval(query, pids)
                return waiting == 2

            await eventually(both_wait, "both are about to record their network")
        ended = await asyncio.gather(*both, return_exceptions=True)
        agreed = [each for each in ended if isinstance(each, Network)]
        assert [type(each) for each in ended if each not in agreed] == [WrongNetwork]
        assert await recorded(connection) == [each.genesis_hash for each in agreed]
    for own in starting:
        await own.close()


async def test_backfill_whose_node_comes_back_as_another_network_ends_with_5_and_stores_nothing_of_it(
    embedded_database: str,
) -> None:
    """Each worker has a client of its own, which compares for itself."""
    first, other = (Devnet(seed, Consensus.CLIQUE, history_blocks=200) for seed in (1, 2))
    async with DevnetServer(first) as served:
        away = Answerless()

        def goes_away() -> None:
            served.faults = away

        served.faults = AtExchange(40, goes_away)
        env = environment(
            embedded_database,
            served.http_url,
            backfill__workers=1,
            backfill__segment_blocks=20,
            backfill__commit_rows=1,
            node__batch_blocks_max=5,
            node__retry_deadline_s=20,
        )
        async with pend_index("backfill", "--from-block", "0", "--to-block", "200", env=env) as running:
            await running.until(lambda: away.asked > 0, "the node is away")
            await served.__aexit__(None, None, None)
            async with DevnetServer(other, port=int(served.http_url.rpartition(":")[2])):
                finished = await running.finished()
    assert finished.code == 5, finished.output
    assert f"0x{other.genesis.hash.hex()}" in finished.stderr
    connection = await asyncpg.connect(embedded_database)
    stored = await hashes(connection)
    await connection.close()
    assert 1 < len(stored) < 201
    chain = [first.block(number) for number in range(len(stored))]
    assert stored == [block.hash for block in chain if block is not None]
