"""Rows of the audit trail as CSV or JSON lines, page by page: memory is that of one page."""

import csv
import io
from collections.abc import Sequence

import msgspec

from write_api.acting import Row
from write_api.answers.audit import AuditRow

MEDIA_TYPES = {"csv": "text/csv; charset=utf-8; header=present", "jsonl": "application/x-ndjson"}
_COLUMNS = AuditRow.__struct_fields__
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def shown(row: Row) -> AuditRow:
    values = dict(row)
    for name in ("old_values", "new_values"):
        text = values[name]
        values[name] = None if text is None else msgspec.json.decode(text)
    return AuditRow(**values)


def head(form: str) -> bytes:
    """What stands before the first row."""
    return (",".join(_COLUMNS) + "\r\n").encode() if form == "csv" else b""


def lines(form: str, rows: Sequence[Row]) -> bytes:
    """Rows as text."""
    if form == "jsonl":
        return b"".join(msgspec.json.encode(shown(row)) + b"\n" for row in rows)
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerows([_cell(row[name]) for name in _COLUMNS] for row in rows)
    return out.getvalue().encode()


def _cell(value: object) -> str:
    """PURE. A spreadsheet that opens the file calculates nothing of it."""
    if value is None:
        return ""
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
