"""Investments as their owner and administrators see them. Amounts are text."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

InvestmentStatus = Literal["pending", "confirmed", "failed", "refunded"]


class Investment(msgspec.Struct):
    """What a user put into an asset, or asked to."""

    id: UUID
    user_id: UUID
    asset_id: UUID
    asset_title: str | None
    contract_address: str | None
    """The pool that the wallet sends to, with checksum (EIP-55)."""
    amount: str
    chain_amount: str | None
    """The same in the token's smallest units: what the event of the chain must say."""
    currency: str
    status: InvestmentStatus
    """`pending` until the chain confirms it; `refunded` once all of it was withdrawn."""
    withdrawn: str
    withdrawing: str
    """Asked to be withdrawn, and not confirmed by the chain yet."""
    transaction_id: UUID
    """The movement that the chain settles; tell it the hash of what the wallet sent."""
    transaction_hash: str | None
    block_number: int | None
    failure_reason: str | None
    """`cancelled`, `reverted`, `no_matching_event` or `expired`."""
    invested_at: datetime
    confirmed_at: datetime | None
    expires_at: datetime
    """Until when the wallet may send it."""
    locked_until: datetime | None
    """Before that nothing is withdrawn; null until it is confirmed."""
    version: int


class Position(msgspec.Struct):
    """What a user holds of one asset."""

    asset_id: UUID
    title: str | None
    currency: str
    invested: str
    """Confirmed, and not withdrawn."""
    pending: str
    withdrawing: str
    withdrawn: str
    investment_count: int
    first_invested_at: datetime


class PortfolioSummary(msgspec.Struct):
    """Of confirmed investments, counted every ten minutes."""

    total_assets: int
    total_invested: str
    total_investments: int
    last_investment_date: datetime | None


class Portfolio(msgspec.Struct):
    """Positions as they are now, the largest first, and the summary as it was last counted."""

    positions: list[Position]
    is_complete: bool
    """Whether these are all positions; the largest 1000 are shown."""
    summary: PortfolioSummary | None
    """Null until it was counted for the first time."""
