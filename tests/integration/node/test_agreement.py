"""Two endpoints, two hashes at one height: said above the finalized block, a halt below it (invariant 6)."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from devnet.chain import Devnet
from devnet.server import DevnetServer
from devnet.weather.networks import Lagging, OtherBranch, OtherChainId, ResetNetwork
from devnet.weather.spells import Spell
from devnet.weather.transport import HttpStatus, Stalled
from evm.consensus import Consensus
from node.agreement import Heights, watch_agreement
from node.client import NodeClient
from node.errors import EndpointsDisagree
from tests.integration.node.scripted_node import Recorder, quick

TIMEOUT_S = 10.0


@pytest.fixture
def clique() -> Devnet:
    return Devnet(7, Consensus.CLIQUE, history_blocks=24)


@pytest_asyncio.fixture
async def first(clique: Devnet) -> AsyncIterator[DevnetServer]:
    async with DevnetServer(clique) as server:
        yield server


@pytest_asyncio.fixture
async def second(clique: Devnet) -> AsyncIterator[DevnetServer]:
    async with DevnetServer(clique) as server:
        yield server


@pytest_asyncio.fixture
async def client(first: DevnetServer, second: DevnetServer, recorder: Recorder) -> AsyncIterator[NodeClient]:
    settings = quick(first.http_url, second.http_url, request_timeout_s=0.2, check_timeout_s=0.2)
    async with NodeClient(settings, recorder) as client:
        await client.verify_network(first.devnet.chain_id, "0x" + first.devnet.genesis.hash.hex())
        yield client


async def test_agreement_of_nodes_on_one_chain_is_quiet(client: NodeClient, recorder: Recorder) -> None:
    for number in (0, 10, 24, 25):
        assert await client.check_agreement(number, finalized=24)
    assert recorder.disagreements == []


async def test_agreement_broken_above_the_finalized_block_is_told_and_nothing_more(
    client: NodeClient, second: DevnetServer, recorder: Recorder
) -> None:
    second.set_weather([Spell(OtherBranch(depth=3))])
    assert await client.check_agreement(21, finalized=20)
    assert not await client.check_agreement(22, finalized=20)
    assert recorder.disagreements == [22]


async def test_agreement_broken_at_the_finalized_block_names_everyone_and_what_they_say(
    client: NodeClient, first: DevnetServer, second: DevnetServer, recorder: Recorder, clique: Devnet
) -> None:
    second.set_weather([Spell(OtherBranch(depth=3))])
    with pytest.raises(EndpointsDisagree, match="disagree about final block 22") as caught:
        await client.check_agreement(22, finalized=22)
    block = clique.block(22)
    assert block is not None
    (one, its), (two, others) = caught.value.hashes
    assert (one, its) == (first.http_url.removeprefix("http://"), "0x" + block.hash.hex())
    assert two == second.http_url.removeprefix("http://")
    assert others != its
    assert recorder.disagreements == [22]


@pytest.mark.parametrize(
    "fault",
    [ResetNetwork(history=23), Lagging(behind=5), HttpStatus(503), Stalled()],
    ids=lambda fault: fault.name,
)
async def test_agreement_does_not_count_who_is_foreign_behind_or_away(
    client: NodeClient, second: DevnetServer, recorder: Recorder, fault: HttpStatus
) -> None:
    """A network that was made anew is another network: set aside, not a reason to halt."""
    second.set_weather([Spell(fault)])
    assert await client.check_agreement(22, finalized=24)
    assert recorder.disagreements == []
    if isinstance(fault, ResetNetwork):
        assert recorder.set_aside == [(second.http_url.removeprefix("http://"), "wrong_genesis")]


async def test_agreement_with_a_foreign_chain_id_on_another_branch_is_not_asked_for(
    client: NodeClient, second: DevnetServer, recorder: Recorder
) -> None:
    second.set_weather([Spell(OtherChainId()), Spell(OtherBranch(depth=3))])
    assert await client.check_agreement(22, finalized=24)
    assert [reason for _, reason in recorder.set_aside] == ["wrong_chain"]


async def test_watch_agreement_halts_at_a_difference_below_finality_whatever_the_head(
    client: NodeClient, second: DevnetServer, recorder: Recorder
) -> None:
    heights: Heights | None = None

    async def watching() -> None:
        await watch_agreement(client, lambda: heights, interval_s=0.001)

    task = asyncio.create_task(watching())
    second.set_weather([Spell(OtherBranch(depth=3))])
    await asyncio.sleep(0.02)
    heights = Heights(head=24, finalized=-1)
    async with asyncio.timeout(TIMEOUT_S):
        while not recorder.disagreements:
            await asyncio.sleep(0.001)
    assert not task.done()
    heights = Heights(head=24, finalized=22)
    with pytest.raises(EndpointsDisagree) as caught:
        await asyncio.wait_for(task, TIMEOUT_S)
    assert caught.value.number == 22
