"""eth_getLogs over a recording: by blocks, addresses and topics. Who asks for logs meets them made once."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import msgspec

from benchmarks.chain import Chain

_ANY: frozenset[str] = frozenset()


class _Log(msgspec.Struct, gc=False):
    address: str
    topics: list[str]


class _Receipt(msgspec.Struct, gc=False):
    logs: list[msgspec.Raw]


_RECEIPTS = msgspec.json.Decoder(list[_Receipt])
_LOG = msgspec.json.Decoder(_Log)


class LogFilter:
    """The logs of each block, cut out when the block is first asked about."""

    def __init__(self, chain: Chain, number_of: Callable[[Any], int | None]) -> None:
        self._chain, self._number_of = chain, number_of
        self._logs_of = cache(self._cut)
        self._whole = cache(self._join)

    def answer(self, params: Sequence[Any]) -> bytes:
        """The result of eth_getLogs with these parameters."""
        asked = params[0]
        if "blockHash" in asked:
            first = last = self._number_of(asked["blockHash"])
        else:
            first = self._number_of(asked.get("fromBlock", "latest"))
            last = self._number_of(asked.get("toBlock", "latest"))
        if first is None or last is None:
            return b"[]"
        addresses = _choices(asked.get("address"))
        topics = [_choices(topic) for topic in asked.get("topics") or ()]
        if not addresses and not any(topics):
            found = [self._whole(number) for number in range(first, last + 1)]
            return b"[%b]" % b",".join(filter(None, found))
        chosen = [
            raw
            for number in range(first, last + 1)
            for log, raw in self._logs_of(number)
            if _matches(log, addresses, topics)
        ]
        return b"[%b]" % b",".join(chosen)

    def _cut(self, number: int) -> list[tuple[_Log, bytes]]:
        receipts = _RECEIPTS.decode(self._chain.receipts[number])
        return [(_LOG.decode(raw), bytes(raw)) for receipt in receipts for raw in receipt.logs]

    def _join(self, number: int) -> bytes:
        return b",".join(raw for _, raw in self._logs_of(number))


def _choices(given: str | list[str] | None) -> frozenset[str]:
    """What is accepted in one place of a filter; nothing said accepts everything."""
    if not given:
        return _ANY
    return frozenset(text.lower() for text in ([given] if isinstance(given, str) else given))


def _matches(log: _Log, addresses: frozenset[str], topics: Sequence[frozenset[str]]) -> bool:
    if addresses and log.address not in addresses:
        return False
    for place, accepted in enumerate(topics):
        if accepted and (place >= len(log.topics) or log.topics[place] not in accepted):
            return False
    return True
