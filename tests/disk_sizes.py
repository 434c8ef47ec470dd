"""How many bytes each table and index of the chain takes, chunks added up, and how many rows there are."""

from dataclasses import dataclass

import psycopg

TABLES = ("blocks", "transactions", "logs", "block_locations", "transaction_locations")

# Whole pages of rows (with what is kept out of line), and each index under the name of its columns, so that
# the indexes of all chunks of a table come under one name.
_SIZES = """
    WITH parts AS (
        SELECT t.name AS table_name, part
        FROM unnest(%(tables)s::text[]) AS t (name),
             chain.fact_partitions(('chain.' || t.name)::regclass, -2) AS part
    )
    SELECT table_name, 'rows' AS part_name,
           sum(pg_relation_size(part) + coalesce(pg_relation_size(nullif(c.reltoastrelid, 0)), 0))::bigint
    FROM parts JOIN pg_class AS c ON c.oid = part
    GROUP BY table_name
    UNION ALL
    SELECT table_name,
           (SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute AS a
            WHERE a.attrelid = i.indexrelid) AS part_name,
           sum(pg_relation_size(i.indexrelid))::bigint
    FROM parts JOIN pg_index AS i ON i.indrelid = part
    GROUP BY table_name, part_name
"""
_PARTITIONS = """
    SELECT count(*) FROM chain.fact_partitions(('chain.' || %s)::regclass, -2)
"""


@dataclass(frozen=True, slots=True)
class Part:
    """A table's rows, or one of its indexes; `partitions` is how many relations it is spread over."""

    table: str
    name: str
    bytes: int
    rows: int
    partitions: int


def disk_parts(dsn: str) -> list[Part]:
    """Every table of the chain and each of its indexes; tables in the order of `TABLES`, rows first."""
    with psycopg.connect(dsn) as connection:
        sizes = connection.execute(_SIZES, {"tables": list(TABLES)}).fetchall()
        rows = {
            table: connection.execute(f"SELECT count(*) FROM chain.{table}").fetchone() for table in TABLES
        }
        partitions = {table: connection.execute(_PARTITIONS, (table,)).fetchone() for table in TABLES}
    parts = [
        Part(table, name, size, (rows[table] or (0,))[0], (partitions[table] or (0,))[0])
        for table, name, size in sizes
    ]
    return sorted(parts, key=lambda part: (TABLES.index(part.table), part.name != "rows", part.name))
