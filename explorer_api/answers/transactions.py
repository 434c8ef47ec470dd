"""Transactions with their receipts. Amounts are decimal text, in wei."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from explorer_api.answer import Meta
from explorer_api.answers.internal_transfers import InternalTransfer
from explorer_api.answers.logs import Log
from explorer_api.answers.token_transfers import TokenTransfer

Status = Literal["succeeded", "failed"]


class TransactionSummary(msgspec.Struct, forbid_unknown_fields=True):
    """A transaction as lists show it."""

    hash: str
    block_number: int
    transaction_index: int
    timestamp: datetime
    type: int
    """0 legacy, 1 access list, 2 dynamic fee, 3 blob, 4 set code."""
    from_address: str
    to_address: str | None
    """Null: it creates a contract."""
    contract_address: str | None
    """The contract it creates; nothing stands there if it failed."""
    nonce: str
    value: str
    gas_limit: int
    gas_used: int
    effective_gas_price: str | None
    fee: str | None
    """Gas used times the effective gas price."""
    status: Status | None
    """Null where receipts have none (before Byzantium)."""
    selector: str | None
    """First four bytes of the input of a call."""
    method: str | None
    """Name of the called method, if an ABI knows it."""
    log_count: int
    final: bool
    """Whether it can no longer change."""


class DecodedCall(msgspec.Struct, forbid_unknown_fields=True):
    """The input as an ABI reads it."""

    abi: str
    """Name of the ABI."""
    name: str
    signature: str
    arguments: dict[str, Any] | list[Any] | None
    undecodable: str | None
    """Why the bytes are not what the method says."""


class DecodedError(msgspec.Struct, forbid_unknown_fields=True):
    """What a revert said."""

    name: str | None
    signature: str | None
    arguments: dict[str, Any] | list[Any] | None
    reason: str | None
    """The text of Error(string), or what the code of Panic(uint256) means."""
    undecodable: str | None


class Transaction(TransactionSummary, forbid_unknown_fields=True, tag_field="state", tag="indexed"):
    """A transaction with its receipt and what it did."""

    block_hash: str
    input: str
    gas_price: str | None
    max_fee_per_gas: str | None
    max_priority_fee_per_gas: str | None
    max_fee_per_blob_gas: str | None
    base_fee_per_gas: str | None
    """Of its block."""
    chain_id: str | None
    v: str | None
    r: str | None
    s: str | None
    access_list: Any
    blob_versioned_hashes: list[str] | None
    authorization_list: Any
    extra: Any
    """Fields of a transaction of an unknown type."""
    root: str | None
    """State root, where receipts have one instead of a status."""
    cumulative_gas_used: int
    blob_gas_used: int | None
    blob_gas_price: str | None
    revert_reason: str | None
    """The revert data as the node gave it."""
    call: DecodedCall | None
    error: DecodedError | None
    logs: list[Log]
    """The first 100; the rest under /logs."""
    token_transfers: list[TokenTransfer]
    """The first 100; the rest under /token-transfers."""
    internal_transfers: list[InternalTransfer] | None
    """The first 100; the rest under /internal-transfers. Null where the block is not traced."""


class PendingTransaction(msgspec.Struct, forbid_unknown_fields=True, tag_field="state", tag="pending"):
    """A transaction that the node knows and no indexed block holds."""

    hash: str
    type: int | None
    from_address: str
    to_address: str | None
    nonce: str
    value: str
    gas_limit: int
    gas_price: str | None
    max_fee_per_gas: str | None
    max_priority_fee_per_gas: str | None
    input: str
    selector: str | None
    block_number: int | None
    """The block in which the node has it already, which is not indexed yet; null: in none."""


class TransactionAnswer(msgspec.Struct, forbid_unknown_fields=True):
    """A transaction of the indexed chain, or one that only the node knows; `state` tells which."""

    data: Transaction | PendingTransaction
    meta: Meta
