"""Frozen values of a chain: header, transaction, receipt, log, block.

Fields that a fork introduced are None before it; encoders rely on that (see consensus.header_fields).
"""

import msgspec

from evm.bloom import logs_bloom
from evm.primitives import ZERO_ADDRESS, ZERO_HASH, Address, Hash32


class Header(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    number: int
    parent_hash: Hash32
    sha3_uncles: Hash32
    miner: Address
    state_root: Hash32
    transactions_root: Hash32
    receipts_root: Hash32
    logs_bloom: bytes
    difficulty: int
    gas_limit: int
    gas_used: int
    timestamp: int
    extra_data: bytes
    mix_hash: Hash32
    nonce: bytes  # 8 bytes
    base_fee_per_gas: int | None = None  # EIP-1559
    withdrawals_root: Hash32 | None = None  # EIP-4895
    blob_gas_used: int | None = None  # EIP-4844
    excess_blob_gas: int | None = None
    parent_beacon_block_root: Hash32 | None = None  # EIP-4788
    requests_hash: Hash32 | None = None  # EIP-7685
    block_access_list_hash: Hash32 | None = None  # EIP-7928
    slot_number: int | None = None  # EIP-7843


class Withdrawal(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    index: int
    validator_index: int
    address: Address
    amount: int  # gwei (EIP-4895)


class AccessListEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    address: Address
    storage_keys: tuple[Hash32, ...]


class Authorization(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    chain_id: int
    address: Address
    nonce: int
    y_parity: int
    r: int
    s: int


class Transaction(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A signed transaction; zero hash, sender and signature mean that it is not signed yet.

    `v` is the whole EIP-155 value on a legacy transaction and the y parity (0 or 1) on a typed one.
    """

    hash: Hash32 = ZERO_HASH
    type: int
    sender: Address = ZERO_ADDRESS
    to: Address | None
    nonce: int
    value: int
    gas_limit: int
    input: bytes
    v: int = 0
    r: int = 0
    s: int = 0
    chain_id: int | None = None
    gas_price: int | None = None
    max_fee_per_gas: int | None = None
    max_priority_fee_per_gas: int | None = None
    max_fee_per_blob_gas: int | None = None
    access_list: tuple[AccessListEntry, ...] | None = None
    blob_versioned_hashes: tuple[Hash32, ...] | None = None
    authorization_list: tuple[Authorization, ...] | None = None


class Log(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    address: Address
    topics: tuple[Hash32, ...]
    data: bytes
    log_index: int  # within the block
    transaction_index: int


class Receipt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a transaction did: `status` since Byzantium (EIP-658), the state `root` before it."""

    type: int
    status: int | None = None
    root: Hash32 | None = None
    cumulative_gas_used: int
    gas_used: int
    logs: tuple[Log, ...]
    contract_address: Address | None = None
    effective_gas_price: int | None = None
    blob_gas_used: int | None = None
    blob_gas_price: int | None = None
    revert_reason: bytes | None = None  # Besu only, outside the receipts root

    @property
    def logs_bloom(self) -> bytes:
        return logs_bloom(self.logs)


class Block(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    header: Header
    hash: Hash32
    transactions: tuple[Transaction, ...]
    receipts: tuple[Receipt, ...]
    size: int
    total_difficulty: int | None = None
    uncles: tuple[Hash32, ...] = ()
    withdrawals: tuple[Withdrawal, ...] | None = None
