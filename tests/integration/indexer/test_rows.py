"""Every column of every fact row equals what the node said, and COPY columns equal the tables'."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import asyncpg
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evm.consensus import Consensus
from indexer.network import agree_on_network
from indexer.rows import TABLES, UnstorableValue, block_rows, copy_payloads, numeric
from indexer.writer import store
from node.wire import FetchedBlock
from postgres.copy import copy_binary
from tests.integration.indexer.chain_fixtures import network


def number_of(text: str | None) -> int | None:
    return None if text is None else int(text, 16)


def bytes_of(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text[2:])


def word_of(text: str | None) -> bytes | None:
    return None if text is None else int(text, 16).to_bytes(32, "big")


def json_of(value: object) -> Any:
    return None if value is None else msgspec.to_builtins(value)


def expected_block(fetched: FetchedBlock) -> dict[str, Any]:
    block = fetched.block
    return {
        "number": number_of(block.number),
        "hash": bytes_of(block.hash),
        "parent_hash": bytes_of(block.parent_hash),
        "timestamp": datetime.fromtimestamp(int(block.timestamp, 16), UTC),
        "miner": bytes_of(block.miner),
        "gas_limit": number_of(block.gas_limit),
        "gas_used": number_of(block.gas_used),
        "base_fee_per_gas": number_of(block.base_fee_per_gas),
        "difficulty": number_of(block.difficulty),
        "total_difficulty": number_of(block.total_difficulty),
        "size": number_of(block.size),
        "nonce": bytes_of(block.nonce),
        "mix_hash": bytes_of(block.mix_hash),
        "sha3_uncles": bytes_of(block.sha3_uncles),
        "state_root": bytes_of(block.state_root),
        "transactions_root": bytes_of(block.transactions_root),
        "receipts_root": bytes_of(block.receipts_root),
        "logs_bloom": bytes_of(block.logs_bloom),
        "extra_data": bytes_of(block.extra_data),
        "withdrawals_root": bytes_of(block.withdrawals_root),
        "blob_gas_used": number_of(block.blob_gas_used),
        "excess_blob_gas": number_of(block.excess_blob_gas),
        "parent_beacon_block_root": bytes_of(block.parent_beacon_block_root),
        "requests_hash": bytes_of(block.requests_hash),
        "block_access_list_hash": bytes_of(block.block_access_list_hash or block.bal_hash),
        "slot_number": number_of(block.slot_number),
        "uncles": [bytes_of(uncle) for uncle in block.uncles],
        "withdrawals": json_of(block.withdrawals),
        "transaction_count": len(block.transactions),
        "log_count": sum(len(receipt.logs) for receipt in fetched.receipts),
    }


def expected_transaction(fetched: FetchedBlock, index: int) -> dict[str, Any]:
    transaction, receipt = fetched.block.transactions[index], fetched.receipts[index]
    blobs = transaction.blob_versioned_hashes
    return {
        "block_number": fetched.number,
        "transaction_index": index,
        "hash": bytes_of(transaction.hash),
        "timestamp": datetime.fromtimestamp(int(fetched.block.timestamp, 16), UTC),
        "type": number_of(transaction.type),
        "from_address": bytes_of(transaction.from_),
        "to_address": bytes_of(transaction.to),
        "nonce": number_of(transaction.nonce),
        "value": number_of(transaction.value),
        "gas_limit": number_of(transaction.gas),
        "gas_price": number_of(transaction.gas_price),
        "max_fee_per_gas": number_of(transaction.max_fee_per_gas),
        "max_priority_fee_per_gas": number_of(transaction.max_priority_fee_per_gas),
        "max_fee_per_blob_gas": number_of(transaction.max_fee_per_blob_gas),
        "input": bytes_of(transaction.input),
        "chain_id": number_of(transaction.chain_id),
        "v": number_of(transaction.v if transaction.v is not None else transaction.y_parity),
        "r": word_of(transaction.r),
        "s": word_of(transaction.s),
        "access_list": json_of(transaction.access_list),
        "blob_versioned_hashes": None if blobs is None else [bytes_of(blob) for blob in blobs],
        "authorization_list": json_of(transaction.authorization_list),
        "extra": transaction.extra,
        "status": number_of(receipt.status),
        "root": bytes_of(receipt.root),
        "cumulative_gas_used": number_of(receipt.cumulative_gas_used),
        "gas_used": number_of(receipt.gas_used),
        "effective_gas_price": number_of(receipt.effective_gas_price),
        "contract_address": bytes_of(receipt.contract_address),
        "blob_gas_used": number_of(receipt.blob_gas_used),
        "blob_gas_price": number_of(receipt.blob_gas_price),
        "revert_reason": bytes_of(receipt.revert_reason),
        "log_count": len(receipt.logs),
    }


def stored(row: asyncpg.Record) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for name, value in row.items():
        if name in {"withdrawals", "access_list", "authorization_list", "extra"} and value is not None:
            plain[name] = json.loads(value)
        else:
            plain[name] = int(value) if isinstance(value, Decimal) else value
    return plain


@pytest.mark.parametrize("consensus", list(Consensus))
async def test_stored_rows_equal_what_the_node_said(
    connection: asyncpg.Connection, consensus: Consensus
) -> None:
    async with network(consensus, history=25, transactions_per_block=12) as running:
        fetched = await running.node.fetch_blocks(range(26), full=True)
        await agree_on_network(connection, running.node)
    await store(connection, [block_rows(block) for block in fetched], finalized=-1)

    blocks = await connection.fetch("SELECT * FROM chain.blocks ORDER BY number")
    assert [stored(row) for row in blocks] == [expected_block(block) for block in fetched]
    transactions = await connection.fetch(
        "SELECT * FROM chain.transactions ORDER BY block_number, transaction_index"
    )
    assert [stored(row) for row in transactions] == [
        expected_transaction(block, index)
        for block in fetched
        for index in range(len(block.block.transactions))
    ]
    logs = await connection.fetch("SELECT * FROM chain.logs ORDER BY block_number, log_index")
    assert [tuple(row) for row in logs] == [
        (
            block.number,
            number_of(log.log_index),
            number_of(log.transaction_index),
            bytes_of(log.address),
            *[bytes_of(topic) for topic in log.topics],
            *[None] * (4 - len(log.topics)),
            bytes_of(log.data),
        )
        for block in fetched
        for receipt in block.receipts
        for log in receipt.logs
    ]
    kinds = {transaction.type for block in fetched for transaction in block.block.transactions}
    assert kinds >= {"0x0", "0x1"}  # the simulated Clique network is older than EIP-1559
    assert any(receipt.revert_reason for block in fetched for receipt in block.receipts)
    assert any(receipt.contract_address for block in fetched for receipt in block.receipts)


async def test_copy_columns_are_the_columns_of_the_tables(connection: asyncpg.Connection) -> None:
    for table, columns in TABLES.items():
        rows = await connection.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped"
            " ORDER BY attnum",
            f"chain.{table}",
        )
        assert tuple(row["attname"] for row in rows) == columns


@given(
    value=st.integers(0, 10**78 - 1)
    | st.integers(0, 78).map(lambda power: 10**power - 1)
    | st.integers(10**15, 10**21)
    | st.builds(lambda amount, power: amount * 10**power, st.integers(0, 10**6), st.integers(0, 20))
)
def test_numeric_of_any_amount_decodes_to_the_same_amount(value: int) -> None:
    data = bytes.fromhex(numeric(hex(value)))
    length, count, weight, sign = (
        int.from_bytes(data[:4], "big"),
        *(int.from_bytes(data[start : start + 2], "big", signed=True) for start in (4, 6, 8)),
    )
    digits = [int.from_bytes(data[12 + 2 * index : 14 + 2 * index], "big") for index in range(count)]
    assert length == len(data) - 4
    assert sign == 0
    assert sum(digit * 10_000 ** (weight - index) for index, digit in enumerate(digits)) == value
    assert not digits or (digits[0] and digits[-1]), "PostgreSQL keeps neither leading nor trailing zeros"


def test_numeric_beyond_78_digits_is_refused() -> None:
    with pytest.raises(UnstorableValue, match="does not fit"):
        numeric(hex(10**78))


async def test_rows_of_extreme_values_come_back_as_they_were(connection: asyncpg.Connection) -> None:
    """Widest amounts, 32 leading zeros in r, empty lists, unknown transaction type with its whole object."""
    async with network(Consensus.CLIQUE, history=6, transactions_per_block=6) as running:
        fetched = (await running.node.fetch_blocks([6], full=True))[0]
    transaction, receipt = fetched.block.transactions[0], fetched.receipts[0]
    transaction.value = hex(2**256 - 1)
    transaction.nonce = hex(2**64 - 2)
    transaction.r = "0x1"
    transaction.access_list = []
    transaction.blob_versioned_hashes = ["0x" + "01" * 32, "0x" + "02" * 32]
    transaction.type = "0x7e"
    transaction.extra = {"type": "0x7e", "mint": "0x1", "text": 'quote " and ünïcode'}
    receipt.status, receipt.root = None, "0x" + "ab" * 32
    fetched.block.uncles = ["0x" + "cd" * 32]
    rows = block_rows(fetched)
    for table, columns, payload in copy_payloads([rows]):
        await copy_binary(connection, "chain", table, columns, payload)
    row = await connection.fetchrow("SELECT * FROM chain.transactions WHERE transaction_index = 0")
    assert row is not None
    assert stored(row) == expected_transaction(fetched, 0)
    block = await connection.fetchrow("SELECT * FROM chain.blocks")
    assert block is not None
    assert stored(block) == expected_block(fetched)


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("gas", hex(2**63), "outside 0…2\\^63-1"),
        ("input", "0x123", "odd number of hex digits"),
        ("to", "0x1234", "wrong length"),
        ("type", hex(2**15), "outside 0…2\\^15-1"),
        ("r", "0x" + "1" * 65, "longer than 256 bits"),
    ],
)
async def test_rows_of_a_value_no_column_holds_are_refused(field: str, value: str, complaint: str) -> None:
    async with network(Consensus.CLIQUE, history=3) as running:
        fetched = (await running.node.fetch_blocks([3], full=True))[0]
    setattr(fetched.block.transactions[0], field, value)
    with pytest.raises(UnstorableValue, match=complaint):
        block_rows(fetched)
