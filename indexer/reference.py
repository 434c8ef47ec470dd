"""Writes the tables of docs/operations.md from the code: settings, exit codes, metrics.

`python -m indexer.reference docs/operations.md` renews them in place; a test fails when they are stale.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from indexer.errors import EXIT_CODES
from indexer.metrics import IndexerMetrics
from indexer.settings import IndexerSettings
from service.settings import fields_of, shown
from service.settings_faults import allowed

_SUFFIX = {"counter": "_total", "info": "_info"}


def tables() -> dict[str, str]:
    """Every generated table by the name of its place in the page."""
    return {"settings": _settings(), "exit-codes": _exit_codes(), "metrics": _metrics()}


def renewed(page: str) -> str:
    """`page` with each table between its `<!-- name -->` and `<!-- /name -->` written anew."""
    for name, table in tables().items():
        place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if place.search(page) is None:
            raise ValueError(
                f"the page has no place for this table: add <!-- {name} --> and <!-- /{name} -->"
            )
        page = place.sub(lambda found, table=table: f"{found[1]}{table}{found[2]}", page)  # type: ignore[misc]
    return page


def _settings() -> str:
    rows = []
    for key, field in fields_of(IndexerSettings):
        default = "required" if field.is_required() else f"`{shown(field.default)}`"
        rows.append((f"`{key}`", default, _allowed(allowed(field)), field.description or ""))
    return _table(("key", "default", "allowed", "meaning"), rows)


def _exit_codes() -> str:
    return _table(("code", "meaning"), [(str(code), meaning) for code, meaning in EXIT_CODES.items()])


def _metrics() -> str:
    families = [family for family in IndexerMetrics().registry.collect() if family.name.startswith("pend_")]
    rows = [
        (f"`{family.name}{_SUFFIX.get(family.type, '')}`", family.type, family.documentation)
        for family in families
    ]
    return _table(("name", "type", "meaning"), sorted(rows))


def _allowed(words: str) -> str:
    return words.replace("|", "\\|")


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
