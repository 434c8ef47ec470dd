"""The node's JSON, field for field, as hex text.

Decoded in one pass and never converted per field on the hot path: rows are written from the hex text.
Fields a node omits are None; fields it adds are ignored, but for transactions of an unknown type.
"""

from typing import Any, Final, Literal

import msgspec

from evm.blocks import (
    AccessListEntry,
    Authorization,
    Block,
    Header,
    Log,
    Receipt,
    Transaction,
    Withdrawal,
)
from evm.consensus import Consensus
from evm.primitives import hex_to_bytes, hex_to_int

# Transactions of these types can be re-encoded; of any other the node's whole object is kept.
KNOWN_TRANSACTION_TYPES: Final = frozenset({"0x0", "0x1", "0x2", "0x3", "0x4"})


class WireLog(msgspec.Struct, rename="camel", kw_only=True, gc=False):
    address: str
    topics: list[str]
    data: str
    log_index: str
    transaction_index: str
    transaction_hash: str
    block_number: str
    block_hash: str
    removed: bool = False


class WireReceipt(msgspec.Struct, rename="camel", kw_only=True, gc=False):
    transaction_hash: str
    transaction_index: str
    block_hash: str
    block_number: str
    from_: str = msgspec.field(name="from")
    to: str | None = None
    cumulative_gas_used: str
    gas_used: str
    contract_address: str | None = None
    logs: list[WireLog]
    logs_bloom: str
    # EIP-658: `status` since Byzantium, `root` before it.
    status: str | None = None
    root: str | None = None
    # Besu before 22.10 sends no type here; the transaction's own type stands then.
    type: str | None = None
    effective_gas_price: str | None = None
    blob_gas_used: str | None = None
    blob_gas_price: str | None = None
    # Besu only, with --revert-reason-enabled.
    revert_reason: str | None = None


class WireAccess(msgspec.Struct, rename="camel", kw_only=True, gc=False):
    address: str
    storage_keys: list[str]


class WireAuthorization(msgspec.Struct, rename="camel", kw_only=True, gc=False, omit_defaults=True):
    """One EIP-7702 authorization; nodes differ in whether the parity is `yParity` or `v`."""

    chain_id: str
    address: str
    nonce: str
    y_parity: str | None = None
    v: str | None = None
    r: str
    s: str


class WireTransaction(msgspec.Struct, rename="camel", kw_only=True, gc=False):
    """One transaction. `extra` is set only for unknown types: the node's whole object, losslessly."""

    hash: str
    nonce: str
    from_: str = msgspec.field(name="from")
    to: str | None = None
    value: str
    gas: str
    input: str
    block_hash: str
    block_number: str
    transaction_index: str
    type: str = "0x0"
    gas_price: str | None = None
    max_fee_per_gas: str | None = None
    max_priority_fee_per_gas: str | None = None
    max_fee_per_blob_gas: str | None = None
    chain_id: str | None = None
    v: str | None = None
    r: str | None = None
    s: str | None = None
    y_parity: str | None = None
    access_list: list[WireAccess] | None = None
    blob_versioned_hashes: list[str] | None = None
    authorization_list: list[WireAuthorization] | None = None
    # Filled by the decoder, never by a field of the node: none is spelt with blanks.
    extra: dict[str, Any] | None = msgspec.field(default=None, name=" extra ")


class WireWithdrawal(msgspec.Struct, rename="camel", kw_only=True, gc=False):
    index: str
    validator_index: str
    address: str
    amount: str


class WireHeader(msgspec.Struct, rename="camel", kw_only=True, gc=False):
    """A block without its transactions: what `eth_getBlockBy…(…, false)` is read for."""

    number: str
    hash: str
    parent_hash: str
    sha3_uncles: str
    miner: str
    state_root: str
    transactions_root: str
    receipts_root: str
    logs_bloom: str
    difficulty: str
    gas_limit: str
    gas_used: str
    timestamp: str
    extra_data: str
    mix_hash: str
    nonce: str
    base_fee_per_gas: str | None = None
    withdrawals_root: str | None = None
    blob_gas_used: str | None = None
    excess_blob_gas: str | None = None
    parent_beacon_block_root: str | None = None
    requests_hash: str | None = None
    # EIP-7928: Besu says balHash, execution-apis blockAccessListHash.
    bal_hash: str | None = None
    block_access_list_hash: str | None = None
    slot_number: str | None = None
    size: str = "0x0"
    total_difficulty: str | None = None
    uncles: list[str] = []
    withdrawals: list[WireWithdrawal] | None = None


class WireBlock(WireHeader, rename="camel", kw_only=True, gc=False):
    transactions: list[WireTransaction]


Unverifiable = Literal["transactions_root", "receipts_root"]


class FetchedBlock(msgspec.Struct, kw_only=True, gc=False):
    """A block whose parts agree (invariant 5), still in the node's spelling but for its header."""

    block: WireBlock
    receipts: list[WireReceipt]
    size_bytes: int  # JSON bytes of both
    header: Header
    number: int
    consensus: Consensus
    endpoint: str  # host only
    # What a full check could not recompute, because the block holds a transaction of an unknown type.
    unverifiable: tuple[Unverifiable, ...] = ()


def to_header(block: WireHeader) -> Header:
    """The header's values; raises MalformedHex."""
    block_access_list_hash = block.bal_hash or block.block_access_list_hash
    return Header(
        number=hex_to_int(block.number),
        parent_hash=hex_to_bytes(block.parent_hash),
        sha3_uncles=hex_to_bytes(block.sha3_uncles),
        miner=hex_to_bytes(block.miner),
        state_root=hex_to_bytes(block.state_root),
        transactions_root=hex_to_bytes(block.transactions_root),
        receipts_root=hex_to_bytes(block.receipts_root),
        logs_bloom=hex_to_bytes(block.logs_bloom),
        difficulty=hex_to_int(block.difficulty),
        gas_limit=hex_to_int(block.gas_limit),
        gas_used=hex_to_int(block.gas_used),
        timestamp=hex_to_int(block.timestamp),
        extra_data=hex_to_bytes(block.extra_data),
        mix_hash=hex_to_bytes(block.mix_hash),
        nonce=hex_to_bytes(block.nonce),
        base_fee_per_gas=_int(block.base_fee_per_gas),
        withdrawals_root=_bytes(block.withdrawals_root),
        blob_gas_used=_int(block.blob_gas_used),
        excess_blob_gas=_int(block.excess_blob_gas),
        parent_beacon_block_root=_bytes(block.parent_beacon_block_root),
        requests_hash=_bytes(block.requests_hash),
        block_access_list_hash=_bytes(block_access_list_hash),
        slot_number=_int(block.slot_number),
    )


def to_transaction(wire: WireTransaction) -> Transaction:
    """The transaction's values, in the shape its type has on the wire of the network.

    What only JSON-RPC adds is left out: the `gasPrice` that nodes compute for EIP-1559 transactions.
    """
    kind = hex_to_int(wire.type)
    typed = kind != 0
    priced_by_fee_market = wire.max_fee_per_gas is not None
    parity_or_v = wire.y_parity if typed and wire.y_parity is not None else wire.v
    return Transaction(
        hash=hex_to_bytes(wire.hash),
        type=kind,
        sender=hex_to_bytes(wire.from_),
        to=_bytes(wire.to),
        nonce=hex_to_int(wire.nonce),
        value=hex_to_int(wire.value),
        gas_limit=hex_to_int(wire.gas),
        input=hex_to_bytes(wire.input),
        v=_int(parity_or_v) or 0,
        r=_int(wire.r) or 0,
        s=_int(wire.s) or 0,
        chain_id=_int(wire.chain_id),
        gas_price=None if priced_by_fee_market else _int(wire.gas_price),
        max_fee_per_gas=_int(wire.max_fee_per_gas),
        max_priority_fee_per_gas=_int(wire.max_priority_fee_per_gas),
        max_fee_per_blob_gas=_int(wire.max_fee_per_blob_gas),
        access_list=_access_list(wire.access_list or []) if typed else None,
        blob_versioned_hashes=(
            None
            if wire.blob_versioned_hashes is None
            else tuple(hex_to_bytes(item) for item in wire.blob_versioned_hashes)
        ),
        authorization_list=(
            None
            if wire.authorization_list is None
            else tuple(_authorization(item) for item in wire.authorization_list)
        ),
    )


def to_log(wire: WireLog) -> Log:
    return Log(
        address=hex_to_bytes(wire.address),
        topics=tuple(hex_to_bytes(topic) for topic in wire.topics),
        data=hex_to_bytes(wire.data),
        log_index=hex_to_int(wire.log_index),
        transaction_index=hex_to_int(wire.transaction_index),
    )


def to_receipt(wire: WireReceipt, *, transaction_type: str = "0x0") -> Receipt:
    """The receipt's values; `transaction_type` stands where the node sends no type of its own."""
    return Receipt(
        type=hex_to_int(wire.type or transaction_type),
        status=_int(wire.status),
        root=_bytes(wire.root),
        cumulative_gas_used=hex_to_int(wire.cumulative_gas_used),
        gas_used=hex_to_int(wire.gas_used),
        logs=tuple(to_log(log) for log in wire.logs),
        contract_address=_bytes(wire.contract_address),
        effective_gas_price=_int(wire.effective_gas_price),
        blob_gas_used=_int(wire.blob_gas_used),
        blob_gas_price=_int(wire.blob_gas_price),
        revert_reason=_bytes(wire.revert_reason),
    )


def to_withdrawal(wire: WireWithdrawal) -> Withdrawal:
    return Withdrawal(
        index=hex_to_int(wire.index),
        validator_index=hex_to_int(wire.validator_index),
        address=hex_to_bytes(wire.address),
        amount=hex_to_int(wire.amount),
    )


def to_block(fetched: FetchedBlock) -> Block:
    """Everything of the block as values: for full checks and tests, not for the hot path."""
    block = fetched.block
    return Block(
        header=fetched.header,
        hash=hex_to_bytes(block.hash),
        transactions=tuple(to_transaction(transaction) for transaction in block.transactions),
        receipts=tuple(
            to_receipt(receipt, transaction_type=transaction.type)
            for receipt, transaction in zip(fetched.receipts, block.transactions, strict=True)
        ),
        size=hex_to_int(block.size),
        total_difficulty=_int(block.total_difficulty),
        uncles=tuple(hex_to_bytes(uncle) for uncle in block.uncles),
        withdrawals=(
            None if block.withdrawals is None else tuple(to_withdrawal(item) for item in block.withdrawals)
        ),
    )


def _int(text: str | None) -> int | None:
    return None if text is None else hex_to_int(text)


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else hex_to_bytes(text)


def _access_list(entries: list[WireAccess]) -> tuple[AccessListEntry, ...]:
    return tuple(
        AccessListEntry(
            address=hex_to_bytes(entry.address),
            storage_keys=tuple(hex_to_bytes(key) for key in entry.storage_keys),
        )
        for entry in entries
    )


def _authorization(wire: WireAuthorization) -> Authorization:
    return Authorization(
        chain_id=hex_to_int(wire.chain_id),
        address=hex_to_bytes(wire.address),
        nonce=hex_to_int(wire.nonce),
        y_parity=hex_to_int(wire.y_parity if wire.y_parity is not None else wire.v or "0x0"),
        r=hex_to_int(wire.r),
        s=hex_to_int(wire.s),
    )
