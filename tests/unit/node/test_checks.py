"""Each lie a node can tell is found and named (invariant 5)."""

import copy
import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from evm.consensus import Consensus, header_hash
from node.checks import check_block, check_header, unverifiable_parts
from node.errors import NodeInconsistent
from node.wire import WireBlock, WireReceipt
from tests.unit.node.answers import Json, block_answer, devnet_block, mixed_block, receipts_answer

OTHER_HASH = "0x" + "99" * 32
OTHER_ADDRESS = "0x" + "98" * 20
EMPTY_ROOT = "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"

Answers = tuple[Json, list[Json]]
Lie = Callable[[Json, list[Json]], Any]


@pytest.fixture(scope="module")
def truth() -> Answers:
    block = mixed_block()
    return block_answer(block), receipts_answer(block)


def check(answers: Answers, *, full: bool = False) -> Consensus:
    block, receipts = answers
    wire = msgspec.json.decode(msgspec.json.encode(block), type=WireBlock)
    wire_receipts = msgspec.json.decode(msgspec.json.encode(receipts), type=list[WireReceipt])
    return check_block(wire, wire_receipts, full=full)[1]


def kind_of(answers: Answers, lie: Lie, *, full: bool) -> str:
    block, receipts = copy.deepcopy(answers)
    lie(block, receipts)
    with pytest.raises(NodeInconsistent) as caught:
        check((block, receipts), full=full)
    assert caught.value.number == 41
    assert caught.value.block_hash == block["hash"]
    return caught.value.inconsistency


def put(path: str, value: object) -> Lie:
    """A lie at `path` of {"block": …, "receipts": …}, for example receipts/3/logs/0/data."""

    def lie(block: Json, receipts: list[Json]) -> None:
        *parents, name = path.split("/")
        place: Any = {"block": block, "receipts": receipts}
        for step in parents:
            place = place[int(step)] if isinstance(place, list) else place[step]
        if isinstance(place, list):
            place[int(name)] = value
        else:
            place[name] = value

    return lie


def swap_receipts(_: Json, receipts: list[Json]) -> None:
    receipts[1], receipts[2] = receipts[2], receipts[1]


def drop_last_log(_: Json, receipts: list[Json]) -> None:
    receipts[6]["logs"].pop()


def drop_logs_of_all(_: Json, receipts: list[Json]) -> None:
    for receipt in receipts:
        receipt["logs"] = []


def drop_everything(block: Json, receipts: list[Json]) -> None:
    block["transactions"] = []
    receipts.clear()


def use_more_gas_at_last(_: Json, receipts: list[Json]) -> None:
    """Each receipt adds up, all of them are more than the header says."""
    for name in ("gasUsed", "cumulativeGasUsed"):
        receipts[-1][name] = hex(int(receipts[-1][name], 16) + 1)


def drop_status(_: Json, receipts: list[Json]) -> None:
    del receipts[0]["status"]


LIES: list[tuple[str, Lie]] = [
    ("header_hash", put("block/stateRoot", OTHER_HASH)),
    ("header_hash", put("block/timestamp", "0x1")),
    ("header_hash", put("block/extraData", "0x00")),
    ("header_hash", put("block/hash", OTHER_HASH)),
    ("header_hash", put("block/baseFeePerGas", None)),
    ("malformed", put("block/miner", "0xzz")),
    ("malformed", put("block/gasUsed", "12")),
    ("uncles", put("block/uncles", [OTHER_HASH])),
    ("withdrawals", put("block/withdrawals", None)),
    ("withdrawals", put("block/withdrawals", [])),
    ("receipt_count", lambda _, receipts: receipts.pop()),
    ("receipt_count", lambda block, _: block["transactions"].pop()),
    ("transactions_missing", drop_everything),
    ("receipt_transaction", swap_receipts),
    ("receipt_transaction", put("receipts/1/transactionHash", OTHER_HASH)),
    ("receipt_transaction", put("block/transactions/1/hash", OTHER_HASH)),
    ("transaction_index", put("block/transactions/2/transactionIndex", "0x3")),
    ("transaction_block", put("block/transactions/2/blockHash", OTHER_HASH)),
    ("transaction_block", put("block/transactions/2/blockNumber", "0x28")),
    ("receipt_index", put("receipts/2/transactionIndex", "0x0")),
    ("receipt_block", put("receipts/2/blockHash", OTHER_HASH)),
    ("receipt_block", put("receipts/2/blockNumber", "0x28")),
    ("receipt_parties", put("receipts/2/from", OTHER_ADDRESS)),
    ("receipt_parties", put("receipts/2/to", None)),
    ("receipt_type", put("receipts/2/type", "0x2")),
    ("receipt_outcome", drop_status),
    ("receipt_gas", put("receipts/2/gasUsed", "0x1")),
    ("receipt_gas", put("receipts/2/cumulativeGasUsed", "0x1")),
    ("gas_used", use_more_gas_at_last),
    ("malformed", put("receipts/2/gasUsed", "many")),
    ("log_index", put("receipts/1/logs/0/logIndex", "0x9")),
    ("log_transaction", put("receipts/1/logs/0/transactionIndex", "0x0")),
    ("log_transaction", put("receipts/1/logs/0/transactionHash", OTHER_HASH)),
    ("log_block", put("receipts/1/logs/0/blockHash", OTHER_HASH)),
    ("log_block", put("receipts/1/logs/0/blockNumber", "0x28")),
    ("log_removed", put("receipts/1/logs/0/removed", True)),
    ("logs_bloom", put("receipts/1/logs/0/address", OTHER_ADDRESS)),
    ("logs_bloom", put("receipts/1/logs/1/topics/0", OTHER_HASH)),
    ("logs_bloom", drop_logs_of_all),
    ("logs_bloom", drop_last_log),
    ("malformed", put("receipts/1/logs/1/topics/0", "0x1234")),
]

# The light check has no means to see these.
LIES_ONLY_FULL_SEES: list[tuple[str, Lie]] = [
    ("transaction_hash", put("block/transactions/3/value", "0x6")),
    ("transaction_hash", put("block/transactions/3/input", "0x")),
    ("transaction_hash", put("block/transactions/4/blobVersionedHashes", [OTHER_HASH])),
    ("transaction_hash", put("block/transactions/5/authorizationList/0/nonce", "0x4")),
    ("transaction_hash", put("block/transactions/3/accessList", [])),
    ("receipts_root", put("receipts/1/logs/1/data", "0x77")),
    ("receipts_root", put("receipts/0/status", "0x0")),
    ("withdrawals_root", put("block/withdrawals/0/amount", "0x1")),
    ("contract_address", put("receipts/6/contractAddress", OTHER_ADDRESS)),
    ("contract_address", put("receipts/6/contractAddress", None)),
    ("contract_address", put("receipts/0/contractAddress", OTHER_ADDRESS)),
    ("effective_gas_price", put("receipts/3/effectiveGasPrice", "0x1")),
    ("malformed", put("block/transactions/3/input", "0xabc")),
    ("malformed", put("block/transactions/3/maxFeePerGas", None)),
]


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("consensus", [Consensus.QBFT, Consensus.CLIQUE, Consensus.ETHEREUM])
def test_check_block_of_a_true_block_passes(consensus: Consensus, full: bool) -> None:
    block = devnet_block(consensus)
    assert check((block_answer(block), receipts_answer(block)), full=full) is consensus


@pytest.mark.parametrize("consensus", [Consensus.QBFT, Consensus.CLIQUE, Consensus.ETHEREUM])
def test_check_block_of_genesis_passes(consensus: Consensus) -> None:
    block = devnet_block(consensus, number=0)
    check((block_answer(block), receipts_answer(block)), full=True)


@pytest.mark.parametrize("full", [False, True])
def test_check_block_of_every_type_passes(truth: Answers, full: bool) -> None:
    check(truth, full=full)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(("kind", "lie"), LIES, ids=[f"{kind}-{i}" for i, (kind, _) in enumerate(LIES)])
def test_check_block_of_a_lie_names_it(truth: Answers, kind: str, lie: Lie, full: bool) -> None:
    assert kind_of(truth, lie, full=full) == kind


@pytest.mark.parametrize(
    ("kind", "lie"),
    LIES_ONLY_FULL_SEES,
    ids=[f"{kind}-{i}" for i, (kind, _) in enumerate(LIES_ONLY_FULL_SEES)],
)
def test_check_block_in_full_names_what_light_cannot_see(truth: Answers, kind: str, lie: Lie) -> None:
    block, receipts = copy.deepcopy(truth)
    lie(block, receipts)
    check((block, receipts))
    assert kind_of(truth, lie, full=True) == kind


def test_check_block_full_of_a_foreign_sender_says_who_signed(truth: Answers) -> None:
    def lie(block: Json, receipts: list[Json]) -> None:
        block["transactions"][3]["from"] = receipts[3]["from"] = OTHER_ADDRESS

    assert kind_of(truth, lie, full=True) == "sender"


def test_check_block_full_of_a_whole_forged_transaction_fails_at_the_root(truth: Answers) -> None:
    """A transaction that is right in itself, but not the one the header commits to."""

    def lie(block: Json, receipts: list[Json]) -> None:
        # Transactions 0 and 1 differ only in signature and nonce: exchange them whole.
        first, second = block["transactions"][0], block["transactions"][1]
        block["transactions"][0] = {**second, "transactionIndex": "0x0"}
        block["transactions"][1] = {**first, "transactionIndex": "0x1"}
        for receipt, transaction in zip(receipts, block["transactions"], strict=True):
            receipt["transactionHash"] = transaction["hash"]
            for log in receipt["logs"]:
                log["transactionHash"] = transaction["hash"]

    assert kind_of(truth, lie, full=True) == "transactions_root"


def test_check_block_of_random_damage_never_passes_in_full(truth: Answers) -> None:
    """Whatever hex text of the answer is changed, the full check sees it, unless nothing depends on it."""
    free = {"size", "gasPrice", "logsBloom", "revertReason", "blobGasPrice", "blobGasUsed", "blockTimestamp"}
    free |= {"yParity", "v"}  # said twice: y parity wins
    dice = random.Random(20261120)
    for _ in range(400):
        block, receipts = copy.deepcopy(truth)
        place, name = _random_text({"block": block, "receipts": receipts}, dice)
        if name in free and not (name == "logsBloom" and place is block):
            continue
        text: str = place[name]
        position = dice.randrange(2, len(text)) if len(text) > 2 else 2
        changed = text[:position] + dice.choice("0123456789abcdefg") + text[position + 1 :]
        if changed == text:
            continue
        place[name] = changed
        with pytest.raises(NodeInconsistent):
            check((block, receipts), full=True)


def _random_text(place: Any, dice: random.Random) -> tuple[Any, Any]:
    """A container inside `place` and the key or index of a text in it."""
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        keys = [
            key
            for key in keys
            if isinstance(place[key], str) or (isinstance(place[key], dict | list) and place[key])
        ]
        key = dice.choice(keys)
        if isinstance(place[key], str):
            return place, key
        place = place[key]


def test_check_block_of_an_unknown_type_reports_what_it_cannot_verify(truth: Answers) -> None:
    block, receipts = copy.deepcopy(truth)
    block["transactions"][2]["type"] = receipts[2]["type"] = "0x7e"
    check((block, receipts), full=True)
    wire = msgspec.json.decode(msgspec.json.encode(block), type=WireBlock)
    assert unverifiable_parts(wire) == ("transactions_root", "receipts_root")


def test_check_block_of_an_unknown_type_still_checks_its_neighbours(truth: Answers) -> None:
    block, receipts = copy.deepcopy(truth)
    block["transactions"][2]["type"] = receipts[2]["type"] = "0x7e"

    def lie(block: Json, _: list[Json]) -> None:
        block["transactions"][3]["value"] = "0x6"

    assert kind_of((block, receipts), lie, full=True) == "transaction_hash"


def test_unverifiable_parts_of_known_types_is_empty(truth: Answers) -> None:
    wire = msgspec.json.decode(msgspec.json.encode(truth[0]), type=WireBlock)
    assert unverifiable_parts(wire) == ()


def test_check_block_since_eip7778_lets_gas_used_fall_below_the_cumulative_sum() -> None:
    """Refunds no longer lower the cumulative sum; the block access list's hash marks that fork."""
    source = mixed_block()
    block, receipts = block_answer(source), receipts_answer(source)
    header = replace(source.header, block_access_list_hash=bytes(32))
    block_hash = "0x" + header_hash(header, Consensus.ETHEREUM).hex()
    block |= {"balHash": "0x" + "00" * 32, "hash": block_hash}
    for part in (*block["transactions"], *receipts, *(log for one in receipts for log in one["logs"])):
        part["blockHash"] = block_hash
    receipts[1]["gasUsed"] = "0x1"
    check((block, receipts), full=True)


def test_check_header_of_another_rule_is_refused() -> None:
    """A QBFT header hashed as it stands, seals and all, is not the block's hash (FACTS 7)."""
    source = devnet_block(Consensus.QBFT)
    wire = msgspec.convert(block_answer(source), WireBlock)
    header, consensus = check_header(wire)
    assert (header, consensus) == (source.header, Consensus.QBFT)
    wire.hash = "0x" + header_hash(source.header, Consensus.ETHEREUM).hex()
    with pytest.raises(NodeInconsistent) as caught:
        check_header(wire)
    assert caught.value.inconsistency == "header_hash"
