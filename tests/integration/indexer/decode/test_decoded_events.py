"""Events and calls of every shape, from stored facts into rows, and back again on a reorg."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from evm.abi.entries import CustomError
from evm.abi.reading import read_abi
from evm.abi.reverts import ERROR, PANIC
from evm.primitives import keccak256
from indexer.decode import decoding
from tests.integration.indexer.decode.facts import (
    Chain,
    Log,
    Transaction,
    abi_of,
    address,
    call,
    candidate,
    chain,
    event,
    log,
    register,
    text,
)

TRANSFER = event("Transfer(address indexed from,address indexed to,uint256 value)")
PING = event("Ping(uint256 n)")
CONTRACT = address(0xC0)


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


@pytest.fixture
async def made(embedded_database: str) -> AsyncIterator[Chain]:
    async with chain(embedded_database) as opened:
        yield opened


async def test_event_of_a_built_in_abi_is_decoded_exactly(made: Chain) -> None:
    await made.put({0: [Transaction(logs=[log(CONTRACT, TRANSFER, text(1), text(2), 2**256 - 1)])]})
    assert await made.events() == [
        (0, 0, "erc20", "Transfer", {"from": text(1), "to": text(2), "value": str(2**256 - 1)})
    ]
    signature, where = await made.connection.fetchrow(  # type: ignore[misc]
        "SELECT signature, address FROM chain.decoded_events"
    )
    assert (signature, where) == ("Transfer(address,address,uint256)", CONTRACT)


async def test_event_of_a_pool_is_decoded_by_the_abi_that_ships(made: Chain) -> None:
    invested = event("Invested(address indexed investor,uint256 amount)")
    await made.put({0: [Transaction(logs=[log(CONTRACT, invested, text(7), 5)])]})
    assert await made.events() == [(0, 0, "pend_pool", "Invested", {"investor": text(7), "amount": "5"})]


async def test_log_that_no_abi_knows_is_counted_by_its_topic(made: Chain) -> None:
    logs = [Log(CONTRACT, [PING.topic0], bytes(32)), Log(CONTRACT, [PING.topic0]), Log(CONTRACT)]
    await made.put({0: [Transaction(logs=logs)], 1: [Transaction(logs=logs[:1])]})
    assert await made.events() == []
    assert await made.unknown() == {PING.topic0: 3, b"": 1}
    await made.revert(0)
    assert await made.unknown() == {PING.topic0: 2, b"": 1}


async def test_topic_is_forgotten_when_its_last_unknown_log_is_reverted(made: Chain) -> None:
    await made.put({0: [], 1: [Transaction(logs=[Log(CONTRACT, [PING.topic0])])]})
    await made.revert(0)
    assert await made.unknown() == {}


async def test_abi_reads_blocks_derived_after_it_was_added_and_not_those_before(
    made: Chain, tmp_path: Path
) -> None:
    ping = log(CONTRACT, PING, 1)
    await made.put({0: [Transaction(logs=[ping])]})
    added = await register(made, candidate(tmp_path, "pinger", abi_of(PING)))
    assert (added.change, added.in_force_from, added.older) == ("added", 1, (0, 0))
    await made.put({1: [Transaction(logs=[ping])]})
    assert await made.names() == [(1, 0, "pinger", "Ping")]
    assert await made.unknown() == {PING.topic0: 1}
    assert await made.differences() == []


async def test_abi_of_one_contract_reads_no_other(made: Chain, tmp_path: Path) -> None:
    await register(made, candidate(tmp_path, "pinger", abi_of(PING), address="0x" + CONTRACT.hex()))
    await made.put({0: [Transaction(logs=[log(CONTRACT, PING, 1), log(address(9), PING, 2)])]})
    assert await made.names() == [(0, 0, "pinger", "Ping")]
    assert await made.unknown() == {PING.topic0: 1}


async def test_blocks_below_from_block_are_never_read(made: Chain, tmp_path: Path) -> None:
    given = candidate(tmp_path, "pinger", abi_of(PING), from_block=2)
    await register(made, given)
    await made.put({n: [Transaction(logs=[log(CONTRACT, PING, n)])] for n in range(4)})
    assert [row[0] for row in await made.names()] == [2, 3]
    assert await made.differences() == []


async def test_newest_of_two_abis_counts_until_it_is_removed(made: Chain, tmp_path: Path) -> None:
    other = event("Ping(uint256 number)")
    ping = [Transaction(logs=[log(CONTRACT, PING, 1)])]
    await register(made, candidate(tmp_path, "first", abi_of(PING)))
    await register(made, candidate(tmp_path, "second", abi_of(other)))
    await made.put({0: ping})
    await made.connection.execute(
        "UPDATE chain.contract_abis SET removed_version = chain.raise_abi_version() WHERE name = 'second'"
    )
    await made.put({1: ping})
    assert await made.events() == [
        (0, 0, "second", "Ping", {"number": "1"}),
        (1, 0, "first", "Ping", {"n": "1"}),
    ]
    assert await made.differences() == []


async def test_log_whose_bytes_do_not_fit_is_kept_with_the_reason(made: Chain) -> None:
    dirty = b"\xff" * 32
    await made.put(
        {
            0: [
                Transaction(
                    logs=[
                        Log(CONTRACT, [TRANSFER.topic0, dirty, bytes(32)], bytes(32)),
                        Log(CONTRACT, [TRANSFER.topic0, bytes(32), bytes(32)], bytes(31)),
                    ]
                )
            ]
        }
    )
    assert await made.events() == [
        (0, 0, "erc20", "Transfer", "from: bytes beside the value are not zero"),
        (0, 1, "erc20", "Transfer", "the data ends before the value does"),
    ]


async def test_data_from_outside_never_stops_decoding(made: Chain, tmp_path: Path) -> None:
    note = event("Note(string text,uint256[] values,bytes raw)")
    await register(made, candidate(tmp_path, "notes", abi_of(note)))
    huge = word(2**255)
    logs = [
        Log(CONTRACT, [note.topic0], data)
        for data in (
            b"",
            huge * 3,
            word(96) + word(96) + word(96) + huge,
            word(96) * 3 + word(3) + b"\xff\0\xfe",
        )
    ]
    logs.append(log(CONTRACT, note, "a\0b", [2**256 - 1], b"\0\1"))
    await made.put({0: [Transaction(logs=logs)]})
    reasons = [row[4] for row in await made.events()]
    assert all(isinstance(reason, str) for reason in reasons[:4])
    assert reasons[4] == {"text": {"hex": "0x610062"}, "values": [str(2**256 - 1)], "raw": "0x0001"}


async def test_long_data_is_read_alone_and_too_long_data_not_at_all(made: Chain, tmp_path: Path) -> None:
    blob = event("Blob(bytes raw)")
    await register(made, candidate(tmp_path, "blobs", abi_of(blob)))
    long, longer = b"\1" * (decoding.SHORT_BYTES_MAX + 1), b"\2" * (decoding.DATA_BYTES_MAX + 1)
    await made.put({0: [Transaction(logs=[log(CONTRACT, blob, long), log(CONTRACT, blob, longer)])]})
    first, second = await made.events()
    assert first[4] == {"raw": "0x" + long.hex()}
    assert second[4] == (
        f"the data is {len(longer) + 64 + 31 - (len(longer) - 1) % 32} bytes long; "
        f"at most {decoding.DATA_BYTES_MAX} are decoded"
    )
    assert await made.differences() == []


async def test_anonymous_event_is_read_at_its_contract_alone(made: Chain, tmp_path: Path) -> None:
    (spoken,) = read_abi(
        json.dumps(
            [{"type": "event", "name": "Said", "anonymous": True,
              "inputs": [{"name": "who", "type": "address", "indexed": True}]}]
        )
    ).events  # fmt: skip
    await register(made, candidate(tmp_path, "said", abi_of(spoken), address="0x" + CONTRACT.hex()))
    said = log(CONTRACT, spoken, text(3))
    await made.put({0: [Transaction(logs=[said, Log(address(9), said.topics, said.data)])]})
    assert await made.events() == [(0, 0, "said", "Said", {"who": text(3)})]
    assert await made.differences() == []


async def test_calls_are_decoded_with_their_errors(made: Chain, tmp_path: Path) -> None:
    entries = [
        {"type": "function", "name": "poke", "inputs": [{"name": "how", "type": "string"}], "outputs": []},
        {"type": "error", "name": "Poked", "inputs": [{"name": "by", "type": "address"}]},
    ]
    abi = read_abi(json.dumps(entries))
    await register(made, candidate(tmp_path, "poker", entries, address="0x" + CONTRACT.hex()))
    poke = call(abi.functions[0], "hard")
    told = ERROR.error.selector + bytes.fromhex(f"{32:064x}{3:064x}") + b"no!".ljust(32, b"\0")
    panic = PANIC.error.selector + (0x11).to_bytes(32, "big")
    custom = abi.errors[0].selector + bytes(12) + address(5)
    failed = {"status": 0, "to": CONTRACT}
    await made.put(
        {
            0: [
                Transaction(to=CONTRACT, input=poke),
                Transaction(input=poke, revert_reason=told, **failed),  # type: ignore[arg-type]
                Transaction(input=poke[:40], revert_reason=panic, **failed),  # type: ignore[arg-type]
                Transaction(input=b"\1\2\3\4", revert_reason=custom, **failed),  # type: ignore[arg-type]
                Transaction(input=b"\1\2\3\4", revert_reason=b"\5\6\7\x08", **failed),  # type: ignore[arg-type]
                Transaction(to=None, status=0, input=b"\1" * 99, revert_reason=told),
                Transaction(to=address(9), input=poke),
                Transaction(status=None, to=CONTRACT),
            ]
        }
    )
    calls = {row["transaction_index"]: row for row in await made.calls()}
    assert sorted(calls) == [0, 1, 2, 3, 5]
    assert (calls[0]["abi"], calls[0]["name"], calls[0]["signature"]) == ("poker", "poke", "poke(string)")
    assert json.loads(calls[0]["arguments"]) == {"how": "hard"}
    assert (calls[1]["error_name"], calls[1]["error_reason"]) == ("Error", "no!")
    assert (calls[2]["undecodable"], calls[2]["error_reason"]) == (
        "how: its offset points outside the data",
        "arithmetic overflow or underflow",
    )
    assert (calls[3]["name"], calls[3]["error_signature"]) == (None, "Poked(address)")
    assert json.loads(calls[3]["error_arguments"]) == {"by": text(5)}
    assert (calls[5]["address"], calls[5]["error_reason"]) == (None, "no!")
    assert await made.differences() == []
    await made.revert(-1)
    assert await made.calls() == []


async def test_error_that_is_malformed_is_told(made: Chain) -> None:
    short = CustomError("Error", ERROR.error.inputs).selector + bytes(31)
    await made.put({0: [Transaction(status=0, revert_reason=short)]})
    (row,) = await made.calls()
    assert (row["error_name"], row["error_undecodable"]) == ("Error", "the data ends before the value does")


async def test_long_input_is_read_alone(made: Chain, tmp_path: Path) -> None:
    entries = [
        {"type": "function", "name": "store", "inputs": [{"name": "raw", "type": "bytes"}], "outputs": []}
    ]
    await register(made, candidate(tmp_path, "storing", entries))
    function = read_abi(json.dumps(entries)).functions[0]
    long, longer = b"\1" * (decoding.SHORT_BYTES_MAX + 1), b"\2" * (decoding.DATA_BYTES_MAX + 1)
    await made.put({0: [Transaction(input=call(function, raw)) for raw in (long, longer)]})
    first, second = await made.calls()
    assert json.loads(first["arguments"]) == {"raw": "0x" + long.hex()}
    assert second["arguments"] is None
    assert f"at most {decoding.DATA_BYTES_MAX} are decoded" in second["undecodable"]


async def test_many_logs_are_read_in_slices(made: Chain) -> None:
    transfers = [log(CONTRACT, TRANSFER, text(1), text(2), n) for n in range(700)]
    unknown = [Log(CONTRACT, [keccak256(b"nobody")])] * 300
    await made.store({n: [Transaction(logs=[*transfers, *unknown])] for n in range(5)})
    await made.derive()
    assert [row[4]["value"] for row in await made.events()] == [str(n) for n in range(700)] * 5
    assert await made.unknown() == {keccak256(b"nobody"): 1500}
    assert await made.differences(rows_per_range=1500) == []
