"""Several endpoints: failover, and never another network (invariant 9)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from devnet.chain import Devnet
from evm.consensus import Consensus
from node.client import NodeClient
from node.errors import AccessDenied, NodeUnreachable, WrongChain, WrongGenesis
from tests.integration.node.scripted_node import Recorder, ScriptedNode, client_of, quick, status


@pytest_asyncio.fixture
async def second(chain: Devnet) -> AsyncIterator[ScriptedNode]:
    async with ScriptedNode(chain) as node:
        yield node


def network(chain: Devnet) -> tuple[int, str]:
    return chain.chain_id, "0x" + chain.genesis.hash.hex()


async def test_operation_that_fails_on_the_first_endpoint_is_done_by_the_next_at_once(
    scripted: ScriptedNode, second: ScriptedNode, recorder: Recorder
) -> None:
    scripted.always = status(503)
    async with client_of(
        scripted, second, observer=recorder, retry_wait_initial_s=60, retry_wait_max_s=60
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


async def test_block_that_the_first_endpoint_lacks_comes_from_the_next_and_sets_nobody_aside(
    scripted: ScriptedNode, chain: Devnet
) -> None:
    behind = Devnet(11, Consensus.QBFT, history_blocks=10, transactions_per_block=4)
    async with ScriptedNode(behind) as lagging, client_of(lagging, scripted) as client:
        (fetched,) = await client.fetch_blocks([20], full=False)
        assert fetched.endpoint == f"127.0.0.1:{scripted.port}"
        assert client.endpoint == f"127.0.0.1:{lagging.port}"


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


async def test_verify_network_of_one_foreign_endpoint_among_several_is_refused(
    scripted: ScriptedNode, chain: Devnet
) -> None:
    foreign = Devnet(12, Consensus.CLIQUE, history_blocks=1)
    async with ScriptedNode(foreign) as stranger, client_of(scripted, stranger) as client:
        with pytest.raises(WrongGenesis):
            await client.verify_network(*network(chain))


async def test_verify_network_with_one_endpoint_down_passes_and_checks_it_when_it_is_back(
    scripted: ScriptedNode, chain: Devnet
) -> None:
    foreign = ScriptedNode(Devnet(12, Consensus.CLIQUE, history_blocks=30))
    async with foreign:
        pass
    async with client_of(foreign, scripted) as client:
        await client.verify_network(*network(chain))
        async with foreign:
            client.endpoints[0].set_aside_until_s = 0.0
            (fetched,) = await client.fetch_blocks([5], full=False)
            assert fetched.endpoint == f"127.0.0.1:{scripted.port}"
            assert [method for method, _ in foreign.requests] == ["eth_chainId", "eth_getBlockByNumber"]


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


async def test_verify_network_with_nobody_there_is_unreachable(unused_tcp_port: int) -> None:
    async with NodeClient(quick(f"http://127.0.0.1:{unused_tcp_port}", deadline_s=0.01)) as client:
        with pytest.raises(NodeUnreachable):
            await client.verify_network(1, "0x00")
