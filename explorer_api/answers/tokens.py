"""Tokens: what their transfers add up to, and what their contracts say of themselves."""

from datetime import datetime
from typing import Literal

import msgspec

from explorer_api.answers.token_transfers import Standard

TokenOrder = Literal["holders", "transfers", "newest"]
MetadataState = Literal["read", "partial", "reverted", "unreadable"]


class TokenFigures(msgspec.Struct, forbid_unknown_fields=True):
    """What the transfers of one standard add up to, over the blocks that meta.complete names."""

    standard: Standard
    transfer_count: int
    holder_count: int
    """Who holds more than nothing."""
    minted: str
    burned: str
    first_block: int
    """The block of its first transfer."""


class TokenSummary(TokenFigures, forbid_unknown_fields=True):
    """A token as lists show it. A contract that follows two standards is in the list twice."""

    address: str
    name: str | None
    symbol: str | None
    decimals: int | None
    total_supply: str | None
    """As the contract says; null where it was not asked or refused."""


class TokenMetadata(msgspec.Struct, forbid_unknown_fields=True):
    """What the contract said of itself when it was asked last."""

    state: MetadataState
    """read: all that its standard has; partial: some; reverted: it refused; unreadable: it made no sense."""
    fault: str | None
    name: str | None
    symbol: str | None
    decimals: int | None
    total_supply: str | None
    block_number: int
    """The block whose state was asked."""
    block_hash: str
    fetched_at: datetime


class Token(msgspec.Struct, forbid_unknown_fields=True):
    """A token contract."""

    address: str
    standards: list[TokenFigures]
    """By the events it has emitted; empty where none of them is derived yet."""
    metadata: TokenMetadata | None
    """Null: not asked yet."""


class Holder(msgspec.Struct, forbid_unknown_fields=True):
    """What one address holds, as the sum of its transfers; of one item, where the token has items."""

    holder: str
    token_id: str | None
    """Null for ERC-20."""
    balance: str
    share: float | None
    """Of the supply: as the contract says, else minted less burned. Null for items and without a supply."""
    transfer_count: int
    first_block: int


class ItemOwner(msgspec.Struct, forbid_unknown_fields=True):
    """Who holds how much of an item."""

    holder: str
    balance: str
    transfer_count: int
    first_block: int


class TokenItem(msgspec.Struct, forbid_unknown_fields=True):
    """An item of an ERC-721 or ERC-1155 token that somebody holds."""

    token_id: str
    standard: Standard
    owners: list[ItemOwner]
    """By address; not all of them where `more_owners`."""
    more_owners: bool
