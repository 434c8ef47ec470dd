"""PURE: stored rows as the values they were made of, the inverse of indexer.rows.

Nothing is repaired on the way: what a column holds is what hashes and roots are recomputed from.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from evm.blocks import (
    AccessListEntry,
    Authorization,
    Header,
    Log,
    Receipt,
    Transaction,
    Withdrawal,
)
from evm.primitives import hex_to_bytes, hex_to_int
from node.wire import WireAccess, WireAuthorization, WireTransaction, WireWithdrawal, to_withdrawal

ADDRESS_BYTES, WORD_BYTES = 20, 32
TYPES_WITH_GAS_PRICE = (0, 1)  # on later types gasPrice is what a node computes (EIP-1559)

_accesses = msgspec.json.Decoder(list[WireAccess])
_authorizations = msgspec.json.Decoder(list[WireAuthorization])
_withdrawals = msgspec.json.Decoder(list[WireWithdrawal])
_unknown = msgspec.json.Decoder(WireTransaction)


class Row(Protocol):
    """A row by column name; jsonb as text, numeric as Decimal, block times as seconds."""

    def __getitem__(self, column: str, /) -> Any: ...


class MalformedColumn(ValueError):
    """A column whose value cannot be what the node sent."""

    def __init__(self, column: str, problem: str) -> None:
        super().__init__(f"{column}: {problem}")
        self.column = column
        self.problem = problem


def to_header(row: Row) -> Header:
    """Raises MalformedColumn."""
    return Header(
        number=row["number"],
        parent_hash=row["parent_hash"],
        sha3_uncles=row["sha3_uncles"],
        miner=row["miner"],
        state_root=row["state_root"],
        transactions_root=row["transactions_root"],
        receipts_root=row["receipts_root"],
        logs_bloom=row["logs_bloom"],
        difficulty=_natural(row, "difficulty"),
        gas_limit=_natural(row, "gas_limit"),
        gas_used=_natural(row, "gas_used"),
        timestamp=_natural(row, "timestamp"),
        extra_data=row["extra_data"],
        mix_hash=row["mix_hash"],
        nonce=row["nonce"],
        base_fee_per_gas=_natural_or_none(row, "base_fee_per_gas"),
        withdrawals_root=row["withdrawals_root"],
        blob_gas_used=_natural_or_none(row, "blob_gas_used"),
        excess_blob_gas=_natural_or_none(row, "excess_blob_gas"),
        parent_beacon_block_root=row["parent_beacon_block_root"],
        requests_hash=row["requests_hash"],
        block_access_list_hash=row["block_access_list_hash"],
        slot_number=_natural_or_none(row, "slot_number"),
    )


def to_withdrawals(row: Row) -> tuple[Withdrawal, ...] | None:
    """Raises MalformedColumn."""
    text = row["withdrawals"]
    if text is None:
        return None
    try:
        return tuple(to_withdrawal(wire) for wire in _withdrawals.decode(text))
    except ValueError as error:
        raise MalformedColumn("withdrawals", str(error)) from error


def to_transaction(row: Row) -> Transaction:
    """The transaction in the shape its type has on the wire of the network. Raises MalformedColumn."""
    to, kind = row["to_address"], row["type"]
    if to is not None and len(to) != ADDRESS_BYTES:  # no bytes would encode like no address
        raise MalformedColumn("to_address", f"{len(to)} bytes are no address")
    blob_versioned_hashes = row["blob_versioned_hashes"]
    gas_price = _natural_or_none(row, "gas_price") if kind in TYPES_WITH_GAS_PRICE else None
    return Transaction(
        hash=row["hash"],
        type=kind,
        sender=row["from_address"],
        to=to,
        nonce=_natural(row, "nonce"),
        value=_natural(row, "value"),
        gas_limit=_natural(row, "gas_limit"),
        input=row["input"],
        v=_natural(row, "v"),
        r=_word(row, "r"),
        s=_word(row, "s"),
        chain_id=_natural_or_none(row, "chain_id"),
        gas_price=gas_price,
        max_fee_per_gas=_natural_or_none(row, "max_fee_per_gas"),
        max_priority_fee_per_gas=_natural_or_none(row, "max_priority_fee_per_gas"),
        max_fee_per_blob_gas=_natural_or_none(row, "max_fee_per_blob_gas"),
        access_list=_access_list(row["access_list"]),
        blob_versioned_hashes=None if blob_versioned_hashes is None else tuple(blob_versioned_hashes),
        authorization_list=_authorization_list(row["authorization_list"]),
    )


def to_receipt(row: Row, logs: Sequence[Log]) -> Receipt:
    """The outcome that is stored beside a transaction, with its logs. Raises MalformedColumn."""
    return Receipt(
        type=row["type"],
        status=_natural_or_none(row, "status"),
        root=row["root"],
        cumulative_gas_used=_natural(row, "cumulative_gas_used"),
        gas_used=_natural(row, "gas_used"),
        logs=tuple(logs),
        contract_address=row["contract_address"],
        effective_gas_price=_natural_or_none(row, "effective_gas_price"),
        blob_gas_used=_natural_or_none(row, "blob_gas_used"),
        blob_gas_price=_natural_or_none(row, "blob_gas_price"),
        revert_reason=row["revert_reason"],
    )


def to_log(row: Row) -> Log:
    """Raises MalformedColumn where a topic stands behind a missing one."""
    topics = (row["topic0"], row["topic1"], row["topic2"], row["topic3"])
    if None in topics:
        count = topics.index(None)
        if any(topic is not None for topic in topics[count:]):
            raise MalformedColumn(f"topic{count}", "is null, but a later topic is not")
        topics = topics[:count]
    return Log(
        address=row["address"],
        topics=topics,
        data=row["data"],
        log_index=row["log_index"],
        transaction_index=row["transaction_index"],
    )


def to_node_object(row: Row) -> WireTransaction:
    """The node's own object, kept for a transaction of an unknown type. Raises MalformedColumn."""
    try:
        return _unknown.decode(row["extra"])
    except ValueError as error:
        raise MalformedColumn("extra", str(error)) from error


def _natural(row: Row, column: str) -> int:
    value = row[column]
    if value is None:
        raise MalformedColumn(column, "is null")
    if isinstance(value, Decimal):
        if not value.is_finite() or value != value.to_integral_value():
            raise MalformedColumn(column, f"{value} is no whole number")
        value = int(value)
    if value < 0:
        raise MalformedColumn(column, f"{value} is negative")
    number: int = value
    return number


def _natural_or_none(row: Row, column: str) -> int | None:
    return None if row[column] is None else _natural(row, column)


def _word(row: Row, column: str) -> int:
    """A 256-bit quantity, which is stored as 32 bytes."""
    value = row[column]
    if value is None or len(value) != WORD_BYTES:
        raise MalformedColumn(column, f"{'null' if value is None else f'{len(value)} bytes'}, not 32 bytes")
    return int.from_bytes(value, "big")


def _access_list(text: str | None) -> tuple[AccessListEntry, ...] | None:
    if text is None:
        return None
    try:
        return tuple(
            AccessListEntry(
                address=hex_to_bytes(wire.address),
                storage_keys=tuple(hex_to_bytes(key) for key in wire.storage_keys),
            )
            for wire in _accesses.decode(text)
        )
    except ValueError as error:
        raise MalformedColumn("access_list", str(error)) from error


def _authorization_list(text: str | None) -> tuple[Authorization, ...] | None:
    if text is None:
        return None
    try:
        return tuple(
            Authorization(
                chain_id=hex_to_int(wire.chain_id),
                address=hex_to_bytes(wire.address),
                nonce=hex_to_int(wire.nonce),
                y_parity=hex_to_int(wire.y_parity if wire.y_parity is not None else wire.v or "0x0"),
                r=hex_to_int(wire.r),
                s=hex_to_int(wire.s),
            )
            for wire in _authorizations.decode(text)
        )
    except ValueError as error:
        raise MalformedColumn("authorization_list", str(error)) from error
