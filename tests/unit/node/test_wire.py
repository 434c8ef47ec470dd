"""The node's spelling, with the variations Besu has had over its versions."""

from typing import Any

import msgspec
import pytest

from evm.blocks import Block
from evm.consensus import Consensus
from evm.tries import transactions_root
from node.checks import check_block
from node.jsonrpc import BLOCKS
from node.wire import (
    FetchedBlock,
    WireBlock,
    WireReceipt,
    WireTransaction,
    to_block,
    to_header,
    to_receipt,
    to_transaction,
)
from tests.unit.node.answers import Json, block_answer, devnet_block, mixed_block, receipts_answer


def decode(block: Json, receipts: list[Json]) -> tuple[WireBlock, list[WireReceipt]]:
    return (
        msgspec.json.decode(msgspec.json.encode(block), type=WireBlock),
        msgspec.json.decode(msgspec.json.encode(receipts), type=list[WireReceipt]),
    )


def transaction(changes: Json, *, index: int = 0, without: tuple[str, ...] = ()) -> WireTransaction:
    answer = {**block_answer(mixed_block())["transactions"][index], **changes}
    for name in without:
        del answer[name]
    return msgspec.convert(answer, WireTransaction)


@pytest.mark.parametrize(
    "block",
    [devnet_block(consensus) for consensus in (Consensus.QBFT, Consensus.CLIQUE, Consensus.ETHEREUM)]
    + [mixed_block()],
    ids=["qbft", "clique", "ethereum", "mixed"],
)
def test_to_block_of_an_answer_gives_the_block_it_was_made_from(block: Block) -> None:
    wire, receipts = decode(block_answer(block), receipts_answer(block))
    header, consensus = check_block(wire, receipts, full=True)
    fetched = FetchedBlock(
        block=wire,
        receipts=receipts,
        size_bytes=1,
        header=header,
        number=header.number,
        consensus=consensus,
        endpoint="node",
    )
    assert to_block(fetched) == block


def test_block_without_fork_fields_decodes_to_none() -> None:
    block = devnet_block(Consensus.CLIQUE)
    wire, _ = decode(block_answer(block), [])
    assert wire.base_fee_per_gas is None
    assert wire.withdrawals is None
    assert wire.requests_hash is None
    assert to_header(wire) == block.header


@pytest.mark.parametrize("name", ["balHash", "blockAccessListHash"])
def test_block_access_list_hash_is_read_in_either_spelling(name: str) -> None:
    wire, _ = decode({**block_answer(mixed_block()), name: "0x" + "22" * 32, "slotNumber": "0x7"}, [])
    header = to_header(wire)
    assert header.block_access_list_hash == bytes.fromhex("22" * 32)
    assert header.slot_number == 7


def test_transaction_with_fields_of_old_versions_ignores_them() -> None:
    wire = transaction({"publicKey": "0x04ab", "raw": "0xf86c"})
    assert wire.extra is None


def test_transaction_before_eip155_has_no_chain_id() -> None:
    wire = transaction({})
    assert wire.chain_id is None
    assert to_transaction(wire) == mixed_block().transactions[0]


def test_transaction_without_type_is_legacy() -> None:
    assert transaction({}, without=("type",)).type == "0x0"


def test_transaction_typed_without_y_parity_takes_v() -> None:
    wire = transaction({}, index=3, without=("yParity",))
    assert to_transaction(wire) == mixed_block().transactions[3]


def test_transaction_with_effective_gas_price_keeps_it_out_of_the_envelope() -> None:
    wire = transaction({}, index=3)
    assert wire.gas_price is not None
    assert to_transaction(wire).gas_price is None


def test_transactions_of_every_type_give_back_the_root() -> None:
    block = mixed_block()
    wire, _ = decode(block_answer(block), [])
    assert transactions_root([to_transaction(one) for one in wire.transactions]) == (
        block.header.transactions_root
    )


def test_field_named_extra_by_the_node_is_not_taken_for_ours() -> None:
    assert transaction({"extra": {"a": 1}}).extra is None


def test_unknown_type_keeps_the_whole_object_of_only_that_transaction() -> None:
    answer = block_answer(mixed_block())
    unknown: Json = {
        name: value for name, value in answer["transactions"][1].items() if name not in ("v", "r", "s")
    }
    unknown |= {"type": "0x7e", "mint": None, "sourceHash": "0x" + "33" * 32, "nested": {"a": [1, 2.5, "x"]}}
    answer["transactions"][1] = unknown
    raw = msgspec.json.encode([{"id": 0, "result": None}, {"id": 1, "result": answer}])
    nothing, response = BLOCKS.decode(raw)
    assert nothing.result is None
    assert response.result is not None
    first, second, *rest = response.result.transactions
    assert second.extra == unknown
    assert second.v is None
    assert [one.extra for one in (first, *rest)] == [None] * 7


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"status": None, "root": "0x" + "44" * 32}, "root", bytes.fromhex("44" * 32)),
        ({"revertReason": "0x08c379a0"}, "revert_reason", b"\x08\xc3\x79\xa0"),
        ({"revertReason": None}, "revert_reason", None),
        ({"contractAddress": None}, "contract_address", None),
        ({"effectiveGasPrice": None}, "effective_gas_price", None),
    ],
)
def test_receipt_variation_is_read_as_it_is(changes: Json, field: str, expected: Any) -> None:
    answer = {**receipts_answer(mixed_block())[0], **changes}
    assert getattr(to_receipt(msgspec.convert(answer, WireReceipt)), field) == expected


def test_receipt_without_type_takes_the_transactions() -> None:
    answer = receipts_answer(mixed_block())[3]
    del answer["type"]
    assert to_receipt(msgspec.convert(answer, WireReceipt), transaction_type="0x2").type == 2
