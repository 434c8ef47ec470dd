"""module=proxy: reads that are passed on to the node. What is not in the table, such as writing, is not."""

from collections.abc import Callable
from functools import partial
from typing import Any

from evm.primitives import to_hex
from explorer_api.answer import Answer
from explorer_api.etherscan.answering import Actions, Asked
from explorer_api.etherscan.envelope import Refused, json_rpc, live
from explorer_api.etherscan.parameters import Parameters
from node.errors import CallRejected, MethodMissing

GAS_MAX = 50_000_000
"""What a call on a reader's behalf may use, whatever it asks for."""
_TTL_S = 1.0

Params = Callable[[Parameters], list[Any]]


def _required(value: str | None, name: str) -> str:
    if value is None:
        raise Refused(f"Error! Missing {name}")
    return value


def _nothing(_: Parameters) -> list[Any]:
    return []


def _block(given: Parameters) -> list[Any]:
    return [given.tag(), (given.text("boolean") or "false").lower() == "true"]


def _count(given: Parameters) -> list[Any]:
    return [given.tag()]


def _in_block(given: Parameters) -> list[Any]:
    return [given.tag(), _required(given.quantity("index"), "index")]


def _hash(given: Parameters) -> list[Any]:
    return [to_hex(given.hash())]


def _account(given: Parameters) -> list[Any]:
    return [to_hex(given.address()), given.tag()]


def _storage(given: Parameters) -> list[Any]:
    return [to_hex(given.address()), _required(given.quantity("position"), "position"), given.tag()]


def _call(given: Parameters) -> list[Any]:
    return [_transaction(given), given.tag()]


def _estimate(given: Parameters) -> list[Any]:
    return [_transaction(given)]


def _transaction(given: Parameters) -> dict[str, str]:
    gas = min(int(given.quantity("gas") or hex(GAS_MAX), 16), GAS_MAX)
    sender = given.optional_address("from")
    asked = {
        "to": to_hex(given.address("to")),
        "from": None if sender is None else to_hex(sender),
        "data": given.data("data"),
        "value": given.quantity("value"),
        "gasPrice": given.quantity("gasPrice"),
        "gas": hex(gas),
    }
    return {name: value for name, value in asked.items() if value is not None}


_METHODS: dict[str, Params] = {
    "eth_blockNumber": _nothing,
    "eth_getBlockByNumber": _block,
    "eth_getUncleByBlockNumberAndIndex": _in_block,
    "eth_getUncleCountByBlockNumber": _count,
    "eth_getBlockTransactionCountByNumber": _count,
    "eth_getTransactionByHash": _hash,
    "eth_getTransactionByBlockNumberAndIndex": _in_block,
    "eth_getTransactionCount": _account,
    "eth_getTransactionReceipt": _hash,
    "eth_call": _call,
    "eth_getCode": _account,
    "eth_getStorageAt": _storage,
    "eth_gasPrice": _nothing,
    "eth_estimateGas": _estimate,
}


async def _pass_on(method: str, params: Params, asked: Asked) -> Answer:
    """The node's answer, or its refusal, as JSON-RPC has them."""
    try:
        result = await asked.node.call(method, params(asked.parameters))
    except CallRejected as error:
        fault: dict[str, Any] = {"code": error.code, "message": error.message}
        if error.data is not None:
            fault["data"] = error.data
    except MethodMissing:
        fault = {"code": -32601, "message": f"the node does not offer {method}"}
    else:
        return live(json_rpc("result", result), _TTL_S)
    return live(json_rpc("error", fault), _TTL_S)


ACTIONS: Actions = {method.lower(): partial(_pass_on, method, params) for method, params in _METHODS.items()}
