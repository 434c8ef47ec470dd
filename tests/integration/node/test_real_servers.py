"""The client against servers that others wrote: anvil, a real EVM node, and devnet."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from devnet.chain import Devnet
from devnet.server import DevnetServer
from evm.consensus import Consensus
from node.client import NodeClient
from node.heads import heads
from node.probe import probe
from node.wire import to_block
from tests.anvil import Anvil, anvil
from tests.integration.node.scripted_node import quick

__all__ = ["anvil"]

TIMEOUT_S = 20.0
RICH = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"  # unlocked and funded on anvil
# Init code that emits one log of one topic and returns no code; and init code that reverts.
LOGGING = "0x" + "7f" + "aa" * 32 + "60006000a1" + "60006000f3"
REVERTING = "0x60006000fd"


@pytest.mark.parametrize("consensus", [Consensus.QBFT, Consensus.CLIQUE, Consensus.ETHEREUM])
@pytest.mark.parametrize(
    "without", [(), ("eth_getBlockReceipts",)], ids=["block-receipts", "per-transaction"]
)
async def test_devnet_history_is_fetched_whole_in_full_check(
    consensus: Consensus, without: tuple[str, ...]
) -> None:
    chain = Devnet(6, consensus, history_blocks=40)
    async with (
        DevnetServer(chain, without_methods=without) as server,
        NodeClient(quick(server.http_url, batch_blocks_max=20)) as client,
    ):
        fetched = await client.fetch_blocks(range(41), full=True)
        assert [to_block(block) for block in fetched] == [chain.block(number) for number in range(41)]
        assert {block.consensus for block in fetched[1:]} == {consensus}
        report = await probe(client)
        assert report.consensus is consensus
        assert report.has_block_receipts is not bool(without)
        assert report.faults == {}


async def test_devnet_heads_are_pushed_through_a_reorg() -> None:
    chain = Devnet(6, Consensus.CLIQUE, history_blocks=5)
    async with (
        DevnetServer(chain) as server,
        NodeClient(quick(server.http_url, ws_url=server.ws_url)) as client,
        aclosing(heads(client, ws_url=server.ws_url, poll_interval_s=0.05)) as stream,
    ):
        await anext(stream)
        await client.call("devnet_advance", [2])
        await client.call("devnet_reorg", [2])
        async with asyncio.timeout(TIMEOUT_S):
            async for head in stream:
                if head.hash == "0x" + chain.head.hash.hex():
                    break
        header = await client.fetch_header_by_hash(head.hash)
        assert header is not None
        assert header.parent_hash == head.parent_hash


async def test_anvil_blocks_of_every_kind_pass_the_full_check(anvil: Anvil) -> None:
    to = "0x" + "70" * 20
    kinds: list[dict[str, Any]] = [
        {"to": to, "value": "0x1", "gasPrice": "0x77359400"},
        {"to": to, "value": "0x1", "gasPrice": "0x77359400", "accessList": [], "type": "0x1"},
        {"to": to, "maxFeePerGas": "0x77359400", "maxPriorityFeePerGas": "0x1"},
        {"data": LOGGING, "gas": "0x186a0"},
        {"data": REVERTING, "gas": "0x186a0"},
    ]
    async with NodeClient(quick(anvil.http_url)) as client:
        await client.call("evm_setAutomine", [False])
        for _ in range(3):
            for kind in kinds:
                await client.call("eth_sendTransaction", [{"from": RICH, **kind}])
            await client.call("evm_mine", [])
        head = await client.head_number()
        fetched = await client.fetch_blocks(range(head + 1), full=True)
        assert [len(block.receipts) for block in fetched] == [0, 5, 5, 5]
        types = [transaction.type for transaction in fetched[1].block.transactions]
        assert sorted(types) == ["0x0", "0x1", "0x2", "0x2", "0x2"]
        assert {block.consensus for block in fetched} == {Consensus.ETHEREUM}
        assert [log.topics for one in fetched[1].receipts for log in one.logs] == [["0x" + "aa" * 32]]
        assert sorted(one.status or "" for one in fetched[1].receipts) == ["0x0", *["0x1"] * 4]

        by_hash = await client.fetch_block_by_hash(fetched[2].block.hash, full=True)
        assert by_hash is not None
        assert to_block(by_hash) == to_block(fetched[2])
        await client.verify_network(anvil.chain_id, await client.genesis_hash())


async def test_anvil_heads_are_pushed_and_follow_a_reorg(anvil: Anvil) -> None:
    async with (
        NodeClient(quick(anvil.http_url, ws_url=anvil.ws_url)) as client,
        aclosing(heads(client, ws_url=anvil.ws_url, poll_interval_s=0.05)) as stream,
    ):
        await anext(stream)
        await client.call("anvil_mine", ["0x5"])
        await client.call("anvil_reorg", [3, []])
        newest = await client.fetch_header("latest")
        assert newest is not None
        async with asyncio.timeout(TIMEOUT_S):
            async for head in stream:
                if head.hash == newest.hash:
                    break


async def test_anvil_probe_names_its_abilities(anvil: Anvil) -> None:
    async with NodeClient(quick(anvil.http_url)) as client:
        report = await probe(client)
    assert report.client_version is not None
    assert report.client_version.startswith("anvil")
    assert report.chain_id == anvil.chain_id
    assert report.has_block_receipts is True
    assert report.syncing is False
