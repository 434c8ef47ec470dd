"""The follower in this process: what it believes, and what it refuses (invariant 6, LESSONS.md 3.10)."""

import pytest

from evm.consensus import Consensus
from indexer.errors import FinalityViolated
from tests.integration.indexer.chain_fixtures import network
from tests.integration.indexer.followers import DEPTH, follower, hashes, seen


@pytest.mark.parametrize("consensus", [Consensus.QBFT, Consensus.CLIQUE])
async def test_follower_told_of_a_block_that_the_node_has_given_up_changes_nothing(
    consensus: Consensus, embedded_database: str
) -> None:
    """An announcement is no proof: the node must stand by the hash when it is asked again."""
    async with network(consensus, history=12) as served:
        given_up = served.devnet.reorg(DEPTH + 2, DEPTH + 3).removed
        async with follower(served, embedded_database) as follow:
            await follow.converge(seen(served.devnet.head))
            before = await hashes(follow.connection)
            for block in given_up:
                await follow.converge(seen(block))
            assert await hashes(follow.connection) == before
            assert follow.window.tip is not None
            assert follow.window.tip.hash == served.devnet.head.hash


async def test_follower_on_qbft_refuses_a_reorg_of_one_block(embedded_database: str) -> None:
    async with network(Consensus.QBFT, history=12) as served, follower(served, embedded_database) as follow:
        await follow.converge(seen(served.devnet.head))
        before = await hashes(follow.connection)
        served.devnet.reorg(1)
        with pytest.raises(FinalityViolated, match="block 12 is final"):
            await follow.converge(seen(served.devnet.head))
        assert await hashes(follow.connection) == before


async def test_follower_on_clique_replaces_the_same_block(embedded_database: str) -> None:
    async with (
        network(Consensus.CLIQUE, history=12) as served,
        follower(served, embedded_database) as follow,
    ):
        await follow.converge(seen(served.devnet.head))
        change = served.devnet.reorg(1)
        await follow.converge(seen(served.devnet.head))
        assert (await hashes(follow.connection))[-len(change.added) :] == [
            block.hash for block in change.added
        ]
