"""Four linked Ethereum blocks that between them fill every column, stored as the indexer stores them."""

from typing import Any

import asyncpg
import msgspec
from msgspec.structs import replace

from evm.blocks import Block, Header, Log, Receipt, Transaction
from evm.bloom import BLOOM_BYTES, logs_bloom
from evm.consensus import Consensus, header_hash
from evm.envelopes import sign_transaction
from evm.primitives import EMPTY_ROOT, EMPTY_UNCLES_HASH, ZERO_HASH
from evm.tries import receipts_root, transactions_root, withdrawals_root
from indexer.rows import block_rows
from indexer.writer import queries, store
from node.checks import check_block, unverifiable_parts
from node.wire import FetchedBlock, WireBlock, WireReceipt
from tests.unit.indexer.verify_rows import size_of
from tests.unit.node.answers import HASH, KEY, TARGET, block_answer, mixed_block, receipts_answer

CHAIN_ID = 1337
DIFFICULTY = 131_072
UNKNOWN_TYPE = "0x7e"


def chain() -> list[Block]:
    """Genesis; a transaction before Byzantium; every known type up to Prague; every later header field."""
    genesis = _linked(None, _plain_header())
    transaction = sign_transaction(
        Transaction(type=0, to=TARGET, nonce=9, value=1, gas_limit=21_000, input=b"", gas_price=3), KEY
    )
    receipt = Receipt(
        type=0, root=HASH, cumulative_gas_used=21_000, gas_used=21_000, logs=(), effective_gas_price=3
    )
    old = _linked(
        genesis,
        replace(
            _plain_header(),
            gas_used=21_000,
            transactions_root=transactions_root([transaction]),
            receipts_root=receipts_root([receipt]),
        ),
        transactions=(transaction,),
        receipts=(receipt,),
    )
    mixed = mixed_block()
    receipts = tuple(
        replace(receipt, logs=tuple(_with_more_topics(log) for log in receipt.logs))
        for receipt in mixed.receipts
    )
    header = replace(
        mixed.header,
        receipts_root=receipts_root(receipts),
        logs_bloom=logs_bloom([log for receipt in receipts for log in receipt.logs]),
    )
    typed = _linked(
        old,
        header,
        transactions=mixed.transactions,
        receipts=receipts,
        withdrawals=mixed.withdrawals,
    )
    newest = replace(
        _plain_header(),
        base_fee_per_gas=7,
        withdrawals_root=withdrawals_root([]),
        blob_gas_used=0,
        excess_blob_gas=3,
        parent_beacon_block_root=HASH,
        requests_hash=HASH,
        block_access_list_hash=HASH,
        slot_number=77,
    )
    return [genesis, old, typed, _linked(typed, newest, withdrawals=())]


def fetched(block: Block, *, unknown_type_at: int | None = None) -> FetchedBlock:
    """The block as a node answers it, checked in full; one transaction may be of a type nobody knows."""
    answer: dict[str, Any] = block_answer(block)
    if block.header.slot_number is not None:
        answer["slotNumber"] = hex(block.header.slot_number)
    receipts = receipts_answer(block)
    wire = msgspec.convert(answer, WireBlock)
    if unknown_type_at is not None:
        transaction = wire.transactions[unknown_type_at]
        transaction.type = receipts[unknown_type_at]["type"] = UNKNOWN_TYPE
        transaction.extra = answer["transactions"][unknown_type_at] | {"type": UNKNOWN_TYPE, "mint": "0x1"}
    wire_receipts = msgspec.convert(receipts, list[WireReceipt])
    header, consensus = check_block(wire, wire_receipts, full=True)
    return FetchedBlock(
        block=wire,
        receipts=wire_receipts,
        size_bytes=1,
        header=header,
        number=header.number,
        consensus=consensus,
        endpoint="test",
        unverifiable=unverifiable_parts(wire),
    )


async def store_chain(connection: asyncpg.Connection, blocks: list[FetchedBlock]) -> None:
    genesis_hash = bytes.fromhex(blocks[0].block.hash[2:])
    await queries.register_network.exec(connection, CHAIN_ID, genesis_hash, Consensus.ETHEREUM.value)
    await store(connection, [block_rows(block) for block in blocks], finalized=-1)


def _plain_header() -> Header:
    return Header(
        number=0,
        parent_hash=ZERO_HASH,
        sha3_uncles=EMPTY_UNCLES_HASH,
        miner=TARGET,
        state_root=HASH,
        transactions_root=EMPTY_ROOT,
        receipts_root=EMPTY_ROOT,
        logs_bloom=bytes(BLOOM_BYTES),
        difficulty=DIFFICULTY,
        gas_limit=30_000_000,
        gas_used=0,
        timestamp=0,
        extra_data=b"test",
        mix_hash=HASH,
        nonce=bytes(8),
    )


def _with_more_topics(log: Log) -> Log:
    """None to four topics, by the log's place."""
    return replace(log, topics=(HASH, *log.topics, HASH, TARGET.rjust(32, b"\0"))[: log.log_index % 5])


def _linked(parent: Block | None, header: Header, **parts: Any) -> Block:
    """The block above `parent`: number, link, time, difficulty, hash and size follow."""
    if parent is not None:
        header = replace(
            header,
            number=parent.header.number + 1,
            parent_hash=parent.hash,
            timestamp=parent.header.timestamp + 2,
            difficulty=DIFFICULTY,
        )
    else:
        header = replace(header, timestamp=1_700_000_000)
    block = Block(
        **{
            "header": header,
            "hash": header_hash(header, Consensus.ETHEREUM),
            "transactions": (),
            "receipts": (),
            "size": 0,
            "total_difficulty": DIFFICULTY * (header.number + 1),
            **parts,
        }
    )
    return replace(block, size=size_of(block))
