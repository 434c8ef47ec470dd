"""Answers that are wrong about a block: receipts, logs, and blocks that are said not to exist."""

from abc import abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from devnet import errors
from devnet.answers import receipt_answer
from devnet.faults import Call
from devnet.rpc import refusal
from devnet.weather.fault import OnAnswer, Scene
from devnet.weather.subject import log_range

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

BLOCK_METHODS = frozenset({"eth_getBlockByNumber", "eth_getBlockByHash"})
RECEIPT_METHODS = frozenset({"eth_getBlockReceipts", "eth_getTransactionReceipt"})
LOG_METHODS = RECEIPT_METHODS | {"eth_getLogs"}


class Lie(OnAnswer):
    """A result that differs from the true one; where it would not, no strike is counted."""

    methods: ClassVar[Collection[str]]

    @abstractmethod
    def lie(self, call: Call, result: Any, scene: Scene) -> Any:
        """What is said instead of `result`, which is neither null nor changed."""

    def spoil(self, call: Call, answer: bytes, scene: Scene) -> bytes | None:
        if call.method not in self.methods:
            return None
        response = _decode(answer)
        result = response.get("result")
        if result is None:
            return None
        said = self.lie(call, result, scene)
        return None if said == result else _encode(response | {"result": said})


@dataclass(frozen=True)
class NullBlock(Lie):
    name = "null_block"
    methods = BLOCK_METHODS

    def lie(self, call: Call, result: Any, scene: Scene) -> Any:  # noqa: ARG002
        return None


@dataclass(frozen=True)
class NullReceipts(Lie):
    name = "null_receipts"
    methods = RECEIPT_METHODS

    def lie(self, call: Call, result: Any, scene: Scene) -> Any:  # noqa: ARG002
        return None


@dataclass(frozen=True)
class EmptyReceipts(Lie):
    name = "empty_receipts"
    methods = frozenset({"eth_getBlockReceipts"})

    def lie(self, call: Call, result: Any, scene: Scene) -> Any:  # noqa: ARG002
        return []


@dataclass(frozen=True)
class ShortReceipts(Lie):
    """The last `missing` receipts of a block are not there."""

    name = "short_receipts"
    methods = frozenset({"eth_getBlockReceipts"})
    missing: int = 1

    def lie(self, call: Call, result: Any, scene: Scene) -> Any:  # noqa: ARG002
        return result[: -self.missing]


@dataclass(frozen=True)
class ForeignReceipts(Lie):
    """The receipts of the block below, or of the block above where that one has none."""

    name = "foreign_receipts"
    methods = RECEIPT_METHODS

    def lie(self, call: Call, result: Any, scene: Scene) -> Any:  # noqa: ARG002
        receipts = result if isinstance(result, list) else [result]
        if not receipts:
            return result
        number = int(receipts[0]["blockNumber"], 16)
        beside = (scene.devnet.block(number - 1), scene.devnet.block(number + 1))
        other = next((block for block in beside if block is not None and block.receipts), None)
        if other is None:
            return result
        if isinstance(result, list):
            return [receipt_answer(other, index) for index in range(len(other.receipts))]
        return receipt_answer(other, min(int(result["transactionIndex"], 16), len(other.receipts) - 1))


@dataclass(frozen=True)
class MissingLogs(Lie):
    """No logs, while every bloom still says that there are some."""

    name = "missing_logs"
    methods = LOG_METHODS

    def lie(self, call: Call, result: Any, scene: Scene) -> Any:  # noqa: ARG002
        if call.method == "eth_getLogs":
            return []
        if isinstance(result, list):
            return [receipt | {"logs": []} for receipt in result]
        return result | {"logs": []}


@dataclass(frozen=True)
class RemovedLogs(Lie):
    """Logs of a canonical block marked as taken back."""

    name = "removed_logs"
    methods = LOG_METHODS

    def lie(self, call: Call, result: Any, scene: Scene) -> Any:  # noqa: ARG002
        if call.method == "eth_getLogs":
            return _removed(result)
        if isinstance(result, list):
            return [receipt | {"logs": _removed(receipt["logs"])} for receipt in result]
        return result | {"logs": _removed(result["logs"])}


def _removed(logs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [log | {"removed": True} for log in logs]


@dataclass(frozen=True)
class LogRangeRefused(OnAnswer):
    """`eth_getLogs` over more than `blocks_max` blocks is refused as over a limit."""

    name = "log_range_refused"
    blocks_max: int = 100

    def spoil(self, call: Call, answer: bytes, scene: Scene) -> bytes | None:  # noqa: ARG002
        asked = log_range(call, scene.devnet)
        if asked is None or len(asked) <= self.blocks_max:
            return None
        return refusal(errors.range_exceeded(), call.id)
