"""What `doctor` learns about a node."""

import pytest

from devnet.chain import Devnet
from evm.consensus import Consensus
from node.errors import NodeUnreachable
from node.probe import probe
from tests.integration.node.scripted_node import ScriptedNode, client_of


async def test_probe_of_a_plain_besu_reports_what_it_has(scripted: ScriptedNode, chain: Devnet) -> None:
    scripted.disabled = {"trace_block": -32604, "debug_traceTransaction": -32601}
    async with client_of(scripted) as client:
        report = await probe(client)
    assert report.endpoint == f"127.0.0.1:{scripted.port}"
    assert report.client_version is not None
    assert report.client_version.startswith("besu/v26.3.0")
    assert report.modules == ("eth", "net", "web3")
    assert report.chain_id == 1337
    assert report.genesis_hash == "0x" + chain.genesis.hash.hex()
    assert report.head_number == 24
    assert report.head_hash == "0x" + chain.head.hash.hex()
    assert report.head_timestamp == chain.head.header.timestamp
    assert report.syncing is False
    assert report.peer_count == 3
    assert report.consensus is Consensus.QBFT
    assert report.has_block_receipts is True
    assert report.has_trace_block is False
    assert report.has_debug_trace is False
    assert report.has_finalized_tag is False
    assert report.faults == {}


async def test_probe_of_a_node_with_little_reports_none_for_what_it_does_not_say(
    scripted: ScriptedNode,
) -> None:
    silent = ("web3_clientVersion", "rpc_modules", "net_peerCount", "eth_syncing", "eth_getBlockReceipts")
    scripted.disabled = dict.fromkeys(silent, -32604)
    async with client_of(scripted) as client:
        report = await probe(client)
    assert report.client_version is None
    assert report.modules is None
    assert report.peer_count is None
    assert report.syncing is None
    assert report.has_block_receipts is False
    assert report.faults == {}


async def test_probe_of_a_node_that_lies_about_its_head_names_the_fault(scripted: ScriptedNode) -> None:
    def lie(method: str, result: object) -> object:
        if method == "eth_getBlockByNumber" and isinstance(result, dict):
            return result | {"gasUsed": "0x1"}
        return result

    scripted.twist = lie
    async with client_of(scripted, inconsistent_retries_max=0) as client:
        report = await probe(client)
    assert report.head_number is None
    assert "header_hash" in report.faults["latest header"]


async def test_probe_of_a_syncing_node_says_so(scripted: ScriptedNode) -> None:
    scripted.twist = lambda method, result: {"currentBlock": "0x1"} if method == "eth_syncing" else result
    async with client_of(scripted) as client:
        assert (await probe(client)).syncing is True


async def test_probe_of_nobody_raises(scripted: ScriptedNode) -> None:
    await scripted.__aexit__()
    async with client_of(scripted, deadline_s=0.01) as client:
        with pytest.raises(NodeUnreachable):
            await probe(client)
    await scripted.__aenter__()
