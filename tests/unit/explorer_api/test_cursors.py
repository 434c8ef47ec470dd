"""Cursors come back as they were, and nothing else is taken for one."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer_api import cursors
from explorer_api.cursors import Cursor
from explorer_api.pages import PageRequest
from explorer_api.problems import CursorRetracted
from service.http.problems import CursorMalformed

NUMBERS = st.integers(0, 2**63 - 1)
CURSORS = st.builds(
    Cursor,
    keys=st.tuples(NUMBERS, st.text(max_size=80), NUMBERS),
    backward=st.booleans(),
    sequence=NUMBERS,
    block=st.none() | NUMBERS,
)
TYPES = (int, str, int)


@given(cursor=CURSORS, listing=st.text(max_size=200))
def test_cursor_comes_back_as_it_was(cursor: Cursor, listing: str) -> None:
    assert cursors.decode(cursors.encode(cursor, listing), listing, TYPES) == cursor


@given(cursor=CURSORS, place=st.integers(0, 400), character=st.characters(codec="ascii"))
def test_cursor_with_another_character_is_refused(cursor: Cursor, place: int, character: str) -> None:
    text = cursors.encode(cursor, "list")
    place %= len(text)
    edited = text[:place] + character + text[place + 1 :]
    with suppress(CursorMalformed):
        assert cursors.decode(edited, "list", TYPES) == cursor  # another spelling of the same bits


@given(text=st.text(max_size=600))
def test_any_text_is_a_clear_refusal(text: str) -> None:
    with pytest.raises(CursorMalformed):
        cursors.decode(text, "list", TYPES)


@given(cursor=CURSORS)
def test_cursor_of_another_list_or_version_is_refused(cursor: Cursor) -> None:
    text = cursors.encode(cursor, "one")
    with pytest.raises(CursorMalformed, match="another list"):
        cursors.decode(text, "two", TYPES)
    with pytest.raises(CursorMalformed, match="another version"):
        cursors.decode(text, "one", (int, int))


@given(block=st.integers(0, 100), ancestor=st.none() | st.integers(0, 100))
def test_page_goes_on_unless_a_reorg_went_below_where_it_ended(block: int, ancestor: int | None) -> None:
    cursor = Cursor((block,), False, sequence=7, block=block)
    request = PageRequest("list", 25, (int,), cursor)
    if ancestor is not None and ancestor < block:
        with pytest.raises(CursorRetracted) as refused:
            request.check(ancestor, sequence=9)
        assert refused.value.members["restart_block"] == ancestor
    else:
        request.check(ancestor, sequence=9)


def test_cursor_from_the_future_is_of_another_history() -> None:
    request = PageRequest("list", 25, (int,), Cursor((1,), False, sequence=8, block=1))
    with pytest.raises(CursorRetracted, match="history is another"):
        request.check(None, sequence=7)
