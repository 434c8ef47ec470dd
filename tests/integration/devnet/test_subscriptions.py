"""Order and content of what Besu pushes over WebSocket."""

from typing import Any

import aiohttp
import pytest

from devnet.chain import Devnet
from devnet.server import DevnetServer


async def subscribed(socket: aiohttp.ClientWebSocketResponse, *params: Any) -> str:
    await socket.send_json({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": list(params)})
    answer: dict[str, str] = await socket.receive_json()
    return answer["result"]


async def received(socket: aiohttp.ClientWebSocketResponse, subscription: str) -> Any:
    message = await socket.receive_json(timeout=10)
    assert message["method"] == "eth_subscription"
    assert message["params"]["subscription"] == subscription
    return message["params"]["result"]


async def test_new_heads_are_the_whole_branch_from_the_ancestor_up(http: aiohttp.ClientSession) -> None:
    devnet = Devnet(2, "clique", history_blocks=6)
    async with DevnetServer(devnet) as server, http.ws_connect(server.ws_url) as socket:
        heads = await subscribed(socket, "newHeads")
        added = [*devnet.advance(2), *devnet.reorg(3).added]
        shown = [await received(socket, heads) for _ in added]
        assert [head["hash"] for head in shown] == ["0x" + block.hash.hex() for block in added]
        assert shown[0]["transactions"] == ["0x" + t.hash.hex() for t in added[0].transactions]
        assert shown[0]["totalDifficulty"] == hex(added[0].total_difficulty or 0)


async def test_new_heads_carry_transactions_where_asked(http: aiohttp.ClientSession) -> None:
    devnet = Devnet(2)
    async with DevnetServer(devnet) as server, http.ws_connect(server.ws_url) as socket:
        heads = await subscribed(socket, "newHeads", {"includeTransactions": True})
        devnet.advance()
        assert (await received(socket, heads))["transactions"][0]["blockNumber"] == "0x1"


async def test_logs_are_retracted_before_others_are_added(http: aiohttp.ClientSession) -> None:
    devnet = Devnet(2, "clique", history_blocks=20)
    asset = "0x" + devnet.workload.asset.hex()
    async with DevnetServer(devnet) as server, http.ws_connect(server.ws_url) as socket:
        logs = await subscribed(socket, "logs", {"address": asset})
        change = devnet.reorg(3)
        expected = [
            ("0x" + block.hash.hex(), hex(log.log_index), removed)
            for blocks, removed in ((change.removed, True), (change.added, False))
            for block in blocks
            for receipt in block.receipts
            for log in receipt.logs
            if log.address == devnet.workload.asset
        ]
        assert {removed for *_, removed in expected} == {True, False}
        shown = [await received(socket, logs) for _ in expected]
        assert [(log["blockHash"], log["logIndex"], log["removed"]) for log in shown] == expected


async def test_unsubscribed_hears_nothing_more(http: aiohttp.ClientSession) -> None:
    devnet = Devnet(2)
    async with DevnetServer(devnet) as server, http.ws_connect(server.ws_url) as socket:
        heads = await subscribed(socket, "newHeads")
        for answer in ({"result": True}, {"error": {"code": -32000, "message": "Subscription not found"}}):
            await socket.send_json(
                {"jsonrpc": "2.0", "id": 1, "method": "eth_unsubscribe", "params": [heads]}
            )
            assert await socket.receive_json() == {"jsonrpc": "2.0", "id": 1} | answer
        devnet.advance()
        await socket.send_json({"jsonrpc": "2.0", "id": 2, "method": "eth_blockNumber"})
        assert await socket.receive_json() == {"jsonrpc": "2.0", "id": 2, "result": "0x1"}


@pytest.mark.parametrize("params", [[], ["nothing"], ["logs", {"address": "0x12"}]])
async def test_subscription_to_nothing_known_is_refused(
    http: aiohttp.ClientSession, params: list[Any]
) -> None:
    async with DevnetServer(Devnet(2)) as server, http.ws_connect(server.ws_url) as socket:
        await socket.send_json({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": params})
        assert (await socket.receive_json())["error"]["code"] == -32602


async def test_frame_above_one_mebibyte_closes_the_connection(http: aiohttp.ClientSession) -> None:
    async with DevnetServer(Devnet(2)) as server, http.ws_connect(server.ws_url) as socket:
        await socket.send_str("x" * (1024 * 1024 + 1))
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE


async def test_server_that_stops_closes_its_subscribers(http: aiohttp.ClientSession) -> None:
    devnet = Devnet(2)
    async with DevnetServer(devnet) as server:
        socket = await http.ws_connect(server.ws_url)
        await subscribed(socket, "newHeads")
        assert len(devnet.listeners) == 1
    assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
    assert devnet.listeners == []
