"""Calls of contracts through web3, whose requests travel over our own connections to the node.

So login, failover and limits are those of every other request. Calls that are made at once go in one batch.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from web3 import AsyncWeb3
from web3.exceptions import Web3Exception
from web3.providers.async_base import AsyncJSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from evm.primitives import Address
from indexer.fetched.pinned import Pin, require_state
from node.client import NodeClient
from node.refusals import Refusal

_REASON_CHARACTERS_MAX = 200

# The four questions of EIP-20 and the beacon's of EIP-1967.
_ABI: Final = [
    {"type": "function", "name": name, "stateMutability": "view", "inputs": [], "outputs": [{"type": output}]}
    for name, output in (
        ("name", "string"),
        ("symbol", "string"),
        ("decimals", "uint8"),
        ("totalSupply", "uint256"),
        ("implementation", "address"),
    )
]


class Network(Protocol):
    """What is asked of the node here."""

    async def call_each(self, method: str, params: Sequence[Sequence[Any]]) -> list[Any]: ...


@dataclass(frozen=True, slots=True)
class Refused:
    """A call without an answer, and what the node said of it."""

    reason: str


class NodeProvider(AsyncJSONBaseProvider):
    """web3's way to the node: every request of one turn of the event loop leaves in the same batch."""

    # A contract may ask web3 to fetch a URL of its choice (EIP-3668): never.
    global_ccip_read_enabled = False

    def __init__(self, node: Network) -> None:
        super().__init__()
        self._node = node
        self._waiting: list[_Request] = []
        self._sending: set[asyncio.Task[None]] = set()

    async def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Raises the errors of the node package; what the node says no to is an error of the answer."""
        loop = asyncio.get_running_loop()
        request = _Request(method, params, loop.create_future())
        self._waiting.append(request)
        if len(self._waiting) == 1:
            loop.call_soon(self._send)
        return await request.answer

    def _send(self) -> None:
        requests, self._waiting = self._waiting, []
        for method in dict.fromkeys(request.method for request in requests):
            together = [request for request in requests if request.method == method]
            task = asyncio.create_task(self._ask(method, together), name=f"batch of {method}")
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _ask(self, method: RPCEndpoint, requests: Sequence["_Request"]) -> None:
        try:
            answers = await self._node.call_each(method, [request.params for request in requests])
        except asyncio.CancelledError:
            for request in requests:
                request.answer.cancel()
            raise
        except Exception as error:  # noqa: BLE001  it is theirs who wait
            for request in requests:
                if not request.answer.done():
                    request.answer.set_exception(error)
            return
        for request, answer in zip(requests, answers, strict=True):
            if not request.answer.done():
                request.answer.set_result(_response(answer))


@dataclass(slots=True)
class _Request:
    method: RPCEndpoint
    params: Any
    answer: asyncio.Future[RPCResponse] = field(repr=False)


@dataclass(slots=True)
class ContractCalls:
    """Read-only calls without arguments, at a pinned block."""

    node: NodeClient
    _web3: "AsyncWeb3[Any]" = field(init=False)
    _data: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self._web3 = AsyncWeb3(NodeProvider(self.node), middleware=[])
        contract = self._web3.eth.contract(abi=_ABI)
        self._data = {str(entry["name"]): contract.encode_abi(str(entry["name"])) for entry in _ABI}

    async def fetch(self, pin: Pin, calls: Sequence[tuple[Address, str]]) -> list[bytes | Refused]:
        """What each contract answers to the function named beside it, in their order.

        Raises StateMissing: an answer that only says that the block's state is not there is no answer.
        """
        tasks = [asyncio.create_task(self._call(pin, address, function)) for address, function in calls]
        try:
            answers = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if any(isinstance(answer, Refused) for answer in answers):
            await require_state(self.node, pin)
        return answers

    async def _call(self, pin: Pin, address: Address, function: str) -> bytes | Refused:
        call: Any = {"to": AsyncWeb3.to_checksum_address(address), "data": self._data[function]}
        block: Any = pin.block
        try:
            return bytes(await self._web3.eth.call(call, block_identifier=block, ccip_read_enabled=False))
        except (Web3Exception, ValueError) as error:  # ValueError: the answer is no hex data
            return Refused(str(error)[:_REASON_CHARACTERS_MAX])


def _response(answer: Any) -> RPCResponse:
    """Without the data of a revert, which web3 would read and we do not need."""
    if isinstance(answer, str):
        return {"jsonrpc": "2.0", "id": 0, "result": answer}
    code, reason = (answer.code, answer.detail) if isinstance(answer, Refusal) else (None, "no data")
    return {"jsonrpc": "2.0", "id": 0, "error": {"code": code or 0, "message": reason or "refused"}}
