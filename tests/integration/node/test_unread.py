"""The fast way for many blocks: answers are cut, not read, and whatever is odd goes the other way."""

from typing import Any

import msgspec
import pytest
from aiohttp import web

from devnet.chain import Devnet
from evm.consensus import Consensus
from node.block_parts import UnreadBlock, read_block
from node.client import NodeClient
from node.errors import AnswerGarbled, BlockMissing, NodeError, NodeInconsistent, NodeRefused
from node.wire import FetchedBlock, to_block
from tests.integration.node.scripted_node import Calls, ScriptedNode, batch_limit, body, client_of, status

NUMBERS = range(5, 15)


async def fetch(client: NodeClient) -> list[UnreadBlock]:
    unread = await client.fetch_unread(NUMBERS)
    assert unread is not None
    return unread


def read(unread: list[UnreadBlock], *, full: bool = False) -> list[FetchedBlock]:
    blocks = [read_block(each, full=full) for each in unread]
    return [block for block in blocks if block is not None]


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("consensus", [Consensus.QBFT, Consensus.CLIQUE, Consensus.ETHEREUM])
async def test_fetch_unread_gives_what_fetch_blocks_gives(consensus: Consensus, full: bool) -> None:
    chain = Devnet(12, consensus, history_blocks=15, transactions_per_block=4)
    async with ScriptedNode(chain) as node, client_of(node) as client:
        blocks = read(await fetch(client), full=full)
        assert node.requests == [("eth_getBlockByNumber", 10), ("eth_getBlockReceipts", 10)]
        others = await client.fetch_blocks(NUMBERS, full=full)
    assert [to_block(block) for block in blocks] == [chain.block(number) for number in NUMBERS]
    for block, other in zip(blocks, others, strict=True):
        assert (block.block, block.receipts, block.header) == (other.block, other.receipts, other.header)
        assert (block.consensus, block.endpoint, block.number) == (
            other.consensus,
            other.endpoint,
            other.number,
        )


async def test_fetch_unread_of_an_endpoint_without_block_receipts_gives_none(
    scripted: ScriptedNode,
) -> None:
    scripted.disabled["eth_getBlockReceipts"] = -32601
    async with client_of(scripted) as client:
        with pytest.raises(NodeError, match="eth_getBlockReceipts"):
            read(await fetch(client))
        assert len(await client.fetch_blocks(NUMBERS, full=False)) == 10
        scripted.requests.clear()
        assert await client.fetch_unread(NUMBERS) is None
    assert scripted.requests == []


async def test_fetch_unread_of_more_than_the_endpoint_takes_gives_none_without_asking(
    scripted: ScriptedNode,
) -> None:
    scripted.always = batch_limit(4, code=-32005)
    async with client_of(scripted) as client:
        assert await client.fetch_unread(NUMBERS) is None, "refused with one object"
        assert len(await client.fetch_blocks(NUMBERS, full=False)) == 10
        scripted.requests.clear()
        assert await client.fetch_unread(NUMBERS) is None
        assert scripted.requests == []
        assert await client.fetch_unread(NUMBERS[: client.endpoints[0].block_limit.size]) is not None


async def test_fetch_unread_of_an_endpoint_that_spells_batches_otherwise_asks_once(
    scripted: ScriptedNode,
) -> None:
    scripted.faults.extend([body("[ ]"), body("[ ]")])
    async with client_of(scripted) as client:
        assert await client.fetch_unread(NUMBERS) is None
        scripted.requests.clear()
        assert await client.fetch_unread(NUMBERS) is None
    assert scripted.requests == []


async def test_fetch_unread_is_not_retried(scripted: ScriptedNode) -> None:
    scripted.always = status(503)
    async with client_of(scripted) as client:
        with pytest.raises(NodeRefused, match="503"):
            await client.fetch_unread(NUMBERS)
    assert len(scripted.requests) == 2


async def test_read_block_that_the_node_does_not_know_is_missing(scripted: ScriptedNode) -> None:
    async with client_of(scripted) as client:
        unread = await client.fetch_unread(range(20, 30))
        assert unread is not None
        assert len(read(unread[:5])) == 5
        with pytest.raises(BlockMissing, match="25"):
            read_block(unread[5], full=False)


async def test_read_block_after_a_reorg_between_the_two_answers_is_at_odds(scripted: ScriptedNode) -> None:
    branch = ScriptedNode(Devnet(99, Consensus.QBFT, history_blocks=24, transactions_per_block=4))

    async def replaced(_: web.Request, calls: Calls) -> web.StreamResponse | None:
        if calls[0]["method"] == "eth_getBlockByNumber":
            return None
        return web.Response(body=msgspec.json.encode(branch.answers(calls)))

    scripted.always = replaced
    async with client_of(scripted) as client:
        for each in await fetch(client):
            with pytest.raises(NodeInconsistent):
                read_block(each, full=False)


async def test_read_block_with_a_transaction_of_an_unknown_type_is_left_to_the_other_way(
    scripted: ScriptedNode,
) -> None:
    def twist(method: str, result: Any) -> Any:
        if method == "eth_getBlockByNumber":
            result["transactions"][0]["type"] = "0x7e"
        return result

    scripted.twist = twist
    async with client_of(scripted) as client:
        assert [read_block(each, full=False) for each in await fetch(client)] == [None] * 10


async def test_read_block_of_a_truncated_block_is_garbled(scripted: ScriptedNode) -> None:
    async with client_of(scripted) as client:
        (first, *_) = await fetch(client)
    cut = UnreadBlock(first.number, first.position, first.endpoint, first.block[:-9], first.receipts)
    with pytest.raises(AnswerGarbled):
        read_block(cut, full=False)
