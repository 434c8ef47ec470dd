"""A node over real HTTP and WebSocket that answers from a simulated chain, and misbehaves when told to."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec
from aiohttp import web

from devnet.chain import Devnet
from evm.blocks import Block
from node.client import NodeClient, NodeSettings
from node.observer import HeadSource
from tests.unit.node.answers import Json, block_answer, receipt_answer, receipts_answer

Calls = list[Json]
# Answers a whole HTTP request in place of the node; None lets the node answer.
Fault = Callable[[web.Request, Calls], Awaitable[web.StreamResponse | None]]


class RpcFault(Exception):  # an answer of the node
    def __init__(self, code: int, message: str = "no") -> None:
        self.error = {"code": code, "message": message}


class ScriptedNode:
    """`faults` are used up one per request, `always` stands for all; `disabled` methods get their code."""

    def __init__(self, chain: Devnet) -> None:
        self.chain = chain
        self.faults: deque[Fault] = deque()
        self.always: Fault | None = None
        self.disabled: dict[str, int] = {}
        self.twist: Callable[[str, Any], Any] | None = None
        self.requests: list[tuple[str, int]] = []
        self.logins = 0
        self.valid_tokens: set[str] | None = None
        self.login_answer: Callable[[], web.Response] | None = None
        self.ws_headers: list[dict[str, str]] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.subscribed = asyncio.Event()
        self.deaf = False
        self.port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=2**26)
        application.router.add_post("/login", self._login)
        application.router.add_get("/ws", self._websocket)
        application.router.add_post("/{tail:.*}", self._rpc)
        self._runner = web.AppRunner(application, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        for socket in self.sockets:
            await socket.close()
        await self._runner.cleanup()

    async def push_head(self) -> Block:
        """Make a block and tell every subscriber but the deaf ones."""
        (block,) = self.chain.advance()
        if not self.deaf:
            for socket in self.sockets:
                if not socket.closed:
                    await socket.send_json(notification(block))
        return block

    async def drop_sockets(self) -> None:
        self.subscribed.clear()
        for socket in self.sockets:
            await socket.close()
        self.sockets.clear()

    async def _rpc(self, request: web.Request) -> web.StreamResponse:
        calls: Calls = msgspec.json.decode(await request.read())
        self.requests.append((calls[0]["method"], len(calls)))
        if self.valid_tokens is not None:
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if token not in self.valid_tokens:
                body = {"jsonrpc": "2.0", "id": None, "error": {"code": -40100, "message": "Unauthorized"}}
                return web.json_response(body, status=401)
        fault = self.faults.popleft() if self.faults else self.always
        if fault is not None:
            answer = await fault(request, calls)
            if answer is not None:
                return answer
        response = web.Response(
            body=msgspec.json.encode(self.answers(calls)), content_type="application/json"
        )
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            response.enable_compression()
        return response

    def answers(self, calls: Calls) -> list[Json]:
        return [self._answer(call) for call in calls]

    def _answer(self, call: Json) -> Json:
        method, params = call["method"], call["params"]
        envelope = {"jsonrpc": "2.0", "id": call["id"]}
        try:
            result = self._result(method, params)
        except RpcFault as fault:
            return envelope | {"error": fault.error}
        if self.twist is not None:
            result = self.twist(method, result)
        return envelope | {"result": result}

    def _result(self, method: str, params: list[Any]) -> Any:
        if method in self.disabled:
            raise RpcFault(self.disabled[method])
        match method:
            case "eth_chainId":
                return hex(self.chain.chain_id)
            case "eth_blockNumber":
                return hex(self.chain.head.header.number)
            case "eth_getBlockByNumber" | "eth_getBlockByHash":
                if params[0] == "finalized":
                    raise RpcFault(-39001, "Unknown block")
                block = self._block(params[0])
                if block is None:
                    return None
                answer = block_answer(block)
                if not params[1]:
                    answer["transactions"] = [one["hash"] for one in answer["transactions"]]
                return answer
            case "eth_getBlockReceipts":
                block = self._block(params[0])
                return None if block is None else receipts_answer(block)
            case "eth_getTransactionReceipt":
                found = self.chain.location(bytes.fromhex(params[0][2:]))
                return None if found is None else receipt_answer(found.block, found.index)
            case "web3_clientVersion":
                return "besu/v26.3.0/linux-x86_64/openjdk-java-21"
            case "rpc_modules":
                return {"eth": "1.0", "net": "1.0", "web3": "1.0"}
            case "eth_syncing":
                return False
            case "net_peerCount":
                return "0x3"
        raise RpcFault(-32601, "Method not found")

    def _block(self, which: str) -> Block | None:
        if which == "latest":
            return self.chain.head
        if len(which) == 66:
            return self.chain.block(bytes.fromhex(which[2:]))
        return self.chain.block(int(which, 16))

    async def _login(self, request: web.Request) -> web.Response:
        self.logins += 1
        if self.login_answer is not None:
            return self.login_answer()
        credentials = await request.json()
        if credentials != {"username": "pend", "password": "secret"}:
            return web.Response(status=401)
        token = f"token-{self.logins}"
        self.valid_tokens = {token}
        return web.json_response({"token": token})

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        self.ws_headers.append(dict(request.headers))
        await socket.prepare(request)
        async for message in socket:
            call = msgspec.json.decode(message.data)
            assert call["method"] == "eth_subscribe"
            assert call["params"] == ["newHeads"]
            await socket.send_json({"jsonrpc": "2.0", "id": call["id"], "result": "0x1"})
            self.sockets.append(socket)
            self.subscribed.set()
        return socket


def notification(block: Block) -> Json:
    """Besu pushes the whole header with the hashes of the transactions."""
    result = block_answer(block)
    result["transactions"] = [one["hash"] for one in result["transactions"]]
    return {
        "jsonrpc": "2.0",
        "method": "eth_subscription",
        "params": {"subscription": "0x1", "result": result},
    }


def status(code: int, body: str = "") -> Fault:
    async def fault(_: web.Request, __: Calls) -> web.StreamResponse:
        return web.Response(status=code, text=body)

    return fault


def body(text: str) -> Fault:
    return status(200, text)


def batch_limit(count: int, *, code: int | None = None, http_status: int = 200) -> Fault:
    """Besu refuses a batch that is too large with one object in place of the list."""

    async def fault(_: web.Request, calls: Calls) -> web.StreamResponse | None:
        if len(calls) <= count:
            return None
        if code is None:
            return web.Response(status=http_status)
        error = {"code": code, "message": "Number of requests exceeds max batch size"}
        return web.json_response({"jsonrpc": "2.0", "id": None, "error": error}, status=http_status)

    return fault


async def broken_off(request: web.Request, _: Calls) -> web.StreamResponse:
    """Promise a body and close the connection within it."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'[{"jsonrpc"')
    assert request.transport is not None
    request.transport.close()
    return response


async def silent(_: web.Request, __: Calls) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def well(_: web.Request, __: Calls) -> None:
    """No fault this time."""


@dataclass
class Recorder:
    """An observer that keeps what it is told."""

    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    retries: list[tuple[str, str]] = field(default_factory=list)
    inconsistent: list[str] = field(default_factory=list)
    sources: list[HeadSource] = field(default_factory=list)
    set_aside: list[tuple[str, str]] = field(default_factory=list)
    disagreements: list[int] = field(default_factory=list)

    def on_request(self, endpoint: str, method: str, seconds: float, error_kind: str | None) -> None:
        assert seconds >= 0
        self.requests.append((endpoint, method, error_kind))

    def on_retry(self, method: str, error_kind: str, wait_s: float) -> None:
        assert wait_s >= 0
        self.retries.append((method, error_kind))

    def on_inconsistent(self, kind: str) -> None:
        self.inconsistent.append(kind)

    def on_head_source(self, source: HeadSource) -> None:
        self.sources.append(source)

    def on_set_aside(self, endpoint: str, reason: str) -> None:
        self.set_aside.append((endpoint, reason))

    def on_disagreement(self, number: int) -> None:
        self.disagreements.append(number)


def quick(*urls: str, **changes: Any) -> NodeSettings:
    """Settings whose waits a test can afford."""
    defaults: dict[str, Any] = {
        "deadline_s": 2.0,
        "retry_wait_initial_s": 0.001,
        "retry_wait_max_s": 0.002,
        "set_aside_initial_s": 0.002,
        "set_aside_max_s": 0.01,
        "health_interval_s": 3600.0,
        "request_timeout_s": 5.0,
    }
    return NodeSettings(urls=urls, **(defaults | changes))


@asynccontextmanager
async def client_of(
    *nodes: ScriptedNode, observer: Recorder | None = None, **changes: Any
) -> AsyncIterator[NodeClient]:
    async with NodeClient(quick(*(node.url for node in nodes), **changes), observer) as client:
        yield client
