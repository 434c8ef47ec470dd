"""Ways in which a node misbehaves, for `DevnetServer.faults`."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web

from devnet.answers import Answers
from devnet.chain import Devnet
from devnet.faults import Call, DropConnection, Exchange, NoFaults


@dataclass
class Answerless(NoFaults):
    """Hangs up on whoever asks anything, as a node that is being restarted; counts them."""

    asked: int = 0

    async def before(self, exchange: Exchange) -> web.Response | None:
        self.asked += 1
        raise DropConnection


@dataclass
class LyingReceipts(NoFaults):
    """Receipts of these blocks come with another status in one of their fields that hashes cover."""

    numbers: Collection[int]
    told: int = 0

    def after(self, call: Call, answer: bytes) -> bytes:
        if call.method not in ("eth_getBlockReceipts", "eth_getTransactionReceipt"):
            return answer
        decoded = msgspec.json.decode(answer)
        result = decoded.get("result") or []
        for receipt in result if isinstance(result, list) else [result]:
            if int(receipt["blockNumber"], 16) in self.numbers:
                receipt["cumulativeGasUsed"] = hex(int(receipt["cumulativeGasUsed"], 16) + 1)
                self.told += 1
        return msgspec.json.encode(decoded)


@dataclass
class FlippedStatus(LyingReceipts):
    """A lie that only the receipts root tells."""

    def after(self, call: Call, answer: bytes) -> bytes:
        if call.method != "eth_getBlockReceipts":
            return answer
        decoded = msgspec.json.decode(answer)
        for receipt in decoded.get("result") or []:
            if int(receipt["blockNumber"], 16) in self.numbers:
                receipt["status"] = "0x0" if receipt["status"] == "0x1" else "0x1"
        return msgspec.json.encode(decoded)


@dataclass
class Lagging(NoFaults):
    """The node has fallen back to block `head`: it knows nothing above it. Headers of `wrong` are false."""

    devnet: Devnet
    head: int
    wrong: Collection[int] = ()
    _answers: Answers = field(default_factory=lambda: Answers(2**20))

    def after(self, call: Call, answer: bytes) -> bytes:
        match call.method, call.params:
            case "eth_blockNumber", _:
                return self._result(call, msgspec.json.encode(hex(self.head)))
            case "eth_getBlockByNumber", ["latest", full]:
                block = self.devnet.block(self.head)
                assert block is not None
                return self._result(call, self._answers.block(block, full=bool(full)))
            case (("eth_getBlockByNumber" | "eth_getBlockByHash" | "eth_getBlockReceipts"), [which, *_]):
                if self._is_above(which):
                    return self._result(call, b"null")
                if call.method == "eth_getBlockByNumber" and int(which, 16) in self.wrong:
                    return answer.replace(b'"gasUsed":"0x', b'"gasUsed":"0x1', 1)
        return answer

    def _is_above(self, which: Any) -> bool:
        if len(which) != 66:
            return int(which, 16) > self.head
        block = self.devnet.block(bytes.fromhex(which[2:]))
        return block is not None and block.header.number > self.head

    def _result(self, call: Call, result: bytes) -> bytes:
        return b'{"jsonrpc":"2.0","id":' + msgspec.json.encode(call.id) + b',"result":' + result + b"}"


@dataclass
class AtExchange(NoFaults):
    """Calls `act` when the node has been asked `count` more times, then behaves."""

    count: int
    act: Callable[[], None]

    async def before(self, exchange: Exchange) -> web.Response | None:
        self.count -= 1
        if self.count == 0:
            self.act()
        return None
