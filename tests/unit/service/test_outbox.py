"""The rules by which one row of the outbox follows another, under everything Redis and databases do to them."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from service.outbox import (
    Message,
    OutboxRow,
    Position,
    Verdict,
    decode,
    encode,
    judge,
    rows_after,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**256), 2**256) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ROWS = st.builds(
    OutboxRow,
    sequence=st.integers(1, 2**53),
    stamp=st.integers(0, 2**53),
    kind=st.sampled_from(["blocks", "reorg", "derived", "decoded", "token", "fetched"]),
    from_block=st.integers(0, 2**62),
    to_block=st.integers(0, 2**62),
    head_hash=st.none() | st.binary(min_size=32, max_size=32),
    payload=JSON,
)


def history(length: int, *, age: int = 0) -> list[OutboxRow]:
    """Rows 1 to `length`; those of another `age` were committed at other times."""
    return [
        OutboxRow(number, 10 * number + age, "blocks", number, number, None, None)
        for number in range(1, length + 1)
    ]


def told(rows: Sequence[OutboxRow]) -> list[Message]:
    stamps = [None, *(row.stamp for row in rows)]
    return [Message(row, follows) for row, follows in zip(rows, stamps, strict=False)]


@given(ROWS, st.none() | st.integers(0, 2**53))
def test_message_of_any_row_comes_back_as_it_was(row: OutboxRow, follows: int | None) -> None:
    assert decode(encode(Message(row, follows))) == Message(row, follows)


@given(st.binary() | st.builds(lambda fields: str(fields).encode(), JSON) | st.just(b'{"sequence":1}'))
def test_decode_of_what_no_relay_sent_is_none(data: bytes) -> None:
    assert decode(data) is None


@given(
    committed=st.integers(0, 40),
    start=st.integers(0, 40),
    heard=st.lists(st.tuples(st.integers(0, 39), st.integers(1, 40), st.booleans())),
    page_rows=st.integers(1, 5),
)
def test_reader_of_lost_doubled_and_shuffled_messages_takes_each_row_once_in_order(
    committed: int, start: int, heard: list[tuple[int, int, bool]], page_rows: int
) -> None:
    """Each message comes when so many rows are committed, perhaps without its predecessor's stamp."""
    rows = history(committed)
    messages = told(rows)
    position = Position(min(start, committed))
    first = position.sequence
    taken: list[OutboxRow] = []

    def ask(visible: int) -> None:
        nonlocal position
        page = [row for row in rows[:visible] if row.sequence >= position.sequence][: page_rows + 1]
        after = rows_after(position, page)
        assert after is not None, "nothing was pruned and history is the same"
        taken.extend(after)
        position = Position.of(page[-1]) if page else position

    for index, visible, forgets in heard:
        if index >= committed or visible > committed:
            continue
        message = replace(messages[index], follows=None) if forgets else messages[index]
        match judge(position, message):
            case Verdict.NEXT:
                taken.append(message.row)
                position = Position.of(message.row)
            case Verdict.ASK:
                ask(max(visible, index + 1, position.sequence))
        assert [row.sequence for row in taken] == list(range(first + 1, position.sequence + 1))
    while position.sequence < committed:
        ask(committed)
    assert taken == rows[first:]


@given(
    common=st.integers(0, 10),
    lost=st.integers(0, 10),
    again=st.integers(0, 20),
    heard=st.lists(st.integers(0, 29)),
)
def test_reader_of_a_history_that_was_replaced_never_takes_a_row_of_the_other(
    common: int, lost: int, again: int, heard: list[int]
) -> None:
    """The database lost `lost` rows and gave their numbers again: what the reader has not is not passed over."""
    before = history(common + lost)
    after = [*before[:common], *history(common + again, age=1)[common:]]
    messages = told(after)
    position = Position.of(before[-1]) if before else Position(0)
    for index in heard:
        if index < len(messages) and judge(position, messages[index]) is Verdict.NEXT:
            position = Position.of(messages[index].row)
            assert not lost, "a message of the other history was taken for the next row"
    page = [row for row in after if row.sequence >= position.sequence]
    assert (rows_after(position, page) is None) == bool(lost and (common + lost))


@given(length=st.integers(1, 30), pruned=st.integers(0, 29), at=st.integers(0, 30))
def test_rows_after_pruned_ones_are_refused_only_where_one_is_missing(
    length: int, pruned: int, at: int
) -> None:
    rows = history(length)[min(pruned, length - 1) :]
    position = Position(at)
    after = rows_after(position, [row for row in rows if row.sequence >= at])
    if rows[0].sequence - 1 <= at <= length:
        assert after is not None
        assert [row.sequence for row in after] == list(range(at + 1, length + 1))
    else:
        assert after is None


def test_judge_row_with_a_number_that_was_seen_and_another_stamp_asks_the_database() -> None:
    row = history(1)[0]
    assert judge(Position.of(row), Message(row, None)) is Verdict.SEEN
    assert judge(Position.of(row), Message(replace(row, stamp=0), None)) is Verdict.ASK
