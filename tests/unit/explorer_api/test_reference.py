"""docs/api.md lists every setting and every metric of the explorer."""

import re
from pathlib import Path

import pytest

from explorer_api.metrics import GAUGES, explorer_metrics
from explorer_api.reference import tables
from explorer_api.settings import ExplorerSettings
from service.commands.reference import renewed
from service.settings import fields_of

PAGE = (Path(__file__).parents[3] / "docs" / "api.md").read_text(encoding="utf-8")


def test_api_page_is_what_the_code_says() -> None:
    assert renewed(PAGE, tables()) == PAGE, "run: python -m explorer_api.reference docs/api.md"


@pytest.mark.parametrize("key", [key for key, _ in fields_of(ExplorerSettings)])
def test_api_page_setting_is_documented(key: str) -> None:
    assert PAGE.count(f"| `{key}` |") == 1


def test_api_page_every_metric_is_documented() -> None:
    families = [
        family.name for family in explorer_metrics().registry.collect() if family.name.startswith("pend_")
    ]
    assert set(GAUGES) < set(families)
    assert [name for name in families if not re.search(rf"\| `{name}(_total)?` \|", PAGE)] == []


def test_tables_have_one_width_each() -> None:
    for table in tables().values():
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
