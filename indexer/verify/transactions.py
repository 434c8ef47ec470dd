"""PURE: each stored transaction and receipt against its hash, its signature and its block."""

from collections.abc import Sequence

import msgspec

from evm.blocks import Header, Log, Receipt, Transaction
from evm.envelopes import (
    TYPE_ACCESS_LIST,
    TYPE_BLOB,
    TYPE_DYNAMIC_FEE,
    TYPE_LEGACY,
    TYPE_SET_CODE,
    encode_receipt,
    encode_transaction,
    recover_sender,
)
from evm.primitives import Address, hex_to_bytes, hex_to_int, keccak256
from evm.rlp import encode, encode_int
from indexer.stored import TYPES_WITH_GAS_PRICE, Row, to_node_object, to_receipt, to_transaction
from indexer.verify.findings import Findings

GAS_PER_BLOB = 1 << 17  # EIP-4844

# Columns that a type's envelope lacks: no hash covers them, so they must be empty.
_FEE_MARKET = ("max_fee_per_gas", "max_priority_fee_per_gas")
_BLOB = ("max_fee_per_blob_gas", "blob_versioned_hashes")
_FOREIGN = {
    TYPE_LEGACY: (*_FEE_MARKET, *_BLOB, "access_list", "authorization_list", "extra"),
    TYPE_ACCESS_LIST: (*_FEE_MARKET, *_BLOB, "authorization_list", "extra"),
    TYPE_DYNAMIC_FEE: (*_BLOB, "authorization_list", "extra"),
    TYPE_BLOB: ("authorization_list", "extra"),
    TYPE_SET_CODE: (*_BLOB, "extra"),
}


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What the block needs of one transaction: its bytes in the two tries, None where there are none."""

    receipt: Receipt | None
    envelope: bytes | None
    receipt_envelope: bytes | None


def check_transaction(
    findings: Findings, row: Row, logs: Sequence[Log], header: Header | None, network_chain_id: int | None
) -> Outcome:
    """Note what disagrees with the transaction's hash, its signature, its location or its logs.

    `header` is None where the block's own row is malformed: what follows from it is not checked then.
    """
    where = f"transaction {row['transaction_index']}"
    number, index = row["block_number"], row["transaction_index"]
    if row["located_number"] != number or row["located_index"] != index:
        located = _place(row["located_number"], row["located_index"])
        findings.differ("transaction_location", _place(number, index), located, where)
    findings.require("log_count", len(logs), row["log_count"], where)
    if header is not None:
        findings.require("transaction_timestamp", header.timestamp, row["timestamp"], where)
    receipt, receipt_envelope = _check_receipt(findings, row, logs, where)
    foreign = _FOREIGN.get(row["type"])
    if foreign is None:
        _check_unknown_type(findings, row, where)
        return Outcome(receipt, None, None)
    for column in foreign:
        if row[column] is not None:
            findings.differ("foreign_column", f"no {column} on type {row['type']:#x}", row[column], where)
    try:
        transaction = to_transaction(row)
    except ValueError as error:
        findings.differ("malformed", "a transaction as the node sent it", error, where)
        return Outcome(receipt, None, receipt_envelope)
    envelope = _check_hash(findings, transaction, where)
    _check_chain_id(findings, transaction, network_chain_id, where)
    if receipt is not None:
        _check_derived(findings, row, transaction, receipt, header, where)
    return Outcome(receipt, envelope, receipt_envelope)


def _place(number: int | None, index: int | None) -> str:
    return "nothing" if number is None else f"block {number}, index {index}"


def _check_receipt(
    findings: Findings, row: Row, logs: Sequence[Log], where: str
) -> tuple[Receipt | None, bytes | None]:
    try:
        receipt = to_receipt(row, logs)
        return receipt, encode_receipt(receipt) if row["type"] in _FOREIGN else None
    except ValueError as error:
        findings.differ("malformed", "a receipt as the node sent it", error, where)
        return None, None


def _check_hash(findings: Findings, transaction: Transaction, where: str) -> bytes | None:
    try:
        envelope = encode_transaction(transaction)
    except ValueError as error:
        findings.differ("transaction_hash", "every field that its type requires", error, where)
        return None
    findings.require("transaction_hash", keccak256(envelope), transaction.hash, where)
    try:
        sender = recover_sender(transaction)
    except ValueError as error:
        findings.differ("sender", f"a signature that recovers to 0x{transaction.sender.hex()}", error, where)
    else:
        findings.require("sender", sender, transaction.sender, where)
    return envelope


def _check_chain_id(
    findings: Findings, transaction: Transaction, network_chain_id: int | None, where: str
) -> None:
    """On a legacy transaction v says it (EIP-155); where v says nothing, a node may name the network's."""
    if transaction.type != TYPE_LEGACY or transaction.chain_id is None:
        return
    signed = (transaction.v - 35) // 2 if transaction.v >= 35 else network_chain_id
    findings.require("chain_id", signed, transaction.chain_id, where)


def _check_derived(
    findings: Findings,
    row: Row,
    transaction: Transaction,
    receipt: Receipt,
    header: Header | None,
    where: str,
) -> None:
    """What neither root covers, but the transaction and its block determine."""
    contract = receipt.contract_address
    created = _created(transaction)
    # Besu names the address of a failed creation too, other nodes leave it out.
    if contract != created and not (contract is None and receipt.status == 0):
        findings.differ("contract_address", created, contract, where)
    if receipt.revert_reason is not None and receipt.status != 0:
        findings.differ("revert_reason", f"none with status {receipt.status}", receipt.revert_reason, where)
    if receipt.blob_gas_used is not None:
        blob_gas = GAS_PER_BLOB * len(transaction.blob_versioned_hashes or ())
        findings.require("blob_gas_used", blob_gas, receipt.blob_gas_used, where)
    if header is None:
        return
    price = _effective_gas_price(transaction, header.base_fee_per_gas)
    if receipt.effective_gas_price is not None:
        findings.require("effective_gas_price", price, receipt.effective_gas_price, where)
    if transaction.type not in TYPES_WITH_GAS_PRICE and row["gas_price"] is not None:
        findings.require("gas_price", price, row["gas_price"], where)


def _created(transaction: Transaction) -> Address | None:
    if transaction.to is not None:
        return None
    return keccak256(encode([transaction.sender, encode_int(transaction.nonce)]))[12:]


def _effective_gas_price(transaction: Transaction, base_fee_per_gas: int | None) -> int | None:
    """EIP-1559."""
    if transaction.max_fee_per_gas is None:
        return transaction.gas_price
    tip = transaction.max_priority_fee_per_gas or 0
    return min(transaction.max_fee_per_gas, (base_fee_per_gas or 0) + tip)


def _check_unknown_type(findings: Findings, row: Row, where: str) -> None:
    """Nothing can be recomputed, but the columns must be what the node's own object says."""
    findings.unverifiable = True
    if row["extra"] is None:
        findings.differ("extra", f"the node's object of a type {row['type']:#x}", None, where)
        return
    try:
        wire = to_node_object(row)
        said: dict[str, object] = {
            "type": hex_to_int(wire.type),
            "hash": hex_to_bytes(wire.hash),
            "from_address": hex_to_bytes(wire.from_),
            "to_address": None if wire.to is None else hex_to_bytes(wire.to),
            "nonce": hex_to_int(wire.nonce),
            "value": hex_to_int(wire.value),
            "gas_limit": hex_to_int(wire.gas),
            "input": hex_to_bytes(wire.input),
        }
    except ValueError as error:
        findings.differ("malformed", "the node's object of a transaction", error, where)
        return
    for column, value in said.items():
        if row[column] != value:
            findings.differ("extra", f"{column} {value!r}", row[column], where)
