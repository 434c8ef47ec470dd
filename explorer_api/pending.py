"""Transactions that no indexed block holds yet, as the node tells of them: never stored, never kept."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import msgspec

from evm.primitives import to_hex
from explorer_api.answers.transactions import PendingTransaction
from explorer_api.problems import NodeFailed
from explorer_api.reading import Explorer
from node.errors import CallRejected, MethodMissing, NodeError
from service.http.problems import NotSupported

PATIENCE_S = 2.0
"""A reader waits no longer for the node."""

_AT_ONCE = 8
_QUANTITY_DIGITS_MAX = 66


class WireTransaction(msgspec.Struct, rename="camel"):
    """What nodes say of a transaction: of another's spelling, checked as it is read."""

    hash: str
    nonce: str
    value: str
    gas: str
    input: str
    from_: str = msgspec.field(name="from")
    to: str | None = None
    type: str | None = None
    gas_price: str | None = None
    max_fee_per_gas: str | None = None
    max_priority_fee_per_gas: str | None = None
    block_number: str | None = None


@dataclass(slots=True)
class PendingTransactions:
    """Asks the node of the settings on a reader's behalf."""

    explorer: Explorer
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    async def find(self, hash_: bytes) -> PendingTransaction | None:
        """The transaction if the node knows it. Raises `NotSupported` without a node, `NodeFailed`."""
        found = await self._ask("eth_getTransactionByHash", [to_hex(hash_)])
        try:
            return None if found is None else _read(msgspec.convert(found, WireTransaction))
        except (msgspec.ValidationError, ValueError) as error:
            raise NodeFailed(f"the node's answer is no transaction: {error}") from error

    async def first(self, limit: int) -> list[PendingTransaction]:
        """Up to so many of those that wait for a block. Raises `NotSupported`, `NodeFailed`."""
        try:
            return _listed(await self._ask("txpool_besuPendingTransactions", [limit]))
        except MethodMissing:
            pass
        try:
            content = await self._ask("txpool_content", [])
        except MethodMissing as error:
            raise NotSupported(
                "the node tells no pending transactions: enable its TXPOOL API "
                "(txpool_besuPendingTransactions or txpool_content)"
            ) from error
        senders = content.get("pending", {}) if isinstance(content, dict) else {}
        waiting = [by_nonce[nonce] for by_nonce in senders.values() for nonce in sorted(by_nonce, key=int)]
        return _listed(waiting)[:limit]

    async def _ask(self, method: str, params: list[Any]) -> Any:
        """Raises `NotSupported` without a node, MethodMissing, `NodeFailed`."""
        node = self.explorer.node
        if node is None:
            raise NotSupported(
                "no node is configured here (node.urls), so nothing is known of what is pending"
            )
        try:
            async with self._turns, asyncio.timeout(2 * PATIENCE_S):
                return await node.call(method, params)
        except (MethodMissing, CallRejected) as error:
            if isinstance(error, MethodMissing):
                raise
            raise NodeFailed(f"the node refuses {method}") from error
        except (NodeError, TimeoutError) as error:
            raise NodeFailed(f"the node did not answer {method} within {PATIENCE_S:g} s") from error


def _listed(answers: Any) -> list[PendingTransaction]:
    try:
        return [_read(each) for each in msgspec.convert(answers, list[WireTransaction])]
    except (msgspec.ValidationError, ValueError) as error:
        raise NodeFailed(f"the node's answer is no list of transactions: {error}") from error


def _read(wire: WireTransaction) -> PendingTransaction:
    """Raises ValueError."""
    input_ = "0x" + bytes.fromhex(wire.input.removeprefix("0x")).hex()
    return PendingTransaction(
        hash=_bytes(wire.hash, 32),
        type=None if wire.type is None else _quantity(wire.type),
        from_address=_bytes(wire.from_, 20),
        to_address=None if wire.to is None else _bytes(wire.to, 20),
        nonce=str(_quantity(wire.nonce)),
        value=str(_quantity(wire.value)),
        gas_limit=_quantity(wire.gas),
        gas_price=_amount(wire.gas_price),
        max_fee_per_gas=_amount(wire.max_fee_per_gas),
        max_priority_fee_per_gas=_amount(wire.max_priority_fee_per_gas),
        input=input_,
        selector=input_[:10] if wire.to is not None and len(input_) >= 10 else None,
        block_number=None if wire.block_number is None else _quantity(wire.block_number),
    )


def _bytes(text: str, size: int) -> str:
    read = bytes.fromhex(text.removeprefix("0x"))
    if len(read) != size:
        raise ValueError(f"{len(read)} bytes where {size} belong")
    return to_hex(read)


def _quantity(text: str) -> int:
    if len(text) > _QUANTITY_DIGITS_MAX:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text, 16)


def _amount(text: str | None) -> str | None:
    return None if text is None else str(_quantity(text))
