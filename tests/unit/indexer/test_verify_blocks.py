"""Rows of one block that disagree with one another are noticed, each by its own kind."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from evm.blocks import Block
from evm.bloom import BLOOM_BYTES
from evm.consensus import Consensus, header_hash
from evm.extra_data import decode_qbft, encode_qbft
from evm.primitives import EMPTY_ROOT
from indexer.verify.blocks import check_block, check_genesis, check_link
from indexer.verify.findings import Findings
from tests.unit.evm.real_blocks import IBFT2_100655, QBFT_7528
from tests.unit.indexer.verify_rows import Change, stored_block
from tests.unit.node.answers import devnet_block, mixed_block

CHAIN_ID = 1337
MIXED = mixed_block()
QBFT = devnet_block(Consensus.QBFT)


def kinds(block: Block, change: Change = lambda *_: None) -> list[str]:
    findings = check_block(stored_block(block, change), network_chain_id=CHAIN_ID)
    return [difference.kind for difference in findings.differences]


def put(column: str, value: object, *, transaction: int | None = None, log: int | None = None) -> Change:
    def change(row: Any, transactions: list[Any], logs: list[Any]) -> None:
        target = row if transaction is None else transactions[transaction]
        target = target if log is None else logs[log]
        assert column in target
        target[column] = value

    return change


@pytest.mark.parametrize("consensus", list(Consensus))
@pytest.mark.parametrize("number", [0, 12])
def test_check_block_of_true_rows_finds_nothing(consensus: Consensus, number: int) -> None:
    assert kinds(devnet_block(consensus, number=number)) == []


def test_check_block_of_every_known_type_finds_nothing() -> None:
    assert kinds(MIXED) == []


CHANGES: list[tuple[list[str], Change]] = [
    (["block_location"], put("located_number", None)),
    (["transaction_count"], put("transaction_count", 7)),
    (["log_count"], put("log_count", 0)),
    (["header_hash"], put("state_root", bytes(32))),
    (["size"], put("size", 1)),
    (["uncles"], put("uncles", [bytes(32)])),
    (["withdrawals_root"], put("withdrawals", None)),
    (["malformed"], put("withdrawals", '[{"index": 1}]')),
    (["malformed"], put("timestamp", Decimal("1.5"))),
    (["malformed"], put("difficulty", Decimal("NaN"))),
    (["malformed"], put("gas_limit", -1)),
    (["transaction_timestamp"], put("timestamp", Decimal(3), transaction=0)),
    (["transaction_location"], put("located_index", 9, transaction=0)),
    (["log_count"], put("log_count", 9, transaction=0)),
    (["sender"], put("from_address", bytes(20), transaction=0)),
    (["malformed"], put("status", None, transaction=0)),
    (["malformed"], put("r", None, transaction=0)),
    (["malformed"], put("s", b"\x01", transaction=2)),
    (["malformed"], put("v", None, transaction=4)),
    (["transaction_hash", "sender", "transactions_root"], put("r", bytes(32), transaction=2)),
    (["transaction_hash", "sender", "transactions_root"], put("v", Decimal(0), transaction=0)),
    (["transaction_hash"], put("max_fee_per_gas", None, transaction=3)),
    (["chain_id"], put("chain_id", Decimal(2), transaction=0)),
    (["chain_id"], put("chain_id", Decimal(2), transaction=1)),
    (["malformed"], put("to_address", b"", transaction=0)),
    (["malformed"], put("access_list", '[{"address": 3}]', transaction=2)),
    (["malformed"], put("authorization_list", "[{}]", transaction=5)),
    (["foreign_column"], put("access_list", "[]", transaction=0)),
    (["foreign_column"], put("extra", "{}", transaction=3)),
    (["contract_address"], put("contract_address", None, transaction=6)),
    (["contract_address"], put("contract_address", bytes(20), transaction=0)),
    (["revert_reason"], put("revert_reason", b"x", transaction=0)),
    (["blob_gas_used"], put("blob_gas_used", 3, transaction=4)),
    (["blob_gas_used"], put("blob_gas_used", 3, transaction=0)),
    (["effective_gas_price"], put("effective_gas_price", Decimal(1), transaction=3)),
    (["gas_price"], put("gas_price", Decimal(1), transaction=3)),
    (["receipt_gas"], put("gas_used", 1, transaction=0)),
    (["extra"], put("type", 7, transaction=0)),
    (["malformed"], put("topic1", bytes(32), log=0)),
    (["logs_bloom", "receipts_root"], put("topic0", None, log=1)),
    (["receipts_root"], put("data", b"\x99", log=1)),
]


@pytest.mark.parametrize(("expected", "change"), CHANGES)
def test_check_block_of_one_changed_column_names_it(expected: list[str], change: Change) -> None:
    found = kinds(MIXED, change)
    # A changed column may also show in what is recomputed from it.
    assert set(expected) <= set(found), found


def test_check_block_of_a_transaction_that_is_missing_names_index_and_roots() -> None:
    def change(_: Any, transactions: list[Any], logs: list[Any]) -> None:
        del transactions[2]

    found = kinds(MIXED, change)
    assert {"transaction_count", "transaction_index", "log_transaction", "receipt_gas"} <= set(found)
    assert {"transactions_root", "receipts_root"} <= set(found)


def test_check_block_of_a_log_that_is_missing_names_index_bloom_and_root() -> None:
    def change(_: Any, transactions: list[Any], logs: list[Any]) -> None:
        del logs[3]

    assert {"log_count", "log_index", "logs_bloom", "receipts_root"} <= set(kinds(MIXED, change))


def test_check_block_of_logs_in_another_order_names_their_transaction() -> None:
    def change(_: Any, transactions: list[Any], logs: list[Any]) -> None:
        logs[0]["transaction_index"] = 5

    assert {"log_transaction", "log_count", "receipts_root"} <= set(kinds(MIXED, change))


def test_check_block_of_an_unknown_type_is_unverifiable_but_still_compared_with_the_nodes_object() -> None:
    def unknown(row: Any, transactions: list[Any], logs: list[Any]) -> None:
        transaction = transactions[0]
        transaction["type"] = 0x7E
        transaction["extra"] = json.dumps(
            {
                "type": "0x7e",
                "hash": "0x" + transaction["hash"].hex(),
                "from": "0x" + transaction["from_address"].hex(),
                "to": "0x" + transaction["to_address"].hex(),
                "nonce": hex(int(transaction["nonce"])),
                "value": hex(int(transaction["value"])),
                "gas": hex(transaction["gas_limit"]),
                "input": "0x" + transaction["input"].hex(),
                "blockHash": "0x" + row["hash"].hex(),
                "blockNumber": hex(row["number"]),
                "transactionIndex": "0x0",
                "mint": "0x1",
            }
        )

    findings = check_block(stored_block(MIXED, unknown))
    assert (findings.unverifiable, findings.differences) == (True, [])

    def lying(row: Any, transactions: list[Any], logs: list[Any]) -> None:
        unknown(row, transactions, logs)
        transactions[0]["value"] += 1

    assert kinds(MIXED, lying) == ["extra"]


def _resealed(change: Callable[[Any], Any]) -> Block:
    extra = encode_qbft(change(decode_qbft(QBFT.header.extra_data)))
    return replace(QBFT, header=replace(QBFT.header, extra_data=extra))


@pytest.mark.parametrize(
    "change",
    [
        lambda extra: replace(extra, round=extra.round + 1),
        lambda extra: replace(extra, seals=(b"\x01" + extra.seals[0][1:], *extra.seals[1:])),
        lambda extra: replace(extra, seals=(bytes(65), *extra.seals[1:])),
        lambda extra: replace(extra, seals=(extra.seals[1], *extra.seals[1:])),
        lambda extra: replace(extra, seals=extra.seals[:2]),
    ],
)
def test_check_block_of_other_seals_or_round_is_noticed_though_the_hash_leaves_them_out(
    change: Callable[[Any], Any],
) -> None:
    assert set(kinds(_resealed(change))) - {"size"} == {"seals"}


def test_check_block_without_listed_validators_has_nothing_to_compare_seals_with() -> None:
    bare = _resealed(lambda extra: replace(extra, validators=()))
    bare = replace(bare, hash=header_hash(bare.header, Consensus.QBFT))
    assert kinds(bare) == []


@pytest.mark.parametrize("header", [IBFT2_100655, QBFT_7528])
def test_check_block_of_a_header_sealed_by_real_validators_accepts_hash_and_seals(header: Any) -> None:
    empty = replace(
        header,
        transactions_root=EMPTY_ROOT,
        receipts_root=EMPTY_ROOT,
        logs_bloom=bytes(BLOOM_BYTES),
        gas_used=0,
    )
    consensus = Consensus.IBFT2 if header is IBFT2_100655 else Consensus.QBFT
    block = Block(header=header, hash=header_hash(header, consensus), transactions=(), receipts=(), size=0)
    expected = [] if empty == header else ["gas_used", "logs_bloom", "transactions_root", "receipts_root"]
    assert set(kinds(block)) <= set(expected)


def link_kinds(**changes: object) -> list[str]:
    findings = Findings(2)
    parent = {"hash": b"\x01" * 32, "total_difficulty": Decimal(7)}
    row = {"parent_hash": b"\x01" * 32, "difficulty": Decimal(2), "total_difficulty": Decimal(9)}
    check_link(findings, row | changes, parent)
    return [difference.kind for difference in findings.differences]


def test_check_link_of_parent_and_child_finds_nothing() -> None:
    assert link_kinds() == link_kinds(total_difficulty=None) == []


def test_check_link_of_strangers_or_of_a_wrong_sum_names_them() -> None:
    assert link_kinds(parent_hash=bytes(32)) == ["parent_hash"]
    assert link_kinds(total_difficulty=Decimal(8)) == ["total_difficulty"]


def test_check_genesis_of_another_network_names_both_hashes() -> None:
    findings = Findings(0)
    row = {"hash": b"\x01" * 32, "total_difficulty": None, "difficulty": Decimal(1)}
    check_genesis(findings, row, b"\x02" * 32)
    assert [str(difference) for difference in findings.differences] == [
        f"block 0: genesis_hash: expected 0x{'02' * 32}, stored 0x{'01' * 32}"
    ]
