"""No index that nobody reads: each one costs every insert."""

from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg.errors import UndefinedFunction, UndefinedTable

import sql
from postgres.queries import Query, load

# An index that only enforces a rule is read by the rule.
_CHOSEN = """
    SELECT i.relname AS index
    FROM pg_index AS x
    JOIN pg_class AS i ON i.oid = x.indexrelid
    WHERE i.relnamespace IN ('chain'::regnamespace, 'account'::regnamespace, 'ops'::regnamespace)
      AND NOT x.indisunique AND NOT x.indisexclusion
"""


# What readers ask of views; the explorer's own queries will stand in sql/.
_OF_VIEWS = (
    "SELECT * FROM chain.pool_flows WHERE wallet = $1 ORDER BY block_number DESC LIMIT 25",
    "SELECT * FROM chain.pool_flows WHERE pool = $1 ORDER BY block_number DESC LIMIT 25",
)
# What is read within a function the planner does not tell; the statistics do.
_FUNCTIONS = ("SELECT chain.revert_fetched(0)",)


def _all_queries() -> Iterator[Query]:
    folders = (path.name for path in sql.FOLDER.iterdir() if path.is_dir() and any(path.glob("*.sql")))
    for folder in sorted(folders):
        yield from load(folder)


def _indexes(plan: Any) -> Iterator[str]:
    if isinstance(plan, dict):
        # Without a condition it is read from end to end, for want of the table itself.
        if "Index Name" in plan and "Index Cond" in plan:
            yield plan["Index Name"]
        plan = list(plan.values())
    if isinstance(plan, list):
        for part in plan:
            yield from _indexes(part)


def _read_by_some_query(connection: psycopg.Connection) -> set[str]:
    """The indexes that the planner takes for our queries where it may not read whole tables."""
    connection.execute("SET search_path = chain")
    connection.execute("SET enable_seqscan = off")
    read: set[str] = set()
    for view in _OF_VIEWS:
        row = connection.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {view}".encode()).fetchone()
        assert row is not None
        read |= set(_indexes(row[0]))
    for function in _FUNCTIONS:
        connection.execute(function)
    connection.execute("SELECT pg_stat_force_next_flush()")
    # Of the tables it is about: a whole fact is read through any index, where sequences may not be.
    used = "SELECT indexrelname FROM pg_stat_user_indexes WHERE idx_scan > 0 AND relname <> ALL (%s)"
    read |= {row[0] for row in connection.execute(used, (["blocks", "transactions", "logs"],))}
    for query in _all_queries():
        if not query.sql.lstrip().upper().startswith(("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")):
            continue
        try:
            # Without parameters psycopg sends the text as it stands, $1 and all.
            row = connection.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {query.sql}".encode()).fetchone()
        except (UndefinedTable, UndefinedFunction):
            continue  # of a table that exists only while a command runs
        assert row is not None
        read |= set(_indexes(row[0]))
    return read


def _unread(dsn: str) -> set[str]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        chosen = {row[0] for row in connection.execute(_CHOSEN)}
        return chosen - _read_by_some_query(connection)


def test_every_index_is_read_by_some_query(embedded_database: str) -> None:
    assert _unread(embedded_database) == set()


def test_index_that_no_query_reads_is_found(embedded_database: str) -> None:
    with psycopg.connect(embedded_database, autocommit=True) as connection:
        connection.execute("CREATE INDEX nobody_reads_me ON chain.blocks (gas_used)")

    assert _unread(embedded_database) == {"nobody_reads_me"}
