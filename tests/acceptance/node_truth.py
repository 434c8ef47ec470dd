"""What the tables must hold, column by column, according to the node as web3 reads it.

Nothing here passes through the project's own wire structs or codecs: web3 asks, web3 decodes, and
each column of each fact table is named once. A column without an expectation fails the test.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

from psycopg import Connection, sql
from web3 import Web3

Row = dict[str, Any]


def expected_rows(web3: Web3, numbers: Iterable[int]) -> dict[str, list[Row]]:
    """Rows of every table that holds facts of these blocks, in key order."""
    tables: dict[str, list[Row]] = {
        "blocks": [],
        "transactions": [],
        "logs": [],
        "block_locations": [],
        "transaction_locations": [],
    }
    for number in numbers:
        block: Mapping[str, Any] = cast(
            "Mapping[str, Any]", web3.eth.get_block(number, full_transactions=True)
        )
        receipts = [web3.eth.get_transaction_receipt(item["hash"]) for item in block["transactions"]]
        tables["blocks"].append(_block_row(block, receipts))
        tables["block_locations"].append({"hash": _octets(block["hash"]), "number": number})
        for transaction, receipt in zip(block["transactions"], receipts, strict=True):
            tables["transactions"].append(_transaction_row(block, transaction, receipt))
            tables["logs"].extend(_log_row(log) for log in receipt["logs"])
            tables["transaction_locations"].append(
                {
                    "hash": _octets(receipt["transactionHash"]),
                    "block_number": number,
                    "transaction_index": receipt["transactionIndex"],
                }
            )
    for name in ("block_locations", "transaction_locations"):
        tables[name].sort(key=lambda row: row["hash"])
    return tables


_KEYS = {
    "blocks": ("number",),
    "transactions": ("block_number", "transaction_index"),
    "logs": ("block_number", "log_index"),
    "block_locations": ("hash",),
    "transaction_locations": ("hash",),
}


def stored_rows(connection: Connection[Any]) -> dict[str, list[Row]]:
    """Every row of the same tables, all columns, in key order."""
    tables: dict[str, list[Row]] = {}
    for name, key in _KEYS.items():
        query = sql.SQL("SELECT * FROM {table} ORDER BY {key}").format(
            table=sql.Identifier("chain", name), key=sql.SQL(", ").join(map(sql.Identifier, key))
        )
        cursor = connection.execute(query)
        assert cursor.description is not None
        columns = [column.name for column in cursor.description]
        tables[name] = [dict(zip(columns, map(_plain, row), strict=True)) for row in cursor]
    return tables


def differences(stored: Mapping[str, Sequence[Row]], expected: Mapping[str, Sequence[Row]]) -> list[str]:
    """One line per field that differs, per row too many or too few, per column nobody expects."""
    found: list[str] = []
    for table, rows in expected.items():
        keys = [[row[column] for column in _KEYS[table]] for row in rows]
        stored_keys = [[row[column] for column in _KEYS[table]] for row in stored[table]]
        if keys != stored_keys:
            missing = [key for key in keys if key not in stored_keys]
            surplus = [key for key in stored_keys if key not in keys]
            found.append(f"{table}: missing {missing[:5]}, surplus {surplus[:5]} ({len(rows)} rows expected)")
            continue
        for key, wanted, row in zip(keys, rows, stored[table], strict=True):
            found += [
                f"{table} {key} {column}: stored {row.get(column, 'no such column')!r}, "
                f"node says {wanted.get(column, 'nothing expected')!r}"
                for column in sorted(row.keys() | wanted.keys())
                if column not in row or column not in wanted or row[column] != wanted[column]
            ]
    return found


def _block_row(block: Mapping[str, Any], receipts: Sequence[Mapping[str, Any]]) -> Row:
    withdrawals = block.get("withdrawals")
    return {
        "number": block["number"],
        "hash": _octets(block["hash"]),
        "parent_hash": _octets(block["parentHash"]),
        "timestamp": _time(block),
        "miner": _octets(block["miner"]),
        "gas_limit": block["gasLimit"],
        "gas_used": block["gasUsed"],
        "base_fee_per_gas": _integer(block.get("baseFeePerGas")),
        "difficulty": _integer(block["difficulty"]),
        "total_difficulty": _integer(block.get("totalDifficulty")),
        "size": _integer(block["size"]),
        "nonce": _octets(block["nonce"]),
        "mix_hash": _octets(block["mixHash"]),
        "sha3_uncles": _octets(block["sha3Uncles"]),
        "state_root": _octets(block["stateRoot"]),
        "transactions_root": _octets(block["transactionsRoot"]),
        "receipts_root": _octets(block["receiptsRoot"]),
        "logs_bloom": _octets(block["logsBloom"]),
        "extra_data": _octets(block["extraData"]),
        "withdrawals_root": _octets(block.get("withdrawalsRoot")),
        "blob_gas_used": _integer(block.get("blobGasUsed")),
        "excess_blob_gas": _integer(block.get("excessBlobGas")),
        "parent_beacon_block_root": _octets(block.get("parentBeaconBlockRoot")),
        "requests_hash": _octets(block.get("requestsHash")),
        "block_access_list_hash": _octets(block.get("blockAccessListHash", block.get("balHash"))),
        "slot_number": _integer(block.get("slotNumber")),
        "uncles": [_octets(uncle) for uncle in block["uncles"]],
        "withdrawals": None if withdrawals is None else _json(withdrawals),
        "transaction_count": len(block["transactions"]),
        "log_count": sum(len(receipt["logs"]) for receipt in receipts),
    }


def _transaction_row(
    block: Mapping[str, Any], transaction: Mapping[str, Any], receipt: Mapping[str, Any]
) -> Row:
    typed = _integer(transaction["type"]) != 0
    blob_hashes = transaction.get("blobVersionedHashes")
    access_list, authorizations = transaction.get("accessList"), transaction.get("authorizationList")
    return {
        "block_number": transaction["blockNumber"],
        "transaction_index": transaction["transactionIndex"],
        "hash": _octets(transaction["hash"]),
        "timestamp": _time(block),
        "type": _integer(transaction["type"]),
        "from_address": _octets(transaction["from"]),
        "to_address": _octets(transaction.get("to")),
        "nonce": transaction["nonce"],
        "value": transaction["value"],
        "gas_limit": transaction["gas"],
        "gas_price": _integer(transaction.get("gasPrice")),
        "max_fee_per_gas": _integer(transaction.get("maxFeePerGas")),
        "max_priority_fee_per_gas": _integer(transaction.get("maxPriorityFeePerGas")),
        "max_fee_per_blob_gas": _integer(transaction.get("maxFeePerBlobGas")),
        "input": _octets(transaction["input"]),
        "chain_id": _integer(transaction.get("chainId")),
        "v": _integer(transaction["yParity"] if typed else transaction["v"]),
        "r": _word(transaction["r"]),
        "s": _word(transaction["s"]),
        "access_list": None if access_list is None else _json(access_list),
        "blob_versioned_hashes": None if blob_hashes is None else [_octets(item) for item in blob_hashes],
        "authorization_list": None if authorizations is None else _json(authorizations),
        "extra": None,
        "status": _integer(receipt.get("status")),
        "root": _octets(receipt.get("root")),
        "cumulative_gas_used": receipt["cumulativeGasUsed"],
        "gas_used": receipt["gasUsed"],
        "effective_gas_price": _integer(receipt.get("effectiveGasPrice")),
        "contract_address": _octets(receipt.get("contractAddress")),
        "blob_gas_used": _integer(receipt.get("blobGasUsed")),
        "blob_gas_price": _integer(receipt.get("blobGasPrice")),
        "revert_reason": _octets(receipt.get("revertReason")),
        "log_count": len(receipt["logs"]),
    }


def _log_row(log: Mapping[str, Any]) -> Row:
    topics = [_octets(topic) for topic in log["topics"]]
    padded = [*topics, None, None, None, None][:4]
    return {
        "block_number": log["blockNumber"],
        "log_index": log["logIndex"],
        "transaction_index": log["transactionIndex"],
        "address": _octets(log["address"]),
        **{f"topic{position}": topic for position, topic in enumerate(padded)},
        "data": _octets(log["data"]),
    }


def _time(block: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(block["timestamp"], UTC)


def _integer(value: Any) -> int | None:
    """web3 decodes the fields it knows and hands others through as the node's hex text."""
    if value is None or isinstance(value, int):
        return value
    return int(value, 16) if isinstance(value, str) else int.from_bytes(value, "big")


def _octets(value: Any) -> bytes | None:
    if value is None:
        return None
    return bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else bytes(value)


def _word(value: Any) -> bytes | None:
    """A 256-bit quantity as 32 bytes; the node leaves its leading zero bytes out."""
    octets = _octets(value)
    return None if octets is None else octets.rjust(32, b"\0")


def _json(value: Any) -> Any:
    """Lists inside a transaction in one form: quantities and data both as integers of their hex text."""
    if isinstance(value, Mapping):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    if isinstance(value, bytes | str):
        return _integer(value)
    return value


def _plain(value: Any) -> Any:
    """A column as psycopg reads it, in the form the expectations have."""
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict)):
        return _json(value)
    return value
