from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from write_api.inputs.errors import InvalidInput
from write_api.inputs.json_objects import parse


def _nested(depth: int) -> dict[str, Any]:
    made: Any = 1
    for place in range(depth):
        made = {"a": made} if place % 2 == 0 or place == depth - 1 else [made]
    assert isinstance(made, dict)
    return made


def test_an_object_at_its_bounds_is_kept() -> None:
    exact = {"a": "x" * 92}
    assert len(msgspec.json.encode(exact)) == 100
    assert parse(exact, bytes_max=100) is exact
    assert parse(_nested(15), bytes_max=1_000) == _nested(15)


@pytest.mark.parametrize(
    "wrong",
    [{"a": "x" * 93}, {"a": "\0"}, {"\0": 1}, {"a": [{"b": "x\0y"}]}, {"a": "\ud800"}, {"a": "\u00e9" * 47}],
)
def test_what_is_too_long_or_not_storable_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        parse(wrong, bytes_max=100)


@pytest.mark.parametrize("depth", [16, 17, 400])
def test_what_is_too_deep_is_refused(depth: int) -> None:
    with pytest.raises(InvalidInput):
        parse(_nested(depth), bytes_max=100_000)


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abc"), _values, max_size=4))
def test_any_other_object_is_kept_as_it_is(given_: dict[str, Any]) -> None:
    assert parse(given_, bytes_max=1_000_000) is given_
