"""Heads by real WebSocket and by polling, whatever happens to either."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from devnet.chain import Devnet
from evm.blocks import Block
from evm.consensus import Consensus
from node.errors import WrongGenesis
from node.heads import HeadSeen, heads
from tests.integration.node.scripted_node import Recorder, ScriptedNode, client_of, status

TIMEOUT_S = 10.0
NEVER_S = 3600.0


def seen(block: Block) -> HeadSeen:
    header = block.header
    return HeadSeen(header.number, "0x" + block.hash.hex(), "0x" + header.parent_hash.hex(), header.timestamp)


async def following(stream: AsyncGenerator[HeadSeen, None], number: int) -> HeadSeen:
    """The first head of this number or above it."""
    async with asyncio.timeout(TIMEOUT_S):
        async for head in stream:
            if head.number >= number:
                return head
    raise AssertionError("heads ended")


@asynccontextmanager
async def heads_of(
    node: ScriptedNode,
    recorder: Recorder | None = None,
    *,
    ws: bool = True,
    poll_interval_s: float = NEVER_S,
    **changes: Any,
) -> AsyncIterator[AsyncGenerator[HeadSeen, None]]:
    ws_url = node.ws_url if ws else None
    async with (
        client_of(node, ws_url=ws_url, **changes) as client,
        aclosing(heads(client, ws_url=ws_url, poll_interval_s=poll_interval_s, observer=recorder)) as stream,
    ):
        yield stream


async def test_heads_polled_yield_the_current_one_first_and_each_change(
    scripted: ScriptedNode, chain: Devnet, recorder: Recorder
) -> None:
    async with heads_of(scripted, recorder, ws=False, poll_interval_s=0.01) as stream:
        assert await anext(stream) == seen(chain.head)
        for _ in range(3):
            (block,) = chain.advance()
            assert await anext(stream) == seen(block)
    assert recorder.sources == ["polling"]


async def test_heads_polled_go_back_and_sideways_with_the_node(scripted: ScriptedNode, chain: Devnet) -> None:
    async with heads_of(scripted, ws=False, poll_interval_s=0.01) as stream:
        assert await anext(stream) == seen(chain.head)
        chain.reorg(3, 2)
        assert await anext(stream) == seen(chain.head)
        chain.reorg(1, 1)
        assert await anext(stream) == seen(chain.head)


async def test_heads_polled_outlast_a_failing_node(scripted: ScriptedNode, chain: Devnet) -> None:
    async with heads_of(scripted, ws=False, poll_interval_s=0.01, deadline_s=0.01) as stream:
        await anext(stream)
        scripted.faults.extend([status(503)] * 30)
        chain.advance()
        assert await anext(stream) == seen(chain.head)
        assert not scripted.faults


@pytest.mark.parametrize("consensus", [Consensus.QBFT, Consensus.CLIQUE, Consensus.ETHEREUM])
async def test_heads_pushed_arrive_without_polling(consensus: Consensus, recorder: Recorder) -> None:
    chain = Devnet(4, consensus, history_blocks=3)
    async with ScriptedNode(chain) as node, heads_of(node, recorder) as stream:
        assert await anext(stream) == seen(chain.head)
        next_head = asyncio.ensure_future(anext(stream))
        await asyncio.wait_for(node.subscribed.wait(), TIMEOUT_S)
        await pushing(node, next_head)
        for _ in range(3):
            block = await node.push_head()
            assert await following(stream, block.header.number) == seen(block)
    assert recorder.sources == ["polling", "websocket", "polling"]


async def pushing(node: ScriptedNode, next_head: "asyncio.Future[HeadSeen]") -> None:
    """Push heads until one is heard: the subscriber may be about to register its subscription."""
    async with asyncio.timeout(TIMEOUT_S):
        while not next_head.done():
            await node.push_head()
            await asyncio.wait([next_head], timeout=0.05)
    next_head.result()


async def test_heads_while_there_is_no_websocket_are_polled(
    chain: Devnet, scripted: ScriptedNode, recorder: Recorder, unused_tcp_port: int
) -> None:
    async with client_of(scripted) as client:
        stream = heads(
            client, ws_url=f"ws://127.0.0.1:{unused_tcp_port}", poll_interval_s=0.01, observer=recorder
        )
        async with aclosing(stream):
            assert await anext(stream) == seen(chain.head)
            (block,) = chain.advance()
            assert await following(stream, block.header.number) == seen(block)
    assert recorder.retries[0] == ("eth_subscribe", "subscription")
    assert set(recorder.sources) == {"polling"}


async def test_heads_after_the_websocket_is_lost_are_polled_and_it_is_tried_again(
    chain: Devnet, scripted: ScriptedNode, recorder: Recorder
) -> None:
    async with heads_of(scripted, recorder, poll_interval_s=0.01) as stream:
        await anext(stream)
        next_head = asyncio.ensure_future(anext(stream))
        await asyncio.wait_for(scripted.subscribed.wait(), TIMEOUT_S)
        await pushing(scripted, next_head)
        await scripted.drop_sockets()
        (block,) = chain.advance()
        assert await following(stream, block.header.number) == seen(block)
        await asyncio.wait_for(scripted.subscribed.wait(), TIMEOUT_S)
        block = await scripted.push_head()
        assert await following(stream, block.header.number) == seen(block)
    assert recorder.sources[:4] == ["polling", "websocket", "polling", "websocket"]
    assert ("eth_subscribe", "subscription") in recorder.retries


async def test_heads_of_a_websocket_that_fell_silent_are_polled_and_it_is_replaced(
    chain: Devnet, scripted: ScriptedNode, recorder: Recorder
) -> None:
    async with heads_of(scripted, recorder, poll_interval_s=NEVER_S, head_silence_s=0.2) as stream:
        await anext(stream)
        next_head = asyncio.ensure_future(anext(stream))
        await asyncio.wait_for(scripted.subscribed.wait(), TIMEOUT_S)
        await pushing(scripted, next_head)
        scripted.deaf = True
        block = await scripted.push_head()
        assert await following(stream, block.header.number) == seen(block)
        scripted.subscribed.clear()
        scripted.deaf = False
        next_head = asyncio.ensure_future(anext(stream))
        await asyncio.wait_for(scripted.subscribed.wait(), TIMEOUT_S)
        await pushing(scripted, next_head)
    assert recorder.sources.count("websocket") >= 2


async def test_heads_of_a_silent_chain_keep_their_websocket(
    scripted: ScriptedNode, recorder: Recorder
) -> None:
    """Silence with nothing new is no fault: a QBFT network may make no empty blocks for long."""
    async with heads_of(scripted, recorder, head_silence_s=0.05) as stream:
        await anext(stream)
        next_head = asyncio.ensure_future(anext(stream))
        await asyncio.wait_for(scripted.subscribed.wait(), TIMEOUT_S)
        before = len(scripted.requests)
        async with asyncio.timeout(TIMEOUT_S):
            while len(scripted.requests) < before + 5:
                await asyncio.sleep(0.01)
        assert not next_head.done()
        next_head.cancel()
        await asyncio.wait([next_head])
    assert recorder.sources.count("websocket") == 1


async def test_heads_with_a_login_authorise_the_websocket(scripted: ScriptedNode) -> None:
    async with heads_of(scripted, username="pend", password="secret") as stream:
        await anext(stream)
        next_head = asyncio.ensure_future(anext(stream))
        await asyncio.wait_for(scripted.subscribed.wait(), TIMEOUT_S)
        next_head.cancel()
        await asyncio.wait([next_head])
    assert scripted.ws_headers[0]["Authorization"].startswith("Bearer token-")


async def test_heads_of_another_network_are_refused(scripted: ScriptedNode) -> None:
    async with client_of(scripted) as client:
        with pytest.raises(WrongGenesis):
            await client.verify_network(1337, "0x" + "00" * 32)
        stream = heads(client, ws_url=None, poll_interval_s=0.01)
        with pytest.raises(WrongGenesis):
            await anext(stream)


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144])
async def test_heads_cancelled_at_any_moment_leave_nothing_behind(scripted: ScriptedNode, turns: int) -> None:
    """Connecting, subscribing, listening: whenever the reader is cancelled, no task and no socket stays."""

    async def read() -> None:
        async with heads_of(scripted, poll_interval_s=0.001) as stream:
            async for _ in stream:
                pass

    before = asyncio.all_tasks()
    task = asyncio.create_task(read())
    for _ in range(turns):
        await asyncio.sleep(0)
    if turns == 144:
        await asyncio.wait_for(scripted.subscribed.wait(), TIMEOUT_S)
    task.cancel()
    async with asyncio.timeout(TIMEOUT_S):
        await asyncio.wait([task])
    assert task.cancelled()
    left = {one for one in asyncio.all_tasks() - before if "web3" in repr(one) or "newHeads" in repr(one)}
    assert left == set()
