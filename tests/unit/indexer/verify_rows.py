"""Blocks as the rows that asyncpg would hand to verification, written apart from indexer.rows."""

import json
from collections.abc import Callable
from dataclasses import replace as with_rows
from decimal import Decimal
from typing import Any

import rlp as reference

from evm.blocks import Block
from evm.consensus import header_fields
from evm.envelopes import encode_transaction
from evm.primitives import to_hex
from indexer.verify.blocks import StoredBlock

Change = Callable[[Any, list[Any], list[Any]], None]


def size_of(block: Block) -> int:
    """Length of the block in RLP, by an independent library."""
    envelopes = [encode_transaction(transaction) for transaction in block.transactions]
    body = [reference.decode(item) if item[0] >= 0xC0 else item for item in envelopes]
    parts: list[Any] = [header_fields(block.header), body, []]
    if block.withdrawals is not None:
        parts.append([[one.index, one.validator_index, one.address, one.amount] for one in block.withdrawals])
    return len(reference.encode(parts))


def stored_block(block: Block, change: Change = lambda *_: None) -> StoredBlock:
    """The block's rows after `change(row, transactions, logs)`; a change may also reorder the lists."""
    transactions = [_transaction_row(block, index) for index in range(len(block.transactions))]
    logs = [_log_row(block.header.number, log) for receipt in block.receipts for log in receipt.logs]
    row = _block_row(block, len(logs))
    change(row, transactions, logs)
    return with_rows(StoredBlock(block.header.number, row, (), ()), transactions=transactions, logs=logs)


def _block_row(block: Block, log_count: int) -> dict[str, Any]:
    header = block.header
    row: dict[str, Any] = {name: getattr(header, name) for name in header.__struct_fields__}
    for column in ("difficulty", "base_fee_per_gas", "timestamp"):
        row[column] = None if row[column] is None else Decimal(row[column])
    total = block.total_difficulty
    return row | {
        "hash": block.hash,
        "total_difficulty": None if total is None else Decimal(total),
        "size": size_of(block),
        "uncles": list(block.uncles),
        "withdrawals": None
        if block.withdrawals is None
        else json.dumps(
            [
                {
                    "index": hex(one.index),
                    "validatorIndex": hex(one.validator_index),
                    "address": to_hex(one.address),
                    "amount": hex(one.amount),
                }
                for one in block.withdrawals
            ]
        ),
        "transaction_count": len(block.transactions),
        "log_count": log_count,
        "located_number": header.number,
    }


def _transaction_row(block: Block, index: int) -> dict[str, Any]:
    transaction, receipt = block.transactions[index], block.receipts[index]
    row: dict[str, Any] = {
        "block_number": block.header.number,
        "transaction_index": index,
        "hash": transaction.hash,
        "timestamp": Decimal(block.header.timestamp),
        "type": transaction.type,
        "from_address": transaction.sender,
        "to_address": transaction.to,
        "gas_limit": transaction.gas_limit,
        "input": transaction.input,
        "r": transaction.r.to_bytes(32, "big"),
        "s": transaction.s.to_bytes(32, "big"),
        "access_list": _json(
            transaction.access_list,
            lambda one: {
                "address": to_hex(one.address),
                "storageKeys": [to_hex(key) for key in one.storage_keys],
            },
        ),
        "blob_versioned_hashes": transaction.blob_versioned_hashes
        and list(transaction.blob_versioned_hashes),
        "authorization_list": _json(
            transaction.authorization_list,
            lambda one: (
                {"address": to_hex(one.address)}
                | {"chainId": hex(one.chain_id), "nonce": hex(one.nonce), "yParity": hex(one.y_parity)}
                | {"r": hex(one.r), "s": hex(one.s)}
            ),
        ),
        "extra": None,
        "log_count": len(receipt.logs),
        "located_number": block.header.number,
        "located_index": index,
    }
    numbers = ("nonce", "value", "gas_price", "max_fee_per_gas", "max_priority_fee_per_gas")
    for column in (*numbers, "max_fee_per_blob_gas", "chain_id", "v"):
        value = getattr(transaction, column)
        row[column] = None if value is None else Decimal(value)
    outcome = ("status", "root", "cumulative_gas_used", "gas_used", "contract_address", "revert_reason")
    for column in (*outcome, "blob_gas_used", "blob_gas_price", "effective_gas_price"):
        row[column] = getattr(receipt, column)
    if row["gas_price"] is None:
        row["gas_price"] = row["effective_gas_price"]
    return row


def _json(items: Any, spelt: Callable[[Any], Any]) -> str | None:
    return None if items is None else json.dumps([spelt(item) for item in items])


def _log_row(number: int, log: Any) -> dict[str, Any]:
    topics = [*log.topics, None, None, None, None]
    return {
        "block_number": number,
        "log_index": log.log_index,
        "transaction_index": log.transaction_index,
        "address": log.address,
        "data": log.data,
        **{f"topic{position}": topics[position] for position in range(4)},
    }
