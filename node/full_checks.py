"""What costs signatures and tries to check: PURE, run with `--verify full` and by `verify`."""

from collections.abc import Sequence

from evm.blocks import Header, Receipt, Transaction
from evm.envelopes import encode_transaction, recover_sender
from evm.primitives import keccak256, to_hex
from evm.rlp import encode, encode_int
from evm.tries import ordered_root, receipts_root, withdrawals_root
from node.wire import (
    KNOWN_TRANSACTION_TYPES,
    WireBlock,
    WireReceipt,
    to_receipt,
    to_transaction,
    to_withdrawal,
)


def find_difference(
    block: WireBlock, receipts: Sequence[WireReceipt], header: Header
) -> tuple[str, str] | None:
    """Kind and detail of the first part that is not what recomputing gives; None when all agree.

    Expects that the light check has passed. Roots of a block with a transaction of an unknown type are not
    recomputed. Raises ValueError on malformed values.
    """
    values: list[Transaction] = []
    envelopes: list[bytes] = []
    outcomes: list[Receipt] = []
    known = True
    for index, (wire, wire_receipt) in enumerate(zip(block.transactions, receipts, strict=True)):
        if wire.type not in KNOWN_TRANSACTION_TYPES:
            known = False
            continue
        transaction = to_transaction(wire)
        receipt = to_receipt(wire_receipt, transaction_type=wire.type)
        envelope = encode_transaction(transaction)
        difference = _transaction_difference(transaction, envelope) or _receipt_difference(
            transaction, receipt, header
        )
        if difference is not None:
            kind, detail = difference
            return kind, f"transaction {index}: {detail}"
        values.append(transaction)
        envelopes.append(envelope)
        outcomes.append(receipt)
    if known:
        computed = ordered_root(envelopes)
        if computed != header.transactions_root:
            return "transactions_root", f"recomputed {to_hex(computed)}, header {block.transactions_root}"
        computed = receipts_root(outcomes)
        if computed != header.receipts_root:
            return "receipts_root", f"recomputed {to_hex(computed)}, header {block.receipts_root}"
    if block.withdrawals is not None:
        computed = withdrawals_root([to_withdrawal(item) for item in block.withdrawals])
        if computed != header.withdrawals_root:
            return "withdrawals_root", f"recomputed {to_hex(computed)}, header {block.withdrawals_root}"
    return None


def _transaction_difference(transaction: Transaction, envelope: bytes) -> tuple[str, str] | None:
    computed = keccak256(envelope)
    if computed != transaction.hash:
        return "transaction_hash", f"hashes to {to_hex(computed)}, node says {to_hex(transaction.hash)}"
    sender = recover_sender(transaction)
    if sender != transaction.sender:
        return "sender", f"signed by {to_hex(sender)}, node says {to_hex(transaction.sender)}"
    return None


def _receipt_difference(transaction: Transaction, receipt: Receipt, header: Header) -> tuple[str, str] | None:
    """Fields of a receipt that the receipts root does not cover, but the transaction determines."""
    contract = receipt.contract_address
    if transaction.to is None:
        created = keccak256(encode([transaction.sender, encode_int(transaction.nonce)]))[12:]
        # Besu names the address of a failed creation too, other nodes leave it out.
        if contract != created and not (contract is None and receipt.status == 0):
            return (
                "contract_address",
                f"creates {to_hex(created)}, receipt says {contract and to_hex(contract)}",
            )
    elif contract is not None:
        return "contract_address", f"creates nothing, receipt says {to_hex(contract)}"
    expected = _effective_gas_price(transaction, header.base_fee_per_gas)
    if receipt.effective_gas_price is not None and receipt.effective_gas_price != expected:
        return "effective_gas_price", f"pays {expected}, receipt says {receipt.effective_gas_price}"
    return None


def _effective_gas_price(transaction: Transaction, base_fee_per_gas: int | None) -> int | None:
    """EIP-1559."""
    if transaction.max_fee_per_gas is None:
        return transaction.gas_price
    tip = transaction.max_priority_fee_per_gas or 0
    return min(transaction.max_fee_per_gas, (base_fee_per_gas or 0) + tip)
