"""Several endpoints: failover, health, height, and never another network (invariant 9)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from devnet.chain import Devnet
from evm.consensus import Consensus
from node.client import NodeClient
from node.errors import AccessDenied, NodeRefused, NodeUnreachable, WrongChain, WrongGenesis
from node.wire import to_block
from tests.integration.node.scripted_node import (
    Calls,
    Recorder,
    ScriptedNode,
    client_of,
    quick,
    silent,
    status,
)

TIMEOUT_S = 10.0


@pytest_asyncio.fixture
async def second(chain: Devnet) -> AsyncIterator[ScriptedNode]:
    async with ScriptedNode(chain) as node:
        yield node


def host(node: ScriptedNode) -> str:
    return f"127.0.0.1:{node.port}"


def chain_of(blocks: int) -> Devnet:
    """The first blocks of the `chain` fixture."""
    return Devnet(11, Consensus.QBFT, history_blocks=blocks, transactions_per_block=4)


async def eventually(client: NodeClient, node: ScriptedNode) -> None:
    """Ask until `node` is the endpoint that is asked first."""
    async with asyncio.timeout(TIMEOUT_S):
        while client.endpoint != host(node):
            await client.head_number()
            await asyncio.sleep(0.001)


async def asking(client: NodeClient) -> None:
    """Ask until that fails."""
    while True:
        await client.fetch_blocks([6], full=False)


def network(chain: Devnet) -> tuple[int, str]:
    return chain.chain_id, "0x" + chain.genesis.hash.hex()


async def test_operation_that_fails_on_the_first_endpoint_is_done_by_the_next_at_once(
    scripted: ScriptedNode, second: ScriptedNode, recorder: Recorder
) -> None:
    scripted.always = status(503)
    async with client_of(
        scripted,
        second,
        observer=recorder,
        retry_wait_initial_s=60,
        set_aside_initial_s=60,
        set_aside_max_s=60,
    ) as client:
        (fetched,) = await client.fetch_blocks([5], full=False)
        assert fetched.endpoint == f"127.0.0.1:{second.port}"
        assert recorder.retries == [("eth_getBlockByNumber", "refused")]
        # The first is set aside, so the next question goes straight to the second.
        assert client.endpoint == f"127.0.0.1:{second.port}"
        await client.fetch_blocks([6], full=False)
    assert len(scripted.requests) == 1


async def test_parts_of_a_block_come_from_one_endpoint(scripted: ScriptedNode, second: ScriptedNode) -> None:
    """Receipts that fail on the first endpoint are not taken from the second for the first one's block."""
    scripted.disabled["eth_getBlockReceipts"] = -32603
    async with client_of(scripted, second) as client:
        (fetched,) = await client.fetch_blocks([5], full=False)
    assert fetched.endpoint == f"127.0.0.1:{second.port}"
    assert second.requests == [("eth_getBlockByNumber", 1), ("eth_getBlockReceipts", 1)]


async def test_inconsistent_block_is_asked_of_the_next_endpoint(
    scripted: ScriptedNode, second: ScriptedNode, recorder: Recorder
) -> None:
    def lie(method: str, result: Any) -> Any:
        if method == "eth_getBlockByNumber":
            result["stateRoot"] = "0x" + "00" * 32
        return result

    scripted.twist = lie
    async with client_of(scripted, second, observer=recorder) as client:
        await client.fetch_blocks([5], full=False)
    assert recorder.inconsistent == ["header_hash"]


async def test_block_that_the_first_endpoint_lacks_comes_from_the_next_from_then_on(
    scripted: ScriptedNode, recorder: Recorder
) -> None:
    async with (
        ScriptedNode(chain_of(10)) as lagging,
        client_of(lagging, scripted, observer=recorder) as client,
    ):
        (fetched,) = await client.fetch_blocks([20], full=False)
        assert fetched.endpoint == host(scripted)
        assert client.endpoint == host(scripted)
        assert recorder.set_aside == [(host(lagging), "missing")]


@pytest.mark.parametrize("by_hash", [False, True])
async def test_block_that_one_endpoint_knows_is_not_said_to_be_absent(
    scripted: ScriptedNode, chain: Devnet, by_hash: bool
) -> None:
    block_hash = "0x" + chain.head.hash.hex()
    async with ScriptedNode(chain_of(10)) as lagging, client_of(lagging, scripted) as client:
        found = await (client.fetch_header_by_hash(block_hash) if by_hash else client.fetch_header(24))
        assert found is not None
        assert found.hash == block_hash
    async with ScriptedNode(chain_of(10)) as lagging, client_of(lagging, scripted) as client:
        assert await client.fetch_block_by_hash(block_hash, full=False) is not None
        assert await client.fetch_header(25) is None
        assert await client.fetch_block_by_hash("0x" + "99" * 32, full=False) is None


async def test_block_that_nobody_who_answers_knows_is_absent_though_another_is_away(
    scripted: ScriptedNode, second: ScriptedNode
) -> None:
    second.always = status(503)
    async with client_of(scripted, second) as client:
        assert await client.fetch_header(999) is None


async def test_all_endpoints_failing_raises_the_one_to_wait_out(
    scripted: ScriptedNode, second: ScriptedNode
) -> None:
    scripted.always = status(403)
    await second.__aexit__()
    async with client_of(scripted, second, deadline_s=0.01) as client:
        with pytest.raises(NodeUnreachable):
            await client.chain_id()
    await second.__aenter__()
    second.always = status(403)
    async with client_of(scripted, second) as client:
        with pytest.raises(AccessDenied):
            await client.chain_id()


async def test_verify_network_of_the_right_one_passes(scripted: ScriptedNode, chain: Devnet) -> None:
    async with client_of(scripted) as client:
        chain_id, genesis_hash = network(chain)
        await client.verify_network(chain_id, genesis_hash.upper().replace("X", "x"))
        assert all(endpoint.verified for endpoint in client.endpoints)


async def test_verify_network_of_another_chain_id_is_refused(scripted: ScriptedNode, chain: Devnet) -> None:
    async with client_of(scripted) as client:
        with pytest.raises(WrongChain) as caught:
            await client.verify_network(1, network(chain)[1])
    assert (caught.value.expected, caught.value.found) == (1, 1337)


async def test_verify_network_of_another_genesis_is_refused(scripted: ScriptedNode) -> None:
    async with client_of(scripted) as client:
        with pytest.raises(WrongGenesis, match="index it into a new database"):
            await client.verify_network(1337, "0x" + "00" * 32)


async def test_verify_network_of_every_endpoint_is_refused_if_one_is_foreign(
    scripted: ScriptedNode, chain: Devnet
) -> None:
    foreign = Devnet(12, Consensus.CLIQUE, history_blocks=1)
    async with ScriptedNode(foreign) as stranger, client_of(scripted, stranger) as client:
        with pytest.raises(WrongGenesis):
            await client.verify_network(*network(chain), every=True)


async def test_verify_network_goes_on_without_a_foreign_endpoint_until_it_is_the_right_one(
    scripted: ScriptedNode, chain: Devnet, recorder: Recorder
) -> None:
    foreign = Devnet(12, Consensus.CLIQUE, history_blocks=30)
    async with ScriptedNode(foreign) as stranger, client_of(stranger, scripted, observer=recorder) as client:
        await client.verify_network(*network(chain))
        assert recorder.set_aside == [(host(stranger), "wrong_genesis")]
        stranger.requests.clear()
        for number in range(5, 15):
            (fetched,) = await client.fetch_blocks([number], full=False)
            assert fetched.endpoint == host(scripted)
        # Only ever checked, never asked; and taken back when it is the right one at last.
        assert "eth_getBlockReceipts" not in dict(stranger.requests)
        stranger.chain = chain
        await eventually(client, stranger)


async def test_verify_network_with_one_endpoint_down_passes_and_checks_it_when_it_is_back(
    scripted: ScriptedNode, chain: Devnet, recorder: Recorder
) -> None:
    foreign = ScriptedNode(Devnet(12, Consensus.CLIQUE, history_blocks=30))
    async with foreign:
        pass
    async with client_of(foreign, scripted, observer=recorder) as client:
        await client.verify_network(*network(chain))
        async with foreign:
            async with asyncio.timeout(TIMEOUT_S):
                while (host(foreign), "wrong_genesis") not in recorder.set_aside:
                    (fetched,) = await client.fetch_blocks([5], full=False)
                    assert fetched.endpoint == host(scripted)
            assert set(dict(foreign.requests)) == {"eth_chainId", "eth_getBlockByNumber"}


async def test_endpoint_that_comes_back_as_another_network_is_refused(
    scripted: ScriptedNode, chain: Devnet
) -> None:
    """The only endpoint is replaced by a re-created network while we were connected."""
    async with client_of(scripted) as client:
        await client.verify_network(*network(chain))
        await client.fetch_blocks([5], full=False)
        scripted.faults.append(status(503))
        scripted.chain = Devnet(12, Consensus.QBFT, history_blocks=30)
        with pytest.raises(WrongGenesis):
            await client.fetch_blocks([6], full=False)


@pytest.mark.parametrize("foreign", ["chain id", "genesis"])
async def test_network_replaced_behind_an_address_without_any_outage_is_noticed(
    scripted: ScriptedNode, chain: Devnet, foreign: str
) -> None:
    """Not one request fails, yet the answers come from another network."""
    async with client_of(scripted, health_interval_s=0.001) as client:
        await client.verify_network(*network(chain))
        await client.fetch_blocks([5], full=False)
        if foreign == "genesis":
            scripted.chain = Devnet(12, Consensus.QBFT, history_blocks=30, transactions_per_block=4)
        else:
            scripted.twist = lambda method, result: "0x1" if method == "eth_chainId" else result
        with pytest.raises(WrongGenesis if foreign == "genesis" else WrongChain):
            await asyncio.wait_for(asking(client), TIMEOUT_S)


async def test_network_replaced_behind_one_address_leaves_the_other_in_use(
    scripted: ScriptedNode, second: ScriptedNode, chain: Devnet, recorder: Recorder
) -> None:
    async with client_of(scripted, second, observer=recorder, health_interval_s=0.001) as client:
        await client.verify_network(*network(chain))
        scripted.chain = Devnet(12, Consensus.QBFT, history_blocks=30, transactions_per_block=4)
        await eventually(client, second)
        assert recorder.set_aside[0] == (host(scripted), "wrong_genesis")
        (fetched,) = await client.fetch_blocks([5], full=False)
        assert to_block(fetched) == chain.block(5)
        # When the other one goes away too, waiting may help: a foreign one says nothing about that.
        second.always = status(503)
        with pytest.raises(NodeRefused):
            await client.fetch_blocks([6], full=False)


async def test_endpoint_far_behind_is_set_aside_until_it_has_caught_up(
    scripted: ScriptedNode, chain: Devnet, recorder: Recorder
) -> None:
    async with (
        ScriptedNode(chain_of(10)) as lagging,
        client_of(lagging, scripted, observer=recorder, health_interval_s=0.001) as client,
    ):
        await client.verify_network(*network(chain))
        assert recorder.set_aside == [(host(lagging), "lagging")]
        lagging.requests.clear()
        for number in range(1, 10):
            (fetched,) = await client.fetch_blocks([number], full=False)
            assert fetched.endpoint == host(scripted)
        assert "eth_getBlockReceipts" not in dict(lagging.requests)
        assert recorder.set_aside == [(host(lagging), "lagging")]
        # Better one that lags than none.
        scripted.always = status(503)
        (fetched,) = await client.fetch_blocks([5], full=False)
        assert fetched.endpoint == host(lagging)
        scripted.always = None
        lagging.chain = chain
        await eventually(client, lagging)


async def test_endpoint_a_little_behind_stays_in_use(scripted: ScriptedNode, chain: Devnet) -> None:
    async with ScriptedNode(chain_of(20)) as behind, client_of(behind, scripted) as client:
        await client.verify_network(*network(chain))
        assert client.endpoint == host(behind)


async def test_endpoint_that_is_shut_gets_one_probe_at_a_time_and_no_operation(
    scripted: ScriptedNode, second: ScriptedNode, chain: Devnet
) -> None:
    scripted.always = status(503)
    async with client_of(scripted, second, failures_max=2) as client:
        await client.verify_network(*network(chain))
        async with asyncio.timeout(TIMEOUT_S):
            while not client.endpoints[0].health.shut:
                await client.fetch_blocks([5], full=False)
        scripted.requests.clear()
        probed, at_once, most = asyncio.Event(), 0, 0

        async def hold(request: web.Request, calls: Calls) -> web.StreamResponse:
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            probed.set()
            await asyncio.sleep(0.02)
            at_once -= 1
            return web.Response(status=503)

        scripted.always = hold
        async with asyncio.timeout(TIMEOUT_S):
            while not probed.is_set() or len(scripted.requests) < 3:
                await asyncio.gather(*(client.fetch_blocks([number], full=False) for number in range(5, 15)))
        assert most == 1
        assert dict(scripted.requests) == {"eth_chainId": 1}


async def test_only_endpoint_that_is_shut_is_waited_for_and_recovers(
    scripted: ScriptedNode, chain: Devnet, recorder: Recorder
) -> None:
    scripted.always = status(429)
    async with client_of(scripted, observer=recorder, deadline_s=TIMEOUT_S) as client:
        waiting = [asyncio.create_task(client.fetch_blocks([number], full=False)) for number in range(5, 15)]
        async with asyncio.timeout(TIMEOUT_S):
            while not client.endpoints[0].health.shut:
                await asyncio.sleep(0.001)
        scripted.always = None
        blocks = await asyncio.gather(*waiting)
    assert [to_block(block) for (block,) in blocks] == [chain.block(number) for number in range(5, 15)]
    assert recorder.set_aside[0] == (host(scripted), "refused")


async def test_client_closed_while_a_probe_is_stuck_leaves_no_task_behind(
    scripted: ScriptedNode, second: ScriptedNode
) -> None:
    before = asyncio.all_tasks()
    scripted.always = status(503)
    async with client_of(scripted, second) as client:
        await client.head_number()
        scripted.always = silent
        async with asyncio.timeout(TIMEOUT_S):
            while ("eth_blockNumber", 1) not in scripted.requests[1:]:
                await client.head_number()
                await asyncio.sleep(0.001)
    await asyncio.sleep(0)
    assert {task for task in asyncio.all_tasks() - before if "check of" in task.get_name()} == set()


async def test_verify_network_with_nobody_there_is_unreachable(unused_tcp_port: int) -> None:
    async with NodeClient(quick(f"http://127.0.0.1:{unused_tcp_port}", deadline_s=0.01)) as client:
        with pytest.raises(NodeUnreachable):
            await client.verify_network(1, "0x00")
