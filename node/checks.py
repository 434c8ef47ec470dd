"""Invariant 5, PURE: before a block is stored its parts agree, or NodeInconsistent says which do not.

Runs on every block, so the light check compares the node's hex text as it is, and only the header becomes
values. The chain of comparisons is one expression per part; which of them failed is found out afterwards.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NoReturn

from evm.blocks import Header
from evm.bloom import bloom_bits
from evm.consensus import Consensus, detect_consensus, header_hash
from evm.primitives import EMPTY_ROOT, EMPTY_UNCLES_HASH, hex_to_bytes
from node.errors import NodeInconsistent
from node.full_checks import find_difference
from node.wire import (
    KNOWN_TRANSACTION_TYPES,
    Unverifiable,
    WireBlock,
    WireHeader,
    WireLog,
    WireReceipt,
    WireTransaction,
    to_header,
)

# Quantities as JSON-RPC spells them, so that an index is compared without parsing it.
_POSITIONS: Final = tuple(hex(index) for index in range(16_384))

_HEX_LENGTHS: Final = (42, 66)  # an address, a topic

_MEMO_ITEMS_MAX = 8_192  # about 3 MB when full


def check_header(block: WireHeader) -> tuple[Header, Consensus]:
    """The header's values and consensus; raises NodeInconsistent unless its hash is the block's."""
    try:
        header = to_header(block)
        consensus = detect_consensus(header)
        computed = "0x" + header_hash(header, consensus).hex()
    except ValueError as error:
        _refuse(block, "malformed", f"header: {error}", error)
    if computed != block.hash:
        _refuse(block, "header_hash", f"the header hashes to {computed} by the rules of {consensus}")
    if (header.sha3_uncles == EMPTY_UNCLES_HASH) != (not block.uncles):
        _refuse(block, "uncles", f"{len(block.uncles)} uncles, sha3Uncles {block.sha3_uncles}")
    return header, consensus


def check_block(block: WireBlock, receipts: Sequence[WireReceipt], *, full: bool) -> tuple[Header, Consensus]:
    """The header's values and consensus; raises NodeInconsistent unless all parts of the block agree.

    `full` also recomputes the roots, transaction hashes, senders, contract addresses and prices, as far as
    `unverifiable_parts` is empty.
    """
    header, consensus = check_header(block)
    try:
        _check_parts(block, receipts, header)
        if full:
            difference = find_difference(block, receipts, header)
            if difference is not None:
                _refuse(block, *difference)
    except ValueError as error:
        _refuse(block, "malformed", str(error), error)
    return header, consensus


def unverifiable_parts(block: WireBlock) -> tuple[Unverifiable, ...]:
    """The roots that no check can recompute, since a transaction's type has no known envelope."""
    if all(transaction.type in KNOWN_TRANSACTION_TYPES for transaction in block.transactions):
        return ()
    return ("transactions_root", "receipts_root")


def _check_parts(block: WireBlock, receipts: Sequence[WireReceipt], header: Header) -> None:
    transactions = block.transactions
    if len(receipts) != len(transactions):
        _refuse(block, "receipt_count", f"{len(transactions)} transactions, {len(receipts)} receipts")
    if (header.transactions_root == EMPTY_ROOT) != (not transactions):
        _refuse(block, "transactions_missing", f"{len(transactions)}, root {block.transactions_root}")
    withdrawals = block.withdrawals
    if (header.withdrawals_root is None) != (withdrawals is None):
        _refuse(block, "withdrawals", "withdrawals and withdrawalsRoot come together")
    if withdrawals is not None and (header.withdrawals_root == EMPTY_ROOT) != (not withdrawals):
        _refuse(block, "withdrawals", f"{len(withdrawals)}, root {block.withdrawals_root}")

    number, block_hash = block.number, block.hash
    # Since EIP-7778 (it comes with EIP-7928) cumulative gas counts what refunds give back, gasUsed does not.
    sums = header.block_access_list_hash is None
    cumulative = log_count = 0
    positions = _positions(max(len(transactions), sum(len(receipt.logs) for receipt in receipts)))
    bloomed: set[str] = set()
    for index, (transaction, receipt) in enumerate(zip(transactions, receipts, strict=True)):
        position = positions[index]
        if (
            receipt.transaction_hash != transaction.hash
            or transaction.transaction_index != position
            or receipt.transaction_index != position
            or transaction.block_hash != block_hash
            or receipt.block_hash != block_hash
            or transaction.block_number != number
            or receipt.block_number != number
            or receipt.from_ != transaction.from_
            or receipt.to != transaction.to
            or (receipt.type is not None and receipt.type != transaction.type)
            or (receipt.status is None and receipt.root is None)
        ):
            _blame_receipt(block, index, transaction, receipt)
        total = int(receipt.cumulative_gas_used, 16)
        if sums and total - cumulative != int(receipt.gas_used, 16):
            _refuse(
                block,
                "receipt_gas",
                f"receipt {index} used {receipt.gas_used}, cumulative gas grew by {total - cumulative:#x}",
            )
        cumulative = total
        for log in receipt.logs:
            if (
                log.log_index != positions[log_count]
                or log.transaction_index != position
                or log.transaction_hash != transaction.hash
                or log.block_hash != block_hash
                or log.block_number != number
                or log.removed
            ):
                _blame_log(block, log_count, transaction, log)
            log_count += 1
            bloomed.add(log.address)
            bloomed.update(log.topics)
    if cumulative != header.gas_used:
        _refuse(block, "gas_used", f"receipts sum up to {cumulative}, the header says {header.gas_used}")
    bits = 0
    for item in bloomed:
        bits |= _bloom_bits(item)
    if bits != int.from_bytes(header.logs_bloom, "big"):
        _refuse(block, "logs_bloom", f"the bloom of its {log_count} logs is not the header's")


def _positions(count: int) -> Sequence[str]:
    return _POSITIONS if count <= len(_POSITIONS) else [hex(index) for index in range(count)]


@lru_cache(maxsize=_MEMO_ITEMS_MAX)
def _bloom_bits(text: str) -> int:
    """Memoised on the text: a token's address and event signatures come again in every block."""
    if len(text) not in _HEX_LENGTHS:
        raise ValueError(f"log address or topic {text[:80]!r} is neither 20 nor 32 bytes")
    return bloom_bits(hex_to_bytes(text))


def _blame_receipt(
    block: WireBlock, index: int, transaction: WireTransaction, receipt: WireReceipt
) -> NoReturn:
    position = hex(index)
    pairs = (
        ("receipt_transaction", "receipt's transactionHash", receipt.transaction_hash, transaction.hash),
        ("transaction_index", "transactionIndex", transaction.transaction_index, position),
        ("receipt_index", "receipt's transactionIndex", receipt.transaction_index, position),
        ("transaction_block", "blockHash", transaction.block_hash, block.hash),
        ("transaction_block", "blockNumber", transaction.block_number, block.number),
        ("receipt_block", "receipt's blockHash", receipt.block_hash, block.hash),
        ("receipt_block", "receipt's blockNumber", receipt.block_number, block.number),
        ("receipt_parties", "receipt's from", receipt.from_, transaction.from_),
        ("receipt_parties", "receipt's to", receipt.to, transaction.to),
        ("receipt_type", "receipt's type", receipt.type or transaction.type, transaction.type),
    )
    for kind, what, found, expected in pairs:
        if found != expected:
            _refuse(block, kind, f"transaction {index}: {what} is {found}, expected {expected}")
    _refuse(block, "receipt_outcome", f"receipt {index} has neither status nor root")


def _blame_log(block: WireBlock, log_index: int, transaction: WireTransaction, log: WireLog) -> NoReturn:
    pairs = (
        ("log_index", "logIndex", log.log_index, hex(log_index)),
        ("log_transaction", "transactionIndex", log.transaction_index, transaction.transaction_index),
        ("log_transaction", "transactionHash", log.transaction_hash, transaction.hash),
        ("log_block", "blockHash", log.block_hash, block.hash),
        ("log_block", "blockNumber", log.block_number, block.number),
    )
    for kind, what, found, expected in pairs:
        if found != expected:
            _refuse(block, kind, f"log {log_index}: {what} is {found}, expected {expected}")
    _refuse(block, "log_removed", f"log {log_index} is marked as removed by a reorg")


def _refuse(block: WireHeader, kind: str, detail: str, cause: Exception | None = None) -> NoReturn:
    try:
        number = int(block.number, 16)
    except ValueError:
        number = None
    raise NodeInconsistent(kind, number, block.hash, detail) from cause
