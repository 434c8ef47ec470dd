"""Wallets: addresses that never behaved as contracts, by chain data alone."""

from datetime import datetime
from typing import Literal

import msgspec

from explorer_api.answers.addresses import NativeBalance

WalletOrder = Literal["newest", "oldest"]


class Wallet(msgspec.Struct, forbid_unknown_fields=True):
    """An account without code. Counts are over the blocks that meta.complete names."""

    address: str
    transaction_count: int
    sent_count: int
    received_count: int
    created_count: int
    """Contracts it created."""
    token_transfer_count: int
    nonce: str | None
    """The next one after the last transaction it sent; null: it has sent none."""
    first_block: int
    first_seen: datetime | None
    """Time of that block; null where it is not indexed any more."""
    last_block: int | None
    last_seen: datetime | None
    native: NativeBalance | None
    """Null: not asked yet."""
    tier: str | None
    """What its owner was verified for; null for nothing."""
