"""Frames and events as libraries of others read them; rows in batches that a statement may read."""

import json

import pytest
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from explorer_api.stream.channels import channel_of
from explorer_api.stream.facts import SPAN_BLOCKS_MAX, batches
from explorer_api.stream.messages import Message, framed, news, note
from explorer_api.stream.refusal import Refusal
from explorer_api.stream.requests import Resume, request_of
from explorer_api.stream.sessions import asked_of
from explorer_api.stream.tellings import BLOCKS_MAX, is_range, of_payload, of_range
from service.http.problems import BadParameter
from service.outbox import OutboxRow

WALLET = "address:0x" + "5a" * 20
TOKEN = "token:0x" + "70" * 20


def row(sequence: int, first: int, last: int, kind: str = "blocks", payload: object = None) -> OutboxRow:
    return OutboxRow(sequence, 1_000 + sequence, kind, first, last, None, payload)


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_frame_is_read_by_another_implementation(length: int) -> None:
    reader = StreamReader()
    reader.feed_data(framed(0x81, b"x" * length))
    parsing = Frame.parse(reader.read_exact, mask=False, max_size=None, extensions=[])
    with pytest.raises(StopIteration) as end:
        next(parsing)
    frame = end.value.value
    assert (frame.opcode, frame.fin, bytes(frame.data)) == (Opcode.TEXT, True, b"x" * length)


def test_message_is_encoded_once_for_all() -> None:
    message = news("blocks", 7, 70, b'{"blocks":[]}')
    assert message.frame is message.frame
    assert message.event("7") is message.event("7")
    head, _, event = message.event("7.2").partition(b"\r\n")
    assert int(head, 16) == len(event) - 2
    assert event.startswith(b"id: 7.2\ndata: {")
    assert json.loads(message.body) == {
        "type": "blocks",
        "channel": "blocks",
        "sequence": 7,
        "stamp": 70,
        "data": {"blocks": []},
    }
    assert json.loads(note("pong", 9, ping="x").body) == {"type": "pong", "sequence": 9, "ping": "x"}
    assert Message(1, b"{}").channel is None


def test_rows_are_read_together_while_they_are_near_and_few() -> None:
    near = [row(number, number, number) for number in range(1, 11)]
    assert list(batches(near)) == [near]
    far = [row(1, 0, 9), row(2, SPAN_BLOCKS_MAX + 1, SPAN_BLOCKS_MAX + 1), row(3, 0, 0)]
    assert [len(batch) for batch in batches(far)] == [1, 1, 1]
    wide = [row(1, 0, BLOCKS_MAX - 1), row(2, BLOCKS_MAX, BLOCKS_MAX)]
    assert [len(batch) for batch in batches(wide)] == [1, 1]
    # What is not read from the blocks does not count, wherever it lies.
    mixed = [row(1, 5, 5), row(2, 0, 10**9, "derived"), row(3, 10**6, 10**6 + BLOCKS_MAX), row(4, 6, 6)]
    assert [list(batch) for batch in batches(mixed)] == [mixed]
    assert list(batches([])) == []


def test_many_blocks_at_once_are_told_as_a_range() -> None:
    many = row(4, 100, 10_099, payload={"transactions": 200_000, "logs": 280_000})
    assert is_range(many)
    assert not is_range(row(4, 100, 100 + BLOCKS_MAX - 1))
    told = {
        name: json.loads(data) for name, data in of_range(many, ["blocks", "transactions", WALLET, TOKEN])
    }
    where = {"from_block": 100, "to_block": 10_099}
    assert told == {
        "blocks": {**where, "transaction_count": 200_000, "log_count": 280_000, "blocks": None},
        "transactions": {**where, "transaction_count": 200_000, "transactions": None, "more": True},
        WALLET: {"change": "range", **where, "transactions": None, "token_transfers": None, "more": True},
        TOKEN: {"change": "range", **where, "token_transfers": None, "more": True},
    }


@pytest.mark.parametrize(
    ("kind", "payload", "change"),
    [
        ("fetched", {"fetched": "native_balances", "addresses": [WALLET[8:]]}, {WALLET: "native_balances"}),
        ("fetched", {"fetched": "internal_transfers"}, {}),
        ("token", {"token": TOKEN[6:], "symbol": "T"}, {TOKEN: "token_metadata"}),
        ("decoded", {"abi": "a", "id": 1, "change": "added", "address": WALLET[8:]}, {WALLET: "abi"}),
        ("decoded", {"abi": "a", "id": 1, "change": "added", "address": None}, {}),
        ("decoded", {"redecode": 3}, {}),
        ("derived", None, {}),
    ],
)
def test_what_changes_beside_blocks_is_told_to_whom_it_concerns(
    kind: str, payload: object, change: dict[str, str]
) -> None:
    told = of_payload(row(5, 9, 9, kind, payload), [WALLET, TOKEN])
    assert {name: json.loads(data)["change"] for name, data in told} == change


def test_channels_have_one_spelling() -> None:
    upper = "token:0x" + ("ab" * 20).upper()
    assert channel_of(upper) == "token:0x" + "ab" * 20
    assert channel_of("blocks") == "blocks"
    for name in (
        "",
        "Blocks",
        "address",
        "address:",
        "address:" + "ab" * 20,
        "blocks:1",
        "wallet:0x" + "ab" * 20,
    ):
        with pytest.raises(Refusal) as refused:
            channel_of(name)
        assert refused.value.error == "unknown_channel"


def test_positions_of_a_resume_are_by_channel() -> None:
    both = request_of('{"resume":{"positions":{"blocks":3,"transactions":2}}}').resume
    one = request_of('{"resume":{"sequence":3,"channels":["blocks","reorgs"],"stamp":5}}').resume
    assert isinstance(both, Resume)
    assert isinstance(one, Resume)
    assert both.by_channel() == {"blocks": 3, "transactions": 2}
    assert one.by_channel() == {"blocks": 3, "reorgs": 3}


def test_events_begin_where_the_last_one_was_cut() -> None:
    query = b"channels=blocks,transactions,reorgs&sequence=4"
    assert asked_of(query, None, 10).positions() == {"blocks": 4, "transactions": 4, "reorgs": 4}
    # What a browser adds by itself is newer than what its page had written into the address.
    assert asked_of(query, b"9", 10).positions() == {"blocks": 9, "transactions": 9, "reorgs": 9}
    assert asked_of(query, b"9.2", 10).positions() == {"blocks": 9, "transactions": 9, "reorgs": 8}
    assert asked_of(b"channels=blocks", None, 10).sequence is None
    with pytest.raises(BadParameter):
        asked_of(query, None, 2)
