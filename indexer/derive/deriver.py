"""Deriving in block order behind a contiguous watermark, and taking it back (invariant 7).

Behind the head `catch_up` derives a range in a transaction of its own; once nothing is missing, the follower
derives each block in the transaction that stores it, by `extend`. Locks are taken in one order everywhere:
the rows of `chain.derivations`, then `chain.chain_state`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from indexer.derive.derivation import Derivation, queries
from indexer.derive.registry import REGISTRY
from postgres.connections import Connection


@dataclass(frozen=True, slots=True)
class Derived:
    """The blocks that one transaction derived."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Position:
    """How far a derivation is: complete for `first_block`…`derived_to`, nothing when that is lower."""

    derivation: str
    first_block: int
    derived_to: int


async def register(
    connection: Connection, first_block: int, registry: Sequence[Derivation] = REGISTRY
) -> None:
    """Begin what is not begun yet at `first_block`; what has derived something stays where it began."""
    await queries.register_derivations.exec(connection, [each.name for each in registry], first_block)


async def positions(connection: Connection) -> list[Position]:
    return [Position(**row) for row in await queries.select_derivations.many(connection)]


async def derive_next(
    connection: Connection, rows_max: int, registry: Sequence[Derivation] = REGISTRY
) -> Derived | None:
    """Derive the next range of about `rows_max` facts; None when nothing stored is left to derive.

    Part of the caller's transaction. Those that are furthest behind go first, up to where the next one is.
    """
    at = {row["derivation"]: row["derived_to"] for row in await queries.lock_derivations.many(connection)}
    for position in sorted({at[each.name] for each in registry if each.name in at}):
        covered_to = await queries.select_covered_to.value(connection, position + 1)
        if covered_to is None:
            continue
        group = [each for each in registry if at.get(each.name) == position]
        ahead = [derived_to for derived_to in at.values() if derived_to > position]
        last = await queries.select_range_end.value(
            connection, position + 1, min([covered_to, *ahead]), rows_max
        )
        await _apply(connection, group, position + 1, last)
        return Derived(position + 1, last)
    return None


async def extend(
    connection: Connection, first: int, last: int, registry: Sequence[Derivation] = REGISTRY
) -> bool:
    """Derive the blocks that this transaction has just stored, if everything below them is derived.

    What is not caught up yet, or is being derived by another transaction, is left to `derive_next`. True
    when all of it was derived.
    """
    free = await queries.lock_free_derivations.many(connection)
    at = {row["derivation"]: row["derived_to"] for row in free}
    group = [each for each in registry if at.get(each.name) == first - 1]
    if group:
        await _apply(connection, group, first, last)
    return len(group) == len(registry)


async def revert(connection: Connection, ancestor: int, registry: Sequence[Derivation] = REGISTRY) -> None:
    """Take back everything above `ancestor`, before the facts go; waits for whoever is deriving."""
    at = {row["derivation"]: row for row in await queries.lock_derivations.many(connection)}
    reverted: dict[int, list[str]] = {}
    for each in reversed(registry):
        row = at.get(each.name)
        if row is None or row["derived_to"] <= ancestor:
            continue
        keeps_to = max(ancestor, row["first_block"] - 1)
        await each.revert(connection, keeps_to + 1, row["derived_to"])
        reverted.setdefault(keeps_to, []).append(each.name)
    for keeps_to, names in reverted.items():
        await queries.update_derived_to.exec(connection, names, keeps_to)


async def _apply(connection: Connection, group: Sequence[Derivation], first: int, last: int) -> None:
    for each in group:
        await each.apply(connection, first, last)
    await queries.update_derived_to.exec(connection, [each.name for each in group], last)
