"""Binary COPY, of rows that were encoded elsewhere and of Python values."""

from collections.abc import Iterable, Sequence
from typing import Any

from postgres.connections import Connection


async def copy_binary(
    connection: Connection, schema: str | None, table: str, columns: Sequence[str], payload: bytes
) -> int:
    """Send a whole binary COPY stream, header and trailer included; the number of rows it held.

    Part of the caller's transaction; without a schema search_path says which table is meant. The types
    must be the columns' own to the byte: an int4 in a bigint column fails as `insufficient data left in
    message`.
    """
    # Not a file: asyncpg reads those in a thread, which waits for the GIL, and keeps each in a cycle.
    tag = await connection.copy_to_table(
        table,
        schema_name=schema,
        columns=list(columns),
        source=memoryview(payload),  # type: ignore[arg-type]  # any buffer will do, which the stubs omit
        format="binary",
    )
    return int(tag.rpartition(" ")[2])


async def copy_records(
    connection: Connection, table: str, columns: Sequence[str], records: Iterable[Sequence[Any]]
) -> int:
    """Store rows of Python values in the table that search_path finds; the number of rows.

    Part of the caller's transaction. One round trip more than `copy_binary`: it asks for the columns' types.
    """
    tag = await connection.copy_records_to_table(table, columns=list(columns), records=records)
    return int(tag.rpartition(" ")[2])
