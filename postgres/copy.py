"""Binary COPY of rows that were encoded elsewhere."""

from collections.abc import Sequence

from postgres.connections import Connection


async def copy_binary(
    connection: Connection, schema: str, table: str, columns: Sequence[str], payload: bytes
) -> int:
    """Send a whole binary COPY stream, header and trailer included; the number of rows it held.

    Part of the caller's transaction. The types must be the columns' own to the byte: an int4 in a
    bigint column fails as `insufficient data left in message`.
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
