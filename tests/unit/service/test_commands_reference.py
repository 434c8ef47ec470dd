"""Tables in pages are written anew, each at its own place."""

import pytest

from service.commands.reference import renewed

PAGE = "before\n<!-- settings -->\nold\n<!-- /settings -->\nafter\n"


def test_table_is_written_anew_and_the_rest_stays() -> None:
    page = renewed(PAGE, {"settings": "new\n"})
    assert page == "before\n<!-- settings -->\nnew\n<!-- /settings -->\nafter\n"


def test_renewed_page_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="no place"):
        renewed(PAGE, {"metrics": "new\n"})
