"""Tables of the pages in docs that are written from the code: settings, metrics, and others of a program."""

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry

from service.settings import Settings, fields_of, shown
from service.settings_faults import allowed

_SUFFIX = {"counter": "_total", "info": "_info"}


def renewed(page: str, tables: Mapping[str, str]) -> str:
    """`page` with each table between its `<!-- name -->` and `<!-- /name -->` written anew."""
    for name, each in tables.items():
        before, begin, rest = page.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        if not begin or not end:
            raise ValueError(
                f"the page has no place for this table: add <!-- {name} --> and <!-- /{name} -->"
            )
        page = f"{before}{begin}{each}{end}{after}"
    return page


def renew(tables: Mapping[str, str]) -> None:
    """Renew the page that the command line names, in place."""
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text(encoding="utf-8"), tables), encoding="utf-8")


def settings_table(model: type[Settings]) -> str:
    rows = []
    for key, field in fields_of(model):
        default = "required" if field.is_required() else f"`{shown(field.default)}`"
        rows.append((f"`{key}`", default, _cell(allowed(field)), _cell(field.description or "")))
    return table(("key", "default", "allowed", "meaning"), rows)


def metrics_table(registry: CollectorRegistry) -> str:
    """Of our own metrics: what the client library adds is in its own pages."""
    rows = [
        (f"`{family.name}{_SUFFIX.get(family.type, '')}`", family.type, _cell(family.documentation))
        for family in registry.collect()
        if family.name.startswith("pend_")
    ]
    return table(("name", "type", "meaning"), sorted(rows))


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(words: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", words)
