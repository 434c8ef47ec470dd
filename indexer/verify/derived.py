"""Is what was derived what the facts say? Derived again, beside it and by the same statements, and compared.

One REPEATABLE READ transaction: the facts, the watermarks and the stored rows are of one moment, and the
daemon goes on meanwhile. The tables made anew are temporary ones of the same names, gone at its end.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from indexer.derive.derivation import Derivation, queries
from indexer.derive.deriver import Position, positions
from indexer.derive.registry import recomputing
from postgres.connections import Connection
from postgres.errors import translated

ROWS_PER_RANGE = 50_000
_TOLD_MAX = 100


@dataclass(frozen=True, slots=True)
class DerivedDifference:
    """A row that is not what the facts of the derived blocks say; None where there should be, or is, none."""

    table: str
    key: dict[str, Any]
    expected: dict[str, Any] | None
    stored: dict[str, Any] | None

    def __str__(self) -> str:
        key = ", ".join(f"{name} {_shown(value)}" for name, value in self.key.items())
        if self.expected is None or self.stored is None:
            expected, stored = _row(self.expected), _row(self.stored)
        else:
            names = [name for name, value in self.expected.items() if self.stored.get(name) != value]
            expected, stored = (
                ", ".join(f"{name} {_shown(row.get(name))}" for name in names)
                for row in (self.expected, self.stored)
            )
        return f"{self.table} ({key}): expected {expected}, stored {stored}"


@dataclass(frozen=True, slots=True)
class DerivedReport:
    """What was recomputed, and how many of the differences were told: at most 100 of each table."""

    tables: int
    first: int
    last: int
    differences: int

    def summary(self) -> str:
        """One line for a person."""
        if self.last < self.first:
            return "nothing is derived yet"
        found = "no difference" if not self.differences else f"{self.differences:,} difference(s)"
        return f"derived from blocks {self.first} to {self.last}: {self.tables} tables recomputed: {found}"


async def verify_derived(
    connection: Connection,
    first: int,
    last: int,
    *,
    on_difference: Callable[[DerivedDifference], None] = lambda _: None,
    on_progress: Callable[[int], None] = lambda _: None,
    derivations: Sequence[Derivation] | None = None,
    rows_per_range: int = ROWS_PER_RANGE,
) -> DerivedReport:
    """Recompute every derived table from the facts and tell each row that differs.

    Sums and counts have no part that belongs to some blocks: all is derived again from the first derived
    block on, which takes the time and the disk space of the derived tables. Of tables keyed by block only
    rows of blocks `first`…`last` are compared. `connection` must be one that has derived nothing before.
    """
    chosen = recomputing() if derivations is None else tuple(derivations)
    found: list[DerivedDifference] = []
    with translated():
        async with connection.transaction(isolation="repeatable_read"):
            at = {each.derivation: each for each in await positions(connection)}
            chosen = tuple(each for each in chosen if each.name in at)
            tables = [table for each in chosen for table in each.tables]
            for table in tables:
                await queries.begin_recomputation.value(connection, table)
            await _derive_again(connection, chosen, at, rows_per_range, on_progress)
            for table in tables:
                rows = await queries.select_recomputed_differences.many(
                    connection, table, first, last, _TOLD_MAX
                )
                found += [_difference(table, row) for row in rows]
    for difference in found:
        on_difference(difference)
    return DerivedReport(
        len(tables),
        min((at[each.name].first_block for each in chosen), default=0),
        max((at[each.name].derived_to for each in chosen), default=-1),
        len(found),
    )


async def _derive_again(
    connection: Connection,
    chosen: Sequence[Derivation],
    at: dict[str, Position],
    rows_per_range: int,
    on_progress: Callable[[int], None],
) -> None:
    """Range by range; each derivation over the blocks that it says are derived."""
    # Where one begins or ends, a range does.
    edges = {at[each.name].first_block for each in chosen} | {at[each.name].derived_to + 1 for each in chosen}
    cuts = sorted(edges)
    for begin, end in pairwise(cuts):
        group = [
            each
            for each in chosen
            if at[each.name].first_block <= begin and at[each.name].derived_to >= end - 1
        ]
        position = begin
        while position < end:
            last = await queries.select_range_end.value(connection, position, end - 1, rows_per_range)
            for each in group:
                await each.apply(connection, position, last)
            on_progress(last)
            position = last + 1


def _difference(table: str, row: Any) -> DerivedDifference:
    def decoded(value: str | None) -> dict[str, Any] | None:
        return None if value is None else json.loads(value)

    key = decoded(row["key"])
    assert key is not None
    return DerivedDifference(table, key, decoded(row["expected"]), decoded(row["found"]))


def _row(row: dict[str, Any] | None) -> str:
    if row is None:
        return "no row"
    return ", ".join(f"{name} {_shown(value)}" for name, value in row.items() if value is not None)


def _shown(value: object) -> str:
    """Bytes as people write them: 0x, not the backslash and x of PostgreSQL."""
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value)
    return "0x" + text[2:] if text.startswith("\\x") else text
