"""Writes the tables of docs/api.md from the code: settings, metrics.

`python -m explorer_api.reference docs/api.md` renews them in place; a test fails when they are stale.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from explorer_api.metrics import HttpMetrics
from explorer_api.settings import ExplorerSettings
from service.settings import fields_of, shown
from service.settings_faults import allowed

_SUFFIX = {"counter": "_total"}


def tables() -> dict[str, str]:
    """Every generated table by the name of its place in the page."""
    return {"settings": _settings(), "metrics": _metrics()}


def renewed(page: str) -> str:
    """`page` with each table between its `<!-- name -->` and `<!-- /name -->` written anew."""
    for name, table in tables().items():
        before, begin, rest = page.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        if not begin or not end:
            raise ValueError(
                f"the page has no place for this table: add <!-- {name} --> and <!-- /{name} -->"
            )
        page = f"{before}{begin}{table}{end}{after}"
    return page


def _settings() -> str:
    rows = []
    for key, field in fields_of(ExplorerSettings):
        default = "required" if field.is_required() else f"`{shown(field.default)}`"
        rows.append((f"`{key}`", default, _cell(allowed(field)), _cell(field.description or "")))
    return _table(("key", "default", "allowed", "meaning"), rows)


def _metrics() -> str:
    families = [family for family in HttpMetrics().registry.collect() if family.name.startswith("pend_")]
    rows = [
        (f"`{family.name}{_SUFFIX.get(family.type, '')}`", family.type, _cell(family.documentation))
        for family in families
    ]
    return _table(("name", "type", "meaning"), sorted(rows))


def _cell(words: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", words)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
