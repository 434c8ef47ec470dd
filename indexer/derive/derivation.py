"""What a derivation is: tables that follow from the facts, how a range of blocks is added and taken back."""

from dataclasses import dataclass
from typing import Protocol

from postgres.connections import Connection
from postgres.queries import Query, load

queries = load("derive")


class Derivation(Protocol):
    """A name in `chain.derivations` and the tables that stand behind its watermark.

    Both methods run in the caller's transaction and name their own tables without a schema: search_path says
    whether those in use are meant, or others made anew beside them. What they leave is a function of the
    facts of the derived blocks alone, whatever the ranges were and however often blocks were taken back.
    """

    @property
    def name(self) -> str: ...

    @property
    def tables(self) -> tuple[str, ...]: ...

    async def apply(self, connection: Connection, first: int, last: int) -> None:
        """Add blocks `first`…`last`: they are stored, and everything below `first` is derived."""

    async def revert(self, connection: Connection, first: int, last: int) -> None:
        """Take blocks `first`…`last` back: they are still stored, and nothing above `last` is derived."""


@dataclass(frozen=True, slots=True)
class SetBased:
    """A derivation by statements of sql/derive alone, each called with the first and the last block."""

    name: str
    tables: tuple[str, ...]
    on_apply: tuple[Query, ...]
    on_revert: tuple[Query, ...]

    async def apply(self, connection: Connection, first: int, last: int) -> None:
        for query in self.on_apply:
            await query.exec(connection, first, last)

    async def revert(self, connection: Connection, first: int, last: int) -> None:
        for query in self.on_revert:
            await query.exec(connection, first, last)
