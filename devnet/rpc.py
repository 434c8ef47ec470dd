"""JSON-RPC envelopes: single calls and batches in, Besu's limits and error shapes out."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Literal

import msgspec
from aiohttp import web

from devnet import errors
from devnet.errors import RpcError
from devnet.faults import Call, Delivered, Exchange, Faults
from devnet.methods import Method

BATCH_MAX = 1024
# A long batch lets others have a turn after this many calls; Besu has a thread for each connection.
CALLS_PER_TURN = 32

DEFAULT_APIS = frozenset({"eth", "net", "web3"})
# APIs a Besu node knows; their methods are "not enabled" rather than "not found" when switched off.
KNOWN_APIS = frozenset(
    {
        "admin",
        "clique",
        "debug",
        "eth",
        "ibft",
        "miner",
        "net",
        "perm",
        "plugins",
        "qbft",
        "trace",
        "txpool",
        "web3",
    }
)
WEBSOCKET_ONLY = frozenset({"eth_subscribe", "eth_unsubscribe"})

Command = Callable[[list[Any]], Awaitable[bytes]]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Rpc:
    """Calls methods by name, serially within a batch as Besu does."""

    def __init__(
        self,
        methods: Mapping[str, Method],
        commands: Mapping[str, Command],
        *,
        apis: Collection[str],
        without_methods: Collection[str] = (),
    ) -> None:
        self._apis = frozenset(apis)
        self._methods = {
            name: method
            for name, method in methods.items()
            if name.partition("_")[0] in self._apis and name not in without_methods
        }
        self._methods["rpc_modules"] = lambda _: _encode(dict.fromkeys(sorted(self._apis), "1.0"))
        self._commands = commands
        self._without_methods = frozenset(without_methods)

    async def answer(
        self,
        body: bytes | str,
        faults: Faults,
        *,
        transport: Literal["http", "ws"] = "http",
        commands: Mapping[str, Command] | None = None,
        batch_max: int | None = BATCH_MAX,
        authorization: str = "",
    ) -> bytes | Delivered | web.Response:
        """The encoded answer to `body`, or what a fault puts in its place.

        `commands` are further methods of this connection only. Raises `DropConnection`.
        """
        try:
            request = _decode(body)
        except msgspec.DecodeError:
            return refusal(errors.parse_error())
        batch = isinstance(request, list)
        items = request if isinstance(request, list) else [request]
        if not items:
            return refusal(errors.invalid_request())
        if batch and batch_max is not None and len(items) > batch_max:
            return refusal(errors.batch_exceeded())  # one object, not an array
        calls = [_call(item) for item in items]
        known = tuple(call for call in calls if call)
        instead = await faults.before(Exchange(transport, known, authorization))
        if isinstance(instead, web.Response):
            return instead
        answers = []
        for position, call in enumerate(calls, 1):
            answers.append(await self._answer_one(call, faults, commands or {}))
            if position % CALLS_PER_TURN == 0:
                await asyncio.sleep(0)
        answer = b"[" + b",".join(answers) + b"]" if batch else answers[0]
        return answer if instead is None else Delivered(answer, instead)

    async def _answer_one(self, call: Call | None, faults: Faults, commands: Mapping[str, Command]) -> bytes:
        if call is None:
            return refusal(errors.invalid_request())
        try:
            result = await self._result(call, commands)
        except RpcError as error:
            return faults.after(call, refusal(error, call.id))
        return faults.after(
            call, b'{"jsonrpc":"2.0","id":' + _encode(call.id) + b',"result":' + result + b"}"
        )

    async def _result(self, call: Call, commands: Mapping[str, Command]) -> bytes:
        method = self._methods.get(call.method)
        if method is not None:
            return method(call.params)
        command = commands.get(call.method) or self._commands.get(call.method)
        if command is not None:
            return await command(call.params)
        api = call.method.partition("_")[0]
        if call.method not in self._without_methods and (
            call.method in WEBSOCKET_ONLY or (api in KNOWN_APIS and api not in self._apis)
        ):
            raise errors.method_not_enabled()
        raise errors.method_not_found()


def refusal(error: RpcError, call_id: object = None) -> bytes:
    return _encode({"jsonrpc": "2.0", "id": call_id, "error": error.answer()})


def _call(item: object) -> Call | None:
    """The call in one element of a request; None where there is none."""
    if not isinstance(item, dict) or not isinstance(item.get("method"), str):
        return None
    params = item.get("params") or []
    if not isinstance(params, list):
        return None
    return Call(item["method"], params, item.get("id"))
