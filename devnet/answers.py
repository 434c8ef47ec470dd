"""Blocks, transactions, receipts and logs as JSON in Besu's spelling, encoded once per block.

What Besu omits and what it sends as null differs by object: blocks omit, receipts send `to` and
`contractAddress` as null, transactions send `to` as null.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from evm.blocks import Block, Header, Log, Receipt, Transaction, Withdrawal
from evm.envelopes import TYPE_LEGACY
from evm.primitives import Hash32

Json: TypeAlias = dict[str, Any]

CACHE_BYTES_MAX = 256 * 1024 * 1024

_encode = msgspec.json.Encoder().encode


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _optional_quantity(answer: Json, name: str, value: int | None) -> None:
    if value is not None:
        answer[name] = hex(value)


def _optional_data(answer: Json, name: str, value: bytes | None) -> None:
    if value is not None:
        answer[name] = _hex(value)


def header_answer(header: Header, block_hash: Hash32) -> Json:
    """The header fields of a block, absent ones omitted."""
    answer: Json = {
        "number": hex(header.number),
        "hash": _hex(block_hash),
        "mixHash": _hex(header.mix_hash),
        "parentHash": _hex(header.parent_hash),
        "nonce": _hex(header.nonce),
        "sha3Uncles": _hex(header.sha3_uncles),
        "logsBloom": _hex(header.logs_bloom),
        "transactionsRoot": _hex(header.transactions_root),
        "stateRoot": _hex(header.state_root),
        "receiptsRoot": _hex(header.receipts_root),
        "miner": _hex(header.miner),
        "difficulty": hex(header.difficulty),
        "extraData": _hex(header.extra_data),
    }
    _optional_quantity(answer, "baseFeePerGas", header.base_fee_per_gas)
    answer["gasLimit"] = hex(header.gas_limit)
    answer["gasUsed"] = hex(header.gas_used)
    answer["timestamp"] = hex(header.timestamp)
    _optional_data(answer, "withdrawalsRoot", header.withdrawals_root)
    _optional_quantity(answer, "blobGasUsed", header.blob_gas_used)
    _optional_quantity(answer, "excessBlobGas", header.excess_blob_gas)
    _optional_data(answer, "parentBeaconBlockRoot", header.parent_beacon_block_root)
    _optional_data(answer, "requestsHash", header.requests_hash)
    _optional_data(answer, "balHash", header.block_access_list_hash)
    _optional_quantity(answer, "slotNumber", header.slot_number)
    return answer


def block_answer(block: Block, *, full: bool) -> Json:
    """The block with whole transactions, or with their hashes only."""
    answer = header_answer(block.header, block.hash)
    _optional_quantity(answer, "totalDifficulty", block.total_difficulty)
    answer["size"] = hex(block.size)
    answer["uncles"] = [_hex(uncle) for uncle in block.uncles]
    if block.withdrawals is not None:
        answer["withdrawals"] = [_withdrawal_answer(withdrawal) for withdrawal in block.withdrawals]
    if full:
        answer["transactions"] = [
            transaction_answer(block, index) for index in range(len(block.transactions))
        ]
    else:
        answer["transactions"] = [_hex(transaction.hash) for transaction in block.transactions]
    return answer


def _withdrawal_answer(withdrawal: Withdrawal) -> Json:
    return {
        "index": hex(withdrawal.index),
        "validatorIndex": hex(withdrawal.validator_index),
        "address": _hex(withdrawal.address),
        "amount": hex(withdrawal.amount),
    }


def transaction_answer(block: Block, index: int) -> Json:
    transaction, receipt = block.transactions[index], block.receipts[index]
    answer: Json = {}
    if transaction.access_list is not None:
        answer["accessList"] = [
            {"address": _hex(entry.address), "storageKeys": [_hex(key) for key in entry.storage_keys]}
            for entry in transaction.access_list
        ]
    answer["blockHash"] = _hex(block.hash)
    answer["blockNumber"] = hex(block.header.number)
    answer["blockTimestamp"] = hex(block.header.timestamp)
    _optional_quantity(answer, "chainId", transaction.chain_id)
    answer["from"] = _hex(transaction.sender)
    answer["gas"] = hex(transaction.gas_limit)
    price = transaction.gas_price
    answer["gasPrice"] = hex(receipt.effective_gas_price or 0 if price is None else price)
    _optional_quantity(answer, "maxPriorityFeePerGas", transaction.max_priority_fee_per_gas)
    _optional_quantity(answer, "maxFeePerGas", transaction.max_fee_per_gas)
    answer["hash"] = _hex(transaction.hash)
    answer["input"] = _hex(transaction.input)
    answer["nonce"] = hex(transaction.nonce)
    answer["to"] = None if transaction.to is None else _hex(transaction.to)
    answer["transactionIndex"] = hex(index)
    answer["type"] = hex(transaction.type)
    answer["value"] = hex(transaction.value)
    _add_signature(answer, transaction)
    return answer


def _add_signature(answer: Json, transaction: Transaction) -> None:
    if transaction.type != TYPE_LEGACY:
        answer["yParity"] = hex(transaction.v)
    answer["v"] = hex(transaction.v)
    answer["r"] = hex(transaction.r)
    answer["s"] = hex(transaction.s)


def log_answer(block: Block, log: Log, *, removed: bool = False) -> Json:
    return {
        "address": _hex(log.address),
        "topics": [_hex(topic) for topic in log.topics],
        "data": _hex(log.data),
        "blockNumber": hex(block.header.number),
        "transactionHash": _hex(block.transactions[log.transaction_index].hash),
        "transactionIndex": hex(log.transaction_index),
        "blockHash": _hex(block.hash),
        "blockTimestamp": hex(block.header.timestamp),
        "logIndex": hex(log.log_index),
        "removed": removed,
    }


def receipt_answer(block: Block, index: int) -> Json:
    transaction, receipt = block.transactions[index], block.receipts[index]
    contract = receipt.contract_address
    answer: Json = {
        "blockHash": _hex(block.hash),
        "blockNumber": hex(block.header.number),
        "contractAddress": None if contract is None else _hex(contract),
        "cumulativeGasUsed": hex(receipt.cumulative_gas_used),
        "from": _hex(transaction.sender),
        "gasUsed": hex(receipt.gas_used),
        "effectiveGasPrice": hex(receipt.effective_gas_price or 0),
        "logs": [log_answer(block, log) for log in receipt.logs],
        "logsBloom": _hex(receipt.logs_bloom),
        "status": hex(_status(receipt)),
        "to": None if transaction.to is None else _hex(transaction.to),
        "transactionHash": _hex(transaction.hash),
        "transactionIndex": hex(index),
    }
    _optional_data(answer, "revertReason", receipt.revert_reason)
    answer["type"] = hex(transaction.type)
    return answer


def _status(receipt: Receipt) -> int:
    assert receipt.status is not None  # every simulated fork is past Byzantium
    return receipt.status


class Answers:
    """Encoded answers per block, kept up to a number of bytes, least recently used out first."""

    def __init__(self, bytes_max: int = CACHE_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: OrderedDict[tuple[Hash32, str], bytes] = OrderedDict()

    def block(self, block: Block, *, full: bool) -> bytes:
        kind = "full" if full else "hashes"
        return self._answer(block, kind, lambda: block_answer(block, full=full))

    def receipts(self, block: Block) -> bytes:
        def build() -> list[Json]:
            return [receipt_answer(block, index) for index in range(len(block.receipts))]

        return self._answer(block, "receipts", build)

    def _answer(self, block: Block, kind: str, build: Callable[[], Any]) -> bytes:
        key = (block.hash, kind)
        answer = self._kept.get(key)
        if answer is not None:
            self._kept.move_to_end(key)
            return answer
        answer = _encode(build())
        self._kept[key] = answer
        self._bytes += len(answer)
        while self._bytes > self._bytes_max and len(self._kept) > 1:
            self._bytes -= len(self._kept.popitem(last=False)[1])
        return answer
