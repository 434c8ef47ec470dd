"""The budget of bytes that docs/schema.md gives each table and index, read from its table."""

import re
from dataclasses import dataclass
from pathlib import Path

BUDGET_DOCUMENT = Path(__file__).parent.parent / "docs" / "schema.md"
# | `logs`, rows | 1.42 | 226 | 321 | 360 |
_LINE = re.compile(r"^\| `(\w+)`, ([\w, ]+?) \| ([\d.]+) \| [\d.]+ \| [\d.]+ \| ([\d.]+) \|$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Budget:
    """What a table's rows, or one of its indexes, may take per transaction of the measured chain."""

    table: str
    part: str
    rows_per_transaction: float
    bytes_per_transaction: float

    @property
    def bytes_per_row(self) -> float:
        """The same for a chain of any shape."""
        return self.bytes_per_transaction / self.rows_per_transaction


def budgets() -> list[Budget]:
    """In the order of the document."""
    return [
        Budget(table, part, float(rows), float(bytes_))
        for table, part, rows, bytes_ in _LINE.findall(BUDGET_DOCUMENT.read_text())
    ]
