"""Addresses: what blocks say of them, and what was asked of the node."""

from datetime import datetime
from typing import Literal

import msgspec

from explorer_api.answers.token_transfers import Direction, Standard, TokenLabel
from explorer_api.answers.transactions import TransactionSummary

Role = Literal["from", "to", "creator", "created"]


class NativeBalance(msgspec.Struct, forbid_unknown_fields=True):
    """A balance in wei as the node knew it after a block."""

    balance: str
    block_number: int
    block_hash: str
    fetched_at: datetime
    fresh: bool
    """Whether no block that was looked through has touched the address since."""


class AddressCounters(msgspec.Struct, forbid_unknown_fields=True):
    """Counts over the blocks that meta.complete names."""

    address: str
    seen: bool
    """Whether any of these blocks has it."""
    transactions: int
    sent: int
    received: int
    created: int
    """Contracts it created."""
    token_transfers: int
    logs: int


class ContractCode(msgspec.Struct, forbid_unknown_fields=True):
    """What stands at an address, as the node knew it after a block."""

    kind: Literal["none", "contract", "clone", "delegation"]
    code_hash: str
    code_size: int
    clone_of: str | None
    """What an EIP-1167 clone runs."""
    delegated_to: str | None
    """What an account runs by EIP-7702."""
    block_number: int


class ProxyTarget(msgspec.Struct, forbid_unknown_fields=True):
    """What the proxy last said it points to (EIP-1967)."""

    kind: Literal["implementation", "beacon"]
    target: str
    implementation: str | None
    """What runs: the target, or what the beacon pointed to last; null where a beacon has not said."""
    block_number: int
    """The block that says so."""


class Creation(msgspec.Struct, forbid_unknown_fields=True):
    """The transaction that created a contract."""

    creator: str
    block_number: int
    transaction_index: int
    transaction_hash: str | None
    """Null where that block is not indexed any more."""


class AddressToken(msgspec.Struct, forbid_unknown_fields=True):
    """What the address is as a token."""

    standards: list[Standard]
    """By the events it has emitted."""
    name: str | None
    symbol: str | None
    decimals: int | None
    total_supply: str | None


class Address(msgspec.Struct, forbid_unknown_fields=True):
    """An address. One that no block names is answered with zeros and `seen` false."""

    address: str
    seen: bool
    is_contract: bool
    """By its creation in a transaction, its logs, or its code."""
    label: str | None
    """The name of an ABI registered for it, else its token's symbol."""
    abis: list[str]
    """Names of the ABIs registered for it."""
    native: NativeBalance | None
    """Null: not asked yet."""
    nonce: str | None
    """The next one after the last transaction it sent; null: it has sent none."""
    first_block: int | None
    last_block: int | None
    creation: Creation | None
    code: ContractCode | None
    """Null: not asked."""
    proxy: ProxyTarget | None
    token: AddressToken | None
    counters: AddressCounters


class AddressTransaction(TransactionSummary, forbid_unknown_fields=True):
    """A transaction as one address sees it."""

    roles: list[Role]


class HeldToken(msgspec.Struct, forbid_unknown_fields=True):
    """What an address holds of one token by its transfers; of one item, where the token has items."""

    token: TokenLabel
    standard: Standard
    token_id: str | None
    """Null for ERC-20."""
    balance: str
    transfer_count: int
    first_block: int


class BalanceChange(msgspec.Struct, forbid_unknown_fields=True):
    """A transfer of one token, and what the address held after it by all transfers up to it."""

    block_number: int
    log_index: int
    batch_index: int
    transaction_index: int
    transaction_hash: str
    timestamp: datetime
    direction: Direction
    counterparty: str
    amount: str
    change: str
    """Signed; 0 where it sent to itself."""
    balance: str
    """After this transfer."""
    final: bool
