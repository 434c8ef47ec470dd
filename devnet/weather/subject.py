"""Which request this is and which block it is about: what a schedule and a seed go by."""

from hashlib import blake2b
from typing import Any

import msgspec

from devnet.chain import Devnet
from devnet.faults import Call
from evm.primitives import hex_to_bytes, hex_to_int

_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode

_BY_TRANSACTION = frozenset({"eth_getTransactionReceipt", "eth_getTransactionByHash"})


def identity(call: Call) -> bytes:
    """The same for the same method and parameters, whoever asks and when."""
    return blake2b(_encode([call.method, call.params]), digest_size=16).digest()


def block_number(call: Call, devnet: Devnet) -> int:
    """The number of the block that `call` is about; the head's where it names none."""
    head = devnet.head.header.number
    if call.method == "eth_getLogs":
        asked = log_range(call, devnet)
        return asked.start if asked else head
    which = call.params[0] if call.params else None
    if call.method in _BY_TRANSACTION:
        location = devnet.location(_hash(which))
        return head if location is None else location.block.header.number
    if isinstance(which, str) and len(which) == 66:
        block = devnet.block(_hash(which))
        return head if block is None else block.header.number
    return _number(which, head)


def notification_call(said: bytes) -> Call:
    """A head or log that is pushed, as a request of which it is the answer."""
    result = _decode(said)
    number = result.get("number") or result.get("blockNumber")
    return Call("eth_subscription", [number, blake2b(said, digest_size=16).hexdigest()], None)


def log_range(call: Call, devnet: Devnet) -> range | None:
    """The numbers that an `eth_getLogs` by range asks for."""
    parameter = call.params[0] if call.params else None
    if call.method != "eth_getLogs" or not isinstance(parameter, dict) or "blockHash" in parameter:
        return None
    head = devnet.head.header.number
    first, last = (_number(parameter.get(bound), head) for bound in ("fromBlock", "toBlock"))
    return range(first, last + 1)


def _number(tag: Any, head: int) -> int:
    if tag == "earliest":
        return 0
    try:
        return hex_to_int(tag)
    except (TypeError, ValueError, AttributeError):
        return head  # a tag, or nothing that is a number


def _hash(value: Any) -> bytes:
    try:
        return hex_to_bytes(value)
    except (TypeError, ValueError, AttributeError):
        return b""
