from collections.abc import AsyncIterator

import pytest

from evm.consensus import Consensus
from tests.integration.indexer.chain_fixtures import Network, network
from tests.integration.indexer.fetched.fetching_fixtures import Lies


@pytest.fixture
async def clique() -> AsyncIterator[Network]:
    async with network(Consensus.CLIQUE, history=30) as running:
        yield running


@pytest.fixture
def lies(clique: Network) -> Lies:
    """What the node answers instead of the truth; nothing at first."""
    faults = Lies()
    clique.server.faults = faults
    return faults
