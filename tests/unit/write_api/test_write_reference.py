"""docs/write-api.md lists every setting and every metric of the write API."""

from pathlib import Path

from service.commands.reference import renewed
from write_api.reference import tables

PAGE = (Path(__file__).parents[3] / "docs" / "write-api.md").read_text(encoding="utf-8")


def test_generated_tables_are_those_of_the_code() -> None:
    assert renewed(PAGE, tables()) == PAGE, "run: python -m write_api.reference docs/write-api.md"
