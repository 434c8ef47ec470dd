"""JSON-RPC envelopes: request text, typed answers, and what an error code means for the caller.

A batch holds one method only, so that an answer is decoded in one pass into one type.
"""

from collections.abc import Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec

from node.errors import (
    AccessDenied,
    AnswerGarbled,
    AnswerTooLarge,
    CallRejected,
    MethodMissing,
    NodeError,
    NodeInconsistent,
    NodeRefused,
)
from node.wire import KNOWN_TRANSACTION_TYPES, WireBlock, WireHeader, WireReceipt

T = TypeVar("T")


class RpcError(msgspec.Struct, gc=False):
    code: int = 0
    message: str = ""
    data: Any = None


class Response(msgspec.Struct, Generic[T], gc=False):
    result: T | None = None
    error: RpcError | None = None
    id: int | str | None = None


class NumberAndHash(msgspec.Struct, gc=False):
    number: str
    hash: str


class Decoder(Protocol[T]):
    """What `msgspec.json.Decoder` does."""

    def decode(self, raw: bytes, /) -> list[Response[T]]:
        """Raises msgspec.DecodeError."""


class BlocksDecoder:
    """Blocks in one typed pass; a second, untyped one only where a transaction's type is unknown."""

    def __init__(self) -> None:
        self._typed = msgspec.json.Decoder(list[Response[WireBlock]])

    def decode(self, raw: bytes) -> list[Response[WireBlock]]:
        responses = self._typed.decode(raw)
        untyped: list[Response[dict[str, Any]]] = []
        for index, response in enumerate(responses):
            block = response.result
            if block is None or all(one.type in KNOWN_TRANSACTION_TYPES for one in block.transactions):
                continue
            untyped = untyped or _OBJECTS.decode(raw)
            whole_block = untyped[index].result or {}
            for transaction, whole in zip(block.transactions, whole_block["transactions"], strict=True):
                if transaction.type not in KNOWN_TRANSACTION_TYPES:
                    transaction.extra = whole
        return responses


BLOCKS: Final = BlocksDecoder()
BLOCK: Final = msgspec.json.Decoder(Response[WireBlock])
RECEIPTS_OF_BLOCK: Final = msgspec.json.Decoder(Response[list[WireReceipt]])
HEADERS: Final = msgspec.json.Decoder(list[Response[WireHeader]])
HASHES: Final = msgspec.json.Decoder(list[Response[NumberAndHash]])
BLOCK_RECEIPTS: Final = msgspec.json.Decoder(list[Response[list[WireReceipt]]])
RECEIPTS: Final = msgspec.json.Decoder(list[Response[WireReceipt]])
VALUES: Final = msgspec.json.Decoder(list[Response[Any]])
_OBJECTS: Final = msgspec.json.Decoder(list[Response[dict[str, Any]]])
_SINGLE: Final = msgspec.json.Decoder(Response[Any])

# Besu's codes beside those of JSON-RPC 2.0 and EIP-1474 (RpcErrorType.java); geth's for limits (errors.go).
_UNAUTHORIZED = -40100
_METHOD_MISSING = frozenset({-32601, -32604})  # unknown; API not enabled
_LIMIT_EXCEEDED = -32005
_TOO_MUCH = frozenset({_LIMIT_EXCEEDED, -32002, -32003})  # geth: timed out, response too large
_INTERNAL_ERROR = -32603
_INVALID_REQUEST = -32600
_SERVER_ERROR = -32000

_RESPONSE_START = b'{"jsonrpc":'

_NOT_READABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # the last: nested too deeply


def batch_body(method: str, params: Sequence[str]) -> bytes:
    """One batch of calls of `method`; each of `params` is JSON text without its outer brackets."""
    calls = [
        f'{{"jsonrpc":"2.0","id":{index},"method":"{method}","params":[{text}]}}'
        for index, text in enumerate(params)
    ]
    return f"[{','.join(calls)}]".encode()


def decode_batch(
    raw: bytes,
    decoder: Decoder[T],
    *,
    endpoint: str,
    method: str,
    count: int,
    server_error_passes: bool = True,
) -> list[T | None]:
    """The results in the order of the calls, None for null; raises the NodeError that an error means.

    `server_error_passes`: see `error_of`.
    """
    try:
        responses = decoder.decode(raw)
    except _NOT_READABLE as error:
        # A batch refused as a whole is answered with one object (Besu: JsonRpcObjectExecutor).
        refusal = error_in_object(raw)
        if refusal is None:
            if isinstance(error, msgspec.ValidationError):
                raise _malformed(endpoint, method, f"{len(raw)} bytes: {error}") from error
            raise AnswerGarbled(endpoint, method, len(raw), str(error)) from error
        if count > 1 and refusal.code in (_LIMIT_EXCEEDED, _INVALID_REQUEST):
            raise AnswerTooLarge(endpoint, method, code=refusal.code, detail=refusal.message) from None
        raise error_of(refusal, endpoint, method, server_error_passes=server_error_passes) from None
    for response in responses:
        if response.error is not None:
            raise error_of(response.error, endpoint, method, server_error_passes=server_error_passes)
    if len(responses) != count:
        raise _malformed(endpoint, method, f"{count} calls, {len(responses)} responses")
    results: list[T | None] = []
    for index, response in enumerate(responses):
        if response.id != index:
            return _in_order(responses, endpoint=endpoint, method=method)
        results.append(response.result)
    return results


def split_batch(raw: bytes, count: int) -> list[memoryview] | None:
    """The responses of a batch, still JSON text; None where they are spelt otherwise than compactly.

    Inside a string the quotes would be escaped, so what is found is where a response begins. Looked for is
    the j alone, which no hex digit and hardly a field's name is: a search for one byte is ten times as fast.
    """
    starts: list[int] = []
    place = raw.find(b"j")
    while place >= 0:
        if raw.startswith(_RESPONSE_START, place - 2):
            starts.append(place - 2)
        place = raw.find(b"j", place + 1)
    whole = raw.rstrip()  # geth ends an answer with a newline
    if len(starts) != count or starts[:1] != [1] or not whole.endswith(b"}]"):
        return None
    if not all(whole.startswith(b"},", start - 2) for start in starts[1:]):
        return None
    view = memoryview(whole)
    ends = (*(start - 1 for start in starts[1:]), len(whole) - 1)
    return [view[start:end] for start, end in zip(starts, ends, strict=True)]


def decode_one(
    raw: memoryview,
    decoder: "msgspec.json.Decoder[Response[T]]",
    position: int,
    *,
    endpoint: str,
    method: str,
) -> T | None:
    """The result of one response of `split_batch`; raises the NodeError that an error means."""
    try:
        response = decoder.decode(raw)
    except _NOT_READABLE as error:
        raise AnswerGarbled(endpoint, method, len(raw), str(error)) from error
    if response.error is not None:
        raise error_of(response.error, endpoint, method, server_error_passes=True)
    if response.id != position:
        raise AnswerGarbled(endpoint, method, len(raw), f"id {response.id} in place {position}")
    return response.result


def error_in_object(raw: bytes) -> RpcError | None:
    """The error of an answer that is one JSON-RPC object; None for anything else."""
    try:
        return _SINGLE.decode(raw).error
    except _NOT_READABLE:
        return None


def error_of(error: RpcError, endpoint: str, method: str, *, server_error_passes: bool) -> NodeError:
    """What the caller can do about it.

    A server error (-32000) to a question about a block passes: the node starts, or lags. To an arbitrary
    call it is the answer: an eth_call that reverts will revert again.
    """
    code = error.code
    if code in _METHOD_MISSING:
        return MethodMissing(endpoint, method, code)
    if code in _TOO_MUCH:
        return AnswerTooLarge(endpoint, method, code=code, detail=error.message)
    if code == _UNAUTHORIZED:
        return AccessDenied(endpoint, error.message or "unauthorized")
    if code == _INTERNAL_ERROR or (code == _SERVER_ERROR and server_error_passes):
        return NodeRefused(endpoint, method, code=code, detail=error.message)
    return CallRejected(endpoint, method, code, error.message, error.data)


def _in_order(responses: Sequence[Response[T]], *, endpoint: str, method: str) -> list[T | None]:
    """JSON-RPC 2.0 allows a batch to be answered in any order."""
    by_id = {response.id: response.result for response in responses}
    try:
        return [by_id[index] for index in range(len(responses))]
    except KeyError as error:
        raise _malformed(endpoint, method, f"no response has id {error}") from None


def _malformed(endpoint: str, method: str, detail: str) -> NodeInconsistent:
    return NodeInconsistent("malformed", None, None, f"{method} from {endpoint}: {detail}")
