"""`eth_subscribe` of one WebSocket connection: new heads and logs, in the order in which Besu sends them."""

import asyncio
from collections.abc import Iterator
from itertools import count
from typing import Any

import msgspec

from devnet import errors
from devnet.answers import Answers, log_answer
from devnet.chain import Change
from devnet.filters import LogFilter, parse_filter

# Notifications that wait for a slow reader; beyond it the connection is closed rather than memory filled.
QUEUE_MAX = 10_000

_encode = msgspec.json.Encoder().encode
_SILENT = frozenset({"syncing", "newPendingTransactions", "droppedPendingTransactions"})


_NOTIFICATION = b'{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":'


def is_notification(message: bytes) -> bool:
    return message.startswith(_NOTIFICATION)


def notified(message: bytes) -> bytes:
    """What a notification says, whoever it is sent to: its result, encoded."""
    return message.partition(b'"result":')[2][:-2]


class Subscriptions:
    """What one connection asked for, and the notifications that wait to be sent to it."""

    def __init__(self, answers: Answers, ids: Iterator[int] | None = None) -> None:
        self._answers = answers
        self._ids = ids or count(1)
        self._heads: dict[str, bool] = {}  # id -> with whole transactions
        self._logs: dict[str, LogFilter] = {}
        self._quiet: set[str] = set()
        self.waiting: asyncio.Queue[bytes] = asyncio.Queue(QUEUE_MAX)
        self.overflowed = asyncio.Event()

    async def subscribe(self, params: list[Any]) -> bytes:
        match params:
            case ["newHeads", *rest]:
                subscription = self._next_id()
                options = rest[0] if rest and isinstance(rest[0], dict) else {}
                self._heads[subscription] = options.get("includeTransactions") is True
            case ["logs", *rest]:
                wanted = parse_filter(rest[0] if rest else {})
                subscription = self._next_id()
                self._logs[subscription] = wanted
            case [str() as kind, *_] if kind in _SILENT:
                subscription = self._next_id()
                self._quiet.add(subscription)
            case _:
                raise errors.invalid_params("Invalid subscription params")
        return _encode(subscription)

    async def unsubscribe(self, params: list[Any]) -> bytes:
        subscription = str(params[0]) if params else ""
        if self._heads.pop(subscription, None) is None and self._logs.pop(subscription, None) is None:
            if subscription not in self._quiet:
                raise errors.subscription_not_found()
            self._quiet.discard(subscription)
        return b"true"

    def announce(self, change: Change) -> None:
        """Queue every head from the common ancestor up; for logs, removed ones first, then added ones."""
        for subscription, full in self._heads.items():
            for block in change.added:
                self._notify(subscription, self._answers.block(block, full=full))
        for subscription, wanted in self._logs.items():
            for blocks, removed in ((change.removed, True), (change.added, False)):
                for block in blocks:
                    for log in wanted.select(block):
                        self._notify(subscription, _encode(log_answer(block, log, removed=removed)))

    def _next_id(self) -> str:
        return hex(next(self._ids))

    def _notify(self, subscription: str, result: bytes) -> None:
        self.queue(_NOTIFICATION + _encode(subscription) + b',"result":' + result + b"}}")

    def queue(self, message: bytes) -> None:
        """Send `message` after those that wait; answers too, so that one precedes what it starts."""
        try:
            self.waiting.put_nowait(message)
        except asyncio.QueueFull:
            self.overflowed.set()
