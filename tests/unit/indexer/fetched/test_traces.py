"""Traces in both formats: the same transfers, and nothing of a block that is not the one asked for."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.fetched.traces import (
    REVERTED_WITH_CALLER,
    InternalTransfer,
    Trace,
    TracedTransaction,
    TraceMalformed,
    from_call_tracer,
    from_trace_block,
)

HASH = bytes.fromhex("ab" * 32)
HASHES = [bytes.fromhex("01" * 32), bytes.fromhex("02" * 32)]
A, B, C, D = (bytes([digit]) * 20 for digit in (0xA1, 0xB2, 0xC3, 0xD4))


def hexed(data: bytes) -> str:
    return "0x" + data.hex()


def parity(position: int, place: list[int], type_: str = "call", **more: Any) -> dict[str, Any]:
    """One trace as Besu answers it."""
    action = {
        "from": hexed(A),
        "to": hexed(B),
        "value": "0x0",
        "gas": "0x1",
        "callType": "call",
        "input": "0x",
    }
    trace = {
        "type": type_,
        "action": action | more.pop("action", {}),
        "result": {"gasUsed": "0x5208", "output": "0x"},
        "traceAddress": place,
        "subtraces": 0,
        "transactionPosition": position,
        "transactionHash": hexed(HASHES[position]),
        "blockHash": hexed(HASH),
        "blockNumber": 7,
    }
    return trace | more


REWARD: dict[str, Any] = {
    "type": "reward",
    "action": {"author": hexed(A), "rewardType": "block", "value": "0x0"},
    "result": None,
    "traceAddress": [],
    "subtraces": 0,
    "blockHash": hexed(HASH),
    "blockNumber": 7,
    "transactionHash": None,
    "transactionPosition": None,
}
PARITY = [
    parity(0, [], action={"value": "0x9"}),
    parity(0, [0], action={"value": "0x5", "from": hexed(B), "to": hexed(C)}),
    parity(0, [1], action={"callType": "delegatecall", "value": "0x9"}),
    parity(
        0,
        [1, 0],
        "create",
        action={"from": hexed(B), "value": "0x0"},
        result={"gasUsed": "0x10", "address": hexed(D)},
    ),
    parity(1, [], error="Reverted", result=None),
    parity(1, [0], action={"value": "0x3"}),
    parity(
        1,
        [1],
        "suicide",
        action={"address": hexed(C), "refundAddress": hexed(A), "balance": "0x4"},
        result=None,
    ),
    REWARD,
]
TRACED = [
    {
        "txHash": hexed(HASHES[0]),
        "result": {
            "type": "CALL", "from": hexed(A), "to": hexed(B), "value": "0x9", "gasUsed": "0x5208", "input": "0x",
            "calls": [
                {"type": "CALL", "from": hexed(B), "to": hexed(C), "value": "0x5", "gasUsed": "0x5208"},
                {
                    "type": "DELEGATECALL", "from": hexed(B), "to": hexed(C), "value": "0x9", "gasUsed": "0x1",
                    "calls": [{"type": "CREATE2", "from": hexed(B), "to": hexed(D), "value": "0x0", "gasUsed": "0x10"}],
                },
            ],
        },
    },
    {
        "txHash": hexed(HASHES[1]),
        "result": {
            "type": "CALL", "from": hexed(A), "to": hexed(B), "gasUsed": "0x1", "error": "execution reverted",
            "calls": [
                {"type": "CALL", "from": hexed(A), "to": hexed(B), "value": "0x3", "gasUsed": "0x5208"},
                {"type": "SELFDESTRUCT", "from": hexed(C), "to": hexed(A), "value": "0x4"},
            ],
        },
    },
]  # fmt: skip
EXPECTED = (
    InternalTransfer(0, (0,), "call", B, C, 5, 21000, None),
    InternalTransfer(0, (1, 0), "create", B, D, 0, 16, None),
    InternalTransfer(1, (0,), "call", A, B, 3, 21000, REVERTED_WITH_CALLER),
    InternalTransfer(1, (1,), "selfdestruct", C, A, 4, None, REVERTED_WITH_CALLER),
)


def traces(value: list[Any]) -> list[Trace]:
    return msgspec.json.decode(msgspec.json.encode(value), type=list[Trace])


def traced(value: list[Any]) -> list[TracedTransaction]:
    return msgspec.json.decode(msgspec.json.encode(value), type=list[TracedTransaction])


def test_both_formats_tell_of_the_same_transfers() -> None:
    assert from_trace_block(traces(PARITY), HASH, 2) == EXPECTED
    assert from_call_tracer(traced(TRACED), HASHES) == EXPECTED


def test_creation_that_failed_names_nobody_created() -> None:
    failed = parity(0, [0], "create", error="Out of gas", result=None)
    (transfer,) = from_trace_block(traces([parity(0, []), failed]), HASH, 1)
    assert (transfer.to_address, transfer.gas_used, transfer.error) == (None, None, "Out of gas")


@pytest.mark.parametrize(
    "wrong",
    [
        [parity(0, []), parity(0, [0], blockHash=hexed(HASHES[0]))],  # of another block
        [parity(0, [])],  # one of two transactions
        [parity(0, []), {**parity(1, []), "transactionPosition": 2}],
        [*PARITY, parity(0, [0], action={"value": "0x1"})],  # one place twice
        [parity(0, []), parity(1, []), parity(1, [0], action={"value": hex(2**256)})],
        [parity(0, []), parity(1, []), parity(1, [0], action={"value": "0x1", "to": "0x01"})],
        [parity(0, []), parity(1, []), parity(1, [0], action={"value": "one"})],
    ],
)
def test_trace_block_of_something_else_is_refused_whole(wrong: list[Any]) -> None:
    with pytest.raises(TraceMalformed):
        from_trace_block(traces(wrong), HASH, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        TRACED[:1],
        [TRACED[1], TRACED[0]],
        [TRACED[0], {"txHash": hexed(HASHES[1]), "error": "execution timeout"}],
    ],
)
def test_call_tracer_of_something_else_is_refused_whole(wrong: list[Any]) -> None:
    with pytest.raises(TraceMalformed):
        from_call_tracer(traced(wrong), HASHES)


_FRAMES = st.recursive(
    st.fixed_dictionaries({"type": st.sampled_from(["CALL", "STATICCALL", "CREATE", "SELFDESTRUCT"])}),
    lambda below: st.fixed_dictionaries(
        {"type": st.sampled_from(["CALL", "DELEGATECALL"]), "calls": st.lists(below, max_size=3)},
        optional={"error": st.just("reverted")},
    ),
    max_leaves=20,
)


@given(_FRAMES)
def test_transfers_of_any_tree_have_places_of_their_own_in_order(frame: dict[str, Any]) -> None:
    def filled(one: dict[str, Any]) -> dict[str, Any]:
        return (
            {"from": hexed(A), "to": hexed(B), "value": "0x1"}
            | one
            | {"calls": [filled(below) for below in one.get("calls", [])]}
        )

    found = from_call_tracer(traced([{"result": filled(frame)}]), HASHES[:1])
    places = [transfer.trace_address for transfer in found]
    assert places == sorted(places)
    assert len(set(places)) == len(places)
    assert () not in places
