from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from write_api.storage.errors import KeyRefused
from write_api.storage.keys import checked, document_key


@given(st.uuids())
def test_document_lies_under_a_key_of_ours(document_id: UUID) -> None:
    key = document_key(document_id)
    assert checked(key) == key
    assert UUID(key.rpartition("/")[2]) == document_id


@pytest.mark.parametrize(
    "key",
    ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "../a", "a/.", "a\\b", "a%2fb", "a\0", "a\n", "a.b", "A",
     "a b", "ä", "a#1", "x" * 65, "/".join("a" * 9)],
)  # fmt: skip
def test_key_with_a_trick_in_it_is_refused(key: str) -> None:
    with pytest.raises(KeyRefused, match="names of a-z, 0-9, _ and - between single slashes"):
        checked(key)
