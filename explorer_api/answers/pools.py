"""Pools: what came in, what went out, and whose it is. Amounts are units of the pool's asset, as text."""

from datetime import datetime
from typing import Literal

import msgspec


class Pool(msgspec.Struct, forbid_unknown_fields=True):
    """One pool, by its events."""

    address: str
    title: str | None
    """Of the asset that is offered with it; null where none is."""
    status: str | None
    """active, paused or closed; null likewise."""
    invested: str
    withdrawn: str
    balance: str
    wallet_count: int
    """Wallets that ever invested."""
    investor_count: int
    """Those that have something in it now."""
    investment_count: int
    withdrawal_count: int
    first_block: int
    last_block: int


class PoolPosition(msgspec.Struct, forbid_unknown_fields=True):
    """What one wallet has put into a pool and taken out of it."""

    wallet: str
    invested: str
    withdrawn: str
    balance: str
    investment_count: int
    withdrawal_count: int
    first_block: int
    last_block: int


class PoolFlow(msgspec.Struct, forbid_unknown_fields=True):
    """One investment or withdrawal."""

    kind: Literal["investment", "withdrawal"]
    wallet: str
    amount: str
    block_number: int
    log_index: int
    transaction_index: int
    transaction_hash: str
    timestamp: datetime
    final: bool


class PoolPoint(msgspec.Struct, forbid_unknown_fields=True):
    """One hour or day (UTC); `balance` is what was in the pool at its end."""

    time: datetime
    invested: str
    withdrawn: str
    balance: str
    investment_count: int
    withdrawal_count: int


class PoolSeries(msgspec.Struct, forbid_unknown_fields=True, rename={"from_": "from"}):
    """A pool over time; hours and days without a block, and those before it was there, are left out."""

    address: str
    interval: Literal["hour", "day"]
    from_: datetime | None
    to: datetime | None
    points: list[PoolPoint]
