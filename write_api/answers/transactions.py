"""Movements of money as their owner sees them."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

TransactionKind = Literal["investment", "withdrawal"]
TransactionStatus = Literal["pending", "confirmed", "failed"]


class Transaction(msgspec.Struct):
    """What was asked for, and the event of the chain that settled it."""

    id: UUID
    investment_id: UUID
    asset_id: UUID
    asset_title: str | None
    kind: TransactionKind
    amount: str
    chain_amount: str | None
    """The same in the token's smallest units."""
    currency: str
    status: TransactionStatus
    transaction_hash: str | None
    """Told by the user, or found on the chain."""
    block_number: int | None
    log_index: int | None
    is_final: bool
    """Whether no reorganisation of the chain takes it back any more."""
    failure_reason: str | None
    """`cancelled`, `reverted`, `no_matching_event`, `expired` or `investment_failed`."""
    created_at: datetime
    expires_at: datetime
    settled_at: datetime | None
