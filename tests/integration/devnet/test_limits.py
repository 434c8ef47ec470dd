"""Besu's limits, errors, login, and the seam for faults."""

import asyncio
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web

from devnet.chain import Devnet
from devnet.faults import Call, DropConnection, Exchange, NoFaults
from devnet.login import Login
from devnet.server import DevnetServer
from tests.integration.devnet.conftest import Ask

BLOCK_NUMBER = {"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}


async def test_batch_is_answered_in_order_with_errors_in_place(post: Ask) -> None:
    answers = await post(
        [BLOCK_NUMBER, {"jsonrpc": "2.0", "id": "x", "method": "eth_nothing"}, 5, BLOCK_NUMBER | {"id": None}]
    )
    assert answers == [
        {"jsonrpc": "2.0", "id": 1, "result": "0x1e"},
        {"jsonrpc": "2.0", "id": "x", "error": {"code": -32601, "message": "Method not found"}},
        {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "Invalid Request"}},
        {"jsonrpc": "2.0", "id": None, "result": "0x1e"},
    ]


async def test_batch_of_1024_passes_and_one_more_is_refused_with_a_single_object(post: Ask) -> None:
    assert len(await post([BLOCK_NUMBER] * 1024)) == 1024
    assert await post([BLOCK_NUMBER] * 1025) == {
        "jsonrpc": "2.0",
        "id": None,
        "error": {"code": -32005, "message": "Number of requests exceeds max batch size"},
    }


async def test_body_that_is_no_json_is_a_parse_error(
    http: aiohttp.ClientSession, server: DevnetServer
) -> None:
    async with http.post(server.http_url, data=b"{nothing") as response:
        assert (await response.json())["error"] == {"code": -32700, "message": "Parse error"}


async def test_logs_over_5001_blocks_pass_and_over_5002_are_refused(http: aiohttp.ClientSession) -> None:
    devnet = Devnet(1, "ethereum", history_blocks=5002, transactions_per_block=0)
    async with DevnetServer(devnet) as server:

        async def logs(first: int, last: int) -> Any:
            wanted = {"fromBlock": hex(first), "toBlock": hex(last)}
            body = {"jsonrpc": "2.0", "id": 1, "method": "eth_getLogs", "params": [wanted]}
            async with http.post(server.http_url, json=body) as response:
                return await response.json()

        assert (await logs(0, 5000))["result"] == []
        assert (await logs(0, 5001))["error"]["code"] == -32005
        assert "exceeds maximum RPC range limit" in (await logs(0, 5001))["error"]["message"]
        assert (await logs(5002, 5003))["error"]["code"] == -32602
        assert (await logs(10, 9))["error"]["code"] == -32602


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("eth_getBlockByNumber", []),
        ("eth_getBlockByNumber", ["0x1"]),
        ("eth_getBlockByNumber", ["one", True]),
        ("eth_getBlockByNumber", [1, True]),
        ("eth_getBlockByHash", ["0x12", True]),
        ("eth_getBalance", ["0x12", "latest"]),
        ("eth_getLogs", [{"topics": ["0x12"]}]),
        ("eth_getLogs", [{"topics": [None] * 5}]),
        ("eth_getLogs", ["latest"]),
        ("eth_call", [{"data": "0x"}, "latest"]),
        ("devnet_advance", [0]),
        ("devnet_reorg", [31]),
        ("devnet_reorg", ["1"]),
        ("devnet_setProducing", [1]),
    ],
)
async def test_wrong_parameters_are_32602(ask: Ask, method: str, params: list[Any]) -> None:
    assert (await ask(method, *params))["error"]["code"] == -32602


async def test_state_of_a_block_above_the_head_is_not_found(ask: Ask) -> None:
    answer = await ask("eth_getBalance", "0x" + "11" * 20, "0x1f")
    assert answer["error"] == {"code": -32000, "message": "Block not found"}


async def test_disabled_api_is_not_enabled_and_unknown_method_not_found(ask: Ask) -> None:
    for method in ("debug_traceBlockByNumber", "trace_block", "clique_getSigners", "eth_subscribe"):
        assert (await ask(method))["error"] == {"code": -32604, "message": "Method not enabled"}
    for method in ("eth_nothing", "erigon_forks", "nothing"):
        assert (await ask(method))["error"] == {"code": -32601, "message": "Method not found"}
    assert (await ask("rpc_modules"))["result"] == {"eth": "1.0", "net": "1.0", "qbft": "1.0", "web3": "1.0"}


async def test_older_besu_lacks_a_method(http: aiohttp.ClientSession) -> None:
    async with DevnetServer(Devnet(), without_methods={"eth_getBlockReceipts"}) as server:
        body = {"jsonrpc": "2.0", "id": 1, "method": "eth_getBlockReceipts", "params": ["0x0"]}
        async with http.post(server.http_url, json=body) as response:
            assert (await response.json())["error"]["code"] == -32601


async def test_commands_advance_and_reorganise(ask: Ask, server: DevnetServer) -> None:
    assert (await ask("devnet_advance", 20))["result"] == hex(50)
    before = server.devnet.head.hash
    changed = (await ask("devnet_reorg", 2, 4))["result"]
    assert changed["ancestor"] == hex(48)
    assert changed["removed"][0] == "0x" + before.hex()
    assert changed["added"][-1] == "0x" + server.devnet.head.hash.hex()
    assert len(changed["added"]) == 4


async def test_server_produces_until_told_to_pause(http: aiohttp.ClientSession) -> None:
    devnet = Devnet(1, "clique", transactions_per_block=1)
    reorganised = asyncio.Event()
    devnet.listeners.append(lambda change: reorganised.set() if change.removed else None)
    async with DevnetServer(devnet, produce_every_s=0.005, reorg_every=4) as server:
        await asyncio.wait_for(reorganised.wait(), 10)
        body = {"jsonrpc": "2.0", "id": 1, "method": "devnet_setProducing", "params": [False]}
        async with http.post(server.http_url, json=body) as response:
            assert (await response.json())["result"] is True
    assert devnet.head.header.number > 3


async def test_login_gives_a_token_without_which_nothing_is_answered(http: aiohttp.ClientSession) -> None:
    login = Login("indexer", "secret")
    async with DevnetServer(Devnet(), login=login) as server:
        async with http.post(server.http_url, json=BLOCK_NUMBER) as response:
            assert response.status == 401
            assert (await response.json())["error"] == {"code": -40100, "message": "Unauthorized"}
        for fault in ({"username": "indexer", "password": "guess"}, {"username": "indexer"}):
            async with http.post(f"{server.http_url}/login", json=fault) as response:
                assert response.status == 401
        credentials = {"username": "indexer", "password": "secret"}
        async with http.post(f"{server.http_url}/login", json=credentials) as response:
            token = (await response.json())["token"]
        claims = jwt.decode(token, options={"verify_signature": False})
        assert claims["exp"] - claims["iat"] == 300
        headers = {"Authorization": f"Bearer {token}"}
        async with http.post(server.http_url, json=BLOCK_NUMBER, headers=headers) as response:
            assert (await response.json())["result"] == "0x0"
        ws_url = server.ws_url.replace("ws:", "http:")
        async with http.get(ws_url) as response:
            assert response.status == 401
        async with http.ws_connect(ws_url, headers=headers) as socket:
            await socket.send_json(BLOCK_NUMBER)
            assert (await socket.receive_json())["result"] == "0x0"
        expired = {"Authorization": f"Bearer {login.issue(-1)}"}
        async with http.post(server.http_url, json=BLOCK_NUMBER, headers=expired) as response:
            assert response.status == 401


class Lying(NoFaults):
    """Answers 503 first, then drops the connection, then lies."""

    def __init__(self) -> None:
        self.seen: list[Exchange] = []

    async def before(self, exchange: Exchange) -> web.Response | None:
        self.seen.append(exchange)
        match len(self.seen):
            case 1:
                return web.Response(status=503)
            case 2:
                raise DropConnection
            case _:
                return None

    def after(self, call: Call, answer: bytes) -> bytes:
        return answer.replace(b"0x1e", b"0x1f")


async def test_faults_see_the_calls_and_take_the_answer_s_place(
    http: aiohttp.ClientSession, server: DevnetServer
) -> None:
    faults = server.faults = Lying()
    async with http.post(server.http_url, json=[BLOCK_NUMBER]) as response:
        assert response.status == 503
    with pytest.raises(aiohttp.ClientConnectionError):
        await http.post(server.http_url, json=BLOCK_NUMBER)
    async with http.post(server.http_url, json=BLOCK_NUMBER) as response:
        assert (await response.json())["result"] == "0x1f"
    assert [exchange.calls for exchange in faults.seen] == [(Call("eth_blockNumber", [], 1),)] * 3


async def test_answer_is_compressed_for_a_reader_that_accepts_it(http: aiohttp.ClientSession) -> None:
    async with DevnetServer(Devnet(history_blocks=1), compress=True) as server:
        body = {"jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": ["0x1", True]}
        async with http.post(server.http_url, json=body) as response:
            assert response.headers["Content-Encoding"] in ("gzip", "deflate")
            assert len((await response.json())["result"]["transactions"]) == 20
