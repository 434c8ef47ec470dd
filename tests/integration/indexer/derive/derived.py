"""A database whose stored blocks are derived, and what its derived tables hold."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg

from indexer.derive.derivation import Derivation
from indexer.derive.registry import REGISTRY
from indexer.verify.derived import DerivedDifference, verify_derived
from postgres.pool import DatabaseSettings, OwnConnection, connect


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[OwnConnection]:
    """As the indexer connects: derived tables are found without their schema."""
    connection = await connect(DatabaseSettings(dsn))
    try:
        yield connection
    finally:
        await connection.close()


async def differences(dsn: str, *, rows_per_range: int = 50_000) -> list[DerivedDifference]:
    """What a recomputation finds wrong."""
    found: list[DerivedDifference] = []
    async with connected(dsn) as connection:
        await verify_derived(connection, 0, 2**62, on_difference=found.append, rows_per_range=rows_per_range)
    return found


async def derived_digests(dsn: str, registry: Sequence[Derivation] = REGISTRY) -> dict[str, str]:
    """Rows and md5 of every derived table."""
    connection = await asyncpg.connect(dsn)
    try:
        return {
            table: await connection.fetchval(
                f"SELECT count(*) || ' ' || md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), ''))"
                f" FROM chain.{table} AS t"
            )
            for each in registry
            for table in each.tables
        }
    finally:
        await connection.close()
