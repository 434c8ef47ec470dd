"""The filter of `eth_getLogs` and of log subscriptions: addresses, and topics by position."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from devnet import errors
from evm.blocks import Block, Log
from evm.bloom import bloom_bits
from evm.primitives import Address, Hash32, hex_to_bytes

TOPICS_MAX = 4


@dataclass(frozen=True)
class LogFilter:
    """Addresses of which one must match (none: any), and per position topics of which one must."""

    addresses: frozenset[Address]
    topics: tuple[frozenset[Hash32], ...]

    def matches(self, log: Log) -> bool:
        if self.addresses and log.address not in self.addresses:
            return False
        if len(self.topics) > len(log.topics):
            return False
        return all(not wanted or log.topics[place] in wanted for place, wanted in enumerate(self.topics))

    def may_match(self, bloom: int) -> bool:
        """False only if no log under this bloom can match."""
        return all(
            not wanted or any(bloom & (bits := bloom_bits(item)) == bits for item in wanted)
            for wanted in (self.addresses, *self.topics)
        )

    def select(self, block: Block) -> Iterator[Log]:
        """The logs of `block` that match, in order."""
        if not self.may_match(int.from_bytes(block.header.logs_bloom, "big")):
            return
        for receipt in block.receipts:
            for log in receipt.logs:
                if self.matches(log):
                    yield log


def parse_filter(parameter: object) -> LogFilter:
    """The filter in a request's parameter; raises `RpcError` -32602 for anything else."""
    if not isinstance(parameter, dict):
        raise errors.invalid_params("Invalid filter params")
    topics = parameter.get("topics") or []
    if not isinstance(topics, list) or len(topics) > TOPICS_MAX:
        raise errors.invalid_params("Invalid filter params")
    return LogFilter(
        _items(parameter.get("address"), 20),
        tuple(_items(wanted, 32) for wanted in topics),
    )


def _items(value: Any, size: int) -> frozenset[bytes]:
    if value is None:
        return frozenset()
    try:
        items = frozenset(
            hex_to_bytes(item) for item in (value if isinstance(value, list) else [value]) if item
        )
    except (TypeError, ValueError) as error:
        raise errors.invalid_params("Invalid filter params") from error
    if any(len(item) != size for item in items):
        raise errors.invalid_params("Invalid filter params")
    return items
