from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from devnet.chain import Devnet
from evm.consensus import Consensus
from tests.integration.node.scripted_node import Recorder, ScriptedNode

BLOCKS = 24


@pytest.fixture
def chain() -> Devnet:
    return Devnet(11, Consensus.QBFT, history_blocks=BLOCKS, transactions_per_block=4)


@pytest_asyncio.fixture
async def scripted(chain: Devnet) -> AsyncIterator[ScriptedNode]:
    async with ScriptedNode(chain) as node:
        yield node


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()
