"""Pages that say which test shows something name tests that exist, and show something for every promise."""

import re
from pathlib import Path

import pytest

from tests.named_tests import ROOT, exists, named_in

LESSONS = ROOT / "docs" / "lessons.md"
PAGES = sorted((ROOT / "docs").rglob("*.md"))
COMPLAINTS = 25


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_names_tests_that_exist(page: Path) -> None:
    assert [name for name in named_in(page) if not exists(name)] == []


def test_lessons_page_has_every_complaint_once_with_a_test_or_what_is_missing() -> None:
    rows = re.findall(r"^\| ([^|]+) \| (.*) \|$", LESSONS.read_text(encoding="utf-8"), re.MULTILINE)
    rows = [row for row in rows if row[0][0].isdigit()]
    assert [number for number, _ in rows[:COMPLAINTS]] == [str(number) for number in range(1, COMPLAINTS + 1)]
    assert [
        row for _, row in rows if "`test_" not in row and "/test_" not in row and "ot built yet" not in row
    ] == []


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("tests/unit/test_named_tests.py", True),
        ("test_named_tests.py::test_name_is_found_by_the_end_of_its_path", True),
        ("unit/test_named_tests.py::test_of_nothing", False),
        ("test_of_nothing.py", False),
        ("test_chain.py", False),
    ],
    ids=["whole path", "file and test", "no such test", "no such file", "two such files"],
)
def test_name_is_found_by_the_end_of_its_path(name: str, there: bool) -> None:
    assert exists(name) is there
