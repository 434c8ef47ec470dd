"""Transfers of the native coin within transactions, as traces tell them."""

from datetime import datetime
from typing import Literal

import msgspec


class InternalTransfer(msgspec.Struct, forbid_unknown_fields=True):
    """A call within a transaction that moved value, created or destroyed a contract."""

    block_number: int
    transaction_index: int
    trace_address: list[int]
    """The path from the transaction's own call down."""
    transaction_hash: str
    timestamp: datetime
    type: Literal["call", "create", "selfdestruct"]
    from_address: str
    to_address: str | None
    """Null where a creation failed."""
    value: str
    """Wei."""
    gas_used: int | None
    error: str | None
    """Why it took no effect; null: it took effect."""
    final: bool
    """Whether it can no longer change."""
