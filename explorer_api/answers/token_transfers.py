"""Transfers of tokens."""

from datetime import datetime
from typing import Literal

import msgspec

Standard = Literal["ERC-20", "ERC-721", "ERC-1155"]
Direction = Literal["in", "out", "self"]


class TokenLabel(msgspec.Struct, forbid_unknown_fields=True):
    """What a token contract says of itself; nulls where it was not asked or says nothing."""

    address: str
    name: str | None
    symbol: str | None
    decimals: int | None


class TokenTransfer(msgspec.Struct, forbid_unknown_fields=True):
    """What one event says moved. The zero address mints and burns."""

    block_number: int
    log_index: int
    batch_index: int
    """Place within a TransferBatch; 0 elsewhere."""
    transaction_index: int
    transaction_hash: str
    timestamp: datetime
    token: TokenLabel
    standard: Standard
    operator: str | None
    from_address: str
    to_address: str
    token_id: str | None
    """Null for ERC-20."""
    amount: str
    """In the token's smallest unit; 1 for ERC-721."""
    final: bool
    """Whether it can no longer change."""


class AddressTokenTransfer(TokenTransfer, forbid_unknown_fields=True):
    """A transfer as one address sees it."""

    direction: Direction
