"""Blocks as Besu would answer with them, written apart from devnet's own JSON."""

from typing import Any

from msgspec.structs import replace

from devnet.chain import Devnet
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
from evm.bloom import logs_bloom
from evm.consensus import Consensus, header_hash
from evm.envelopes import sign_transaction
from evm.primitives import EMPTY_UNCLES_HASH, keccak256
from evm.rlp import encode, encode_int
from evm.secp256k1 import address_of
from evm.tries import receipts_root, transactions_root, withdrawals_root

Json = dict[str, Any]

KEY = bytes(31) + b"\x07"
SENDER = address_of(KEY)
TARGET = bytes.fromhex("00000000000000000000000000000000000000aa")
HASH = bytes.fromhex("11" * 32)
BASE_FEE = 7


def devnet_block(consensus: Consensus = Consensus.QBFT, *, number: int = 12) -> Block:
    """A block of 20 transactions with logs, contract creations and failures around it."""
    block = Devnet(5, consensus, history_blocks=number).block(number)
    assert block is not None
    return block


def mixed_block() -> Block:
    """One Ethereum block with every known transaction type, a creation, a failure and withdrawals."""
    plain = Transaction(type=0, to=TARGET, nonce=0, value=5, gas_limit=90_000, input=b"\x01", gas_price=20)
    access = (AccessListEntry(address=TARGET, storage_keys=(HASH,)),)
    fees = {"chain_id": 1337, "max_fee_per_gas": 50, "max_priority_fee_per_gas": 2, "access_list": access}
    typed = replace(plain, gas_price=None, **fees)
    delegation = Authorization(chain_id=1337, address=TARGET, nonce=3, y_parity=1, r=17, s=18)
    unsigned = [
        plain,
        replace(plain, chain_id=1337, nonce=1),
        replace(plain, type=1, chain_id=1337, nonce=2, access_list=access),
        replace(typed, type=2, nonce=3),
        replace(typed, type=3, nonce=4, max_fee_per_blob_gas=9, blob_versioned_hashes=(HASH,)),
        replace(typed, type=4, nonce=5, authorization_list=(delegation,)),
        replace(typed, type=2, nonce=6, to=None),
        replace(typed, type=2, nonce=7, max_fee_per_gas=8),
    ]
    transactions = tuple(sign_transaction(transaction, KEY) for transaction in unsigned)
    receipts = tuple(_receipt(index, transaction) for index, transaction in enumerate(transactions))
    withdrawals = (Withdrawal(index=4, validator_index=9, address=TARGET, amount=1_000),)
    header = Header(
        number=41,
        parent_hash=HASH,
        sha3_uncles=EMPTY_UNCLES_HASH,
        miner=TARGET,
        state_root=HASH,
        transactions_root=transactions_root(transactions),
        receipts_root=receipts_root(receipts),
        logs_bloom=logs_bloom([log for receipt in receipts for log in receipt.logs]),
        difficulty=0,
        gas_limit=30_000_000,
        gas_used=receipts[-1].cumulative_gas_used,
        timestamp=1_800_000_000,
        extra_data=b"test",
        mix_hash=HASH,
        nonce=bytes(8),
        base_fee_per_gas=BASE_FEE,
        withdrawals_root=withdrawals_root(withdrawals),
        blob_gas_used=131_072,
        excess_blob_gas=0,
        parent_beacon_block_root=HASH,
        requests_hash=HASH,
    )
    return Block(
        header=header,
        hash=header_hash(header, Consensus.ETHEREUM),
        transactions=transactions,
        receipts=receipts,
        size=2_000,
        withdrawals=withdrawals,
    )


def _receipt(index: int, transaction: Transaction) -> Receipt:
    failed = index == 7
    logs = (
        ()
        if failed
        else tuple(
            Log(
                address=TARGET,
                topics=(keccak256(bytes([index])), HASH)[:position],
                data=b"\x05" * index,
                log_index=2 * index + position,
                transaction_index=index,
            )
            for position in range(2)
        )
    )
    price = transaction.gas_price
    if transaction.max_fee_per_gas is not None:
        price = min(transaction.max_fee_per_gas, BASE_FEE + 2)
    created = None
    if transaction.to is None:
        created = keccak256(encode([SENDER, encode_int(transaction.nonce)]))[12:]
    return Receipt(
        type=transaction.type,
        status=0 if failed else 1,
        cumulative_gas_used=30_000 * (index + 1),
        gas_used=30_000,
        logs=logs,
        contract_address=created,
        effective_gas_price=price,
        blob_gas_used=131_072 if transaction.type == 3 else None,
        blob_gas_price=1 if transaction.type == 3 else None,
        revert_reason=b"\x08\xc3\x79\xa0" if failed else None,
    )


def block_answer(block: Block) -> Json:
    """`eth_getBlockByNumber(…, true)`, fields that are null left out (FACTS: Besu omits them)."""
    header = block.header
    answer: Json = {
        "number": hex(header.number),
        "hash": _hex(block.hash),
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
        "size": hex(block.size),
        "gasLimit": hex(header.gas_limit),
        "gasUsed": hex(header.gas_used),
        "timestamp": hex(header.timestamp),
        "uncles": [_hex(uncle) for uncle in block.uncles],
        "transactions": [transaction_answer(block, index) for index in range(len(block.transactions))],
        "totalDifficulty": _quantity(block.total_difficulty),
        "baseFeePerGas": _quantity(header.base_fee_per_gas),
        "withdrawalsRoot": _data(header.withdrawals_root),
        "blobGasUsed": _quantity(header.blob_gas_used),
        "excessBlobGas": _quantity(header.excess_blob_gas),
        "parentBeaconBlockRoot": _data(header.parent_beacon_block_root),
        "requestsHash": _data(header.requests_hash),
        "balHash": _data(header.block_access_list_hash),
    }
    if block.withdrawals is not None:
        answer["withdrawals"] = [
            {
                "index": hex(item.index),
                "validatorIndex": hex(item.validator_index),
                "address": _hex(item.address),
                "amount": hex(item.amount),
            }
            for item in block.withdrawals
        ]
    return _without_nulls(answer)


def transaction_answer(block: Block, index: int) -> Json:
    transaction = block.transactions[index]
    answer: Json = {
        **_place(block, index),
        "blockTimestamp": hex(block.header.timestamp),
        "from": _hex(transaction.sender),
        "gas": hex(transaction.gas_limit),
        "gasPrice": _quantity(block.receipts[index].effective_gas_price),
        "hash": _hex(transaction.hash),
        "input": _hex(transaction.input),
        "nonce": hex(transaction.nonce),
        "type": hex(transaction.type),
        "value": hex(transaction.value),
        "chainId": _quantity(transaction.chain_id),
        "maxFeePerGas": _quantity(transaction.max_fee_per_gas),
        "maxPriorityFeePerGas": _quantity(transaction.max_priority_fee_per_gas),
        "maxFeePerBlobGas": _quantity(transaction.max_fee_per_blob_gas),
        "v": hex(transaction.v),
        "r": hex(transaction.r),
        "s": hex(transaction.s),
    }
    if transaction.type != 0:
        answer["yParity"] = hex(transaction.v)
    if transaction.access_list is not None:
        answer["accessList"] = [
            {"address": _hex(entry.address), "storageKeys": [_hex(key) for key in entry.storage_keys]}
            for entry in transaction.access_list
        ]
    if transaction.blob_versioned_hashes is not None:
        answer["blobVersionedHashes"] = [_hex(item) for item in transaction.blob_versioned_hashes]
    if transaction.authorization_list is not None:
        answer["authorizationList"] = [
            {
                "chainId": hex(item.chain_id),
                "address": _hex(item.address),
                "nonce": hex(item.nonce),
                "v": hex(item.y_parity),
                "r": hex(item.r),
                "s": hex(item.s),
            }
            for item in transaction.authorization_list
        ]
    return {**_without_nulls(answer), "to": _data(transaction.to)}


def receipts_answer(block: Block) -> list[Json]:
    """`eth_getBlockReceipts`; receipts keep their nulls."""
    return [receipt_answer(block, index) for index in range(len(block.receipts))]


def receipt_answer(block: Block, index: int) -> Json:
    receipt, transaction = block.receipts[index], block.transactions[index]
    place = _place(block, index)
    answer: Json = {
        **place,
        "transactionHash": _hex(transaction.hash),
        "from": _hex(transaction.sender),
        "to": _data(transaction.to),
        "contractAddress": _data(receipt.contract_address),
        "cumulativeGasUsed": hex(receipt.cumulative_gas_used),
        "gasUsed": hex(receipt.gas_used),
        "effectiveGasPrice": _quantity(receipt.effective_gas_price),
        "logsBloom": _hex(receipt.logs_bloom),
        "type": hex(receipt.type),
        "logs": [
            {
                **place,
                "transactionHash": _hex(transaction.hash),
                "address": _hex(log.address),
                "topics": [_hex(topic) for topic in log.topics],
                "data": _hex(log.data),
                "logIndex": hex(log.log_index),
                "removed": False,
            }
            for log in receipt.logs
        ],
    }
    optional: Json = {
        "status": _quantity(receipt.status),
        "root": _data(receipt.root),
        "revertReason": _data(receipt.revert_reason),
        "blobGasUsed": _quantity(receipt.blob_gas_used),
        "blobGasPrice": _quantity(receipt.blob_gas_price),
    }
    return {**answer, **_without_nulls(optional)}


def _place(block: Block, index: int) -> Json:
    return {
        "blockHash": _hex(block.hash),
        "blockNumber": hex(block.header.number),
        "transactionIndex": hex(index),
    }


def _without_nulls(answer: Json) -> Json:
    return {name: value for name, value in answer.items() if value is not None}


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _data(data: bytes | None) -> str | None:
    return None if data is None else _hex(data)


def _quantity(number: int | None) -> str | None:
    return None if number is None else hex(number)
