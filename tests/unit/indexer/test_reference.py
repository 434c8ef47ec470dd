"""docs/operations.md says everything an operator may meet: settings, exit codes, metrics, alerts."""

import re
from pathlib import Path

import pytest
import yaml

from indexer.errors import EXIT_CODES
from indexer.metrics import IndexerMetrics
from indexer.reference import tables
from indexer.settings import IndexerSettings
from service.commands.reference import renewed
from service.settings import fields_of

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def test_operations_page_is_what_the_code_says() -> None:
    assert renewed(PAGE, tables()) == PAGE, "run: python -m indexer.reference docs/operations.md"


@pytest.mark.parametrize("key", [key for key, _ in fields_of(IndexerSettings)])
def test_operations_page_setting_is_documented(key: str) -> None:
    assert f"| `{key}` |" in PAGE


@pytest.mark.parametrize("code", EXIT_CODES)
def test_operations_page_exit_code_is_documented(code: int) -> None:
    assert PAGE.count(f"\n| {code} |") == (1 if code in (0, 130) else 2), (
        "its meaning, and what to do about it"
    )


def test_operations_page_every_metric_is_documented() -> None:
    families = [
        family.name for family in IndexerMetrics().registry.collect() if family.name.startswith("pend_")
    ]
    assert [name for name in families if not re.search(rf"\| `{name}(_total|_info)?` \|", PAGE)] == []


def test_operations_page_every_alert_is_documented() -> None:
    groups = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"]}
    assert alerts == set(re.findall(r"^\| (PendIndexer\w+) \|", PAGE, re.MULTILINE))


def test_tables_have_one_width_each() -> None:
    for table in tables().values():
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
