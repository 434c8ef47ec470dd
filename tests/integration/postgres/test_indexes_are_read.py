"""No index that nobody reads: each one costs every insert."""

import re
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
_FUNCTIONS = (
    "SELECT chain.revert_fetched(0)",
    "SELECT account.forget_expired()",
    "SELECT account.unanchored_seals(1)",
    "SELECT account.not_final_transactions(1, 1, 1)",
    "SELECT account.finalize_transactions(1, 1)",
    "SELECT set_config('app.current_user_id', gen_random_uuid()::text, false)",
    "SELECT account.own_trail(0, 1)",
    "SELECT account.assets_matching('villa', NULL, NULL, NULL, NULL, NULL, 1)",
    "SELECT account.master_keys()",
    "SELECT account.is_approved('erasure', gen_random_uuid(), '{}')",
)
# Read for their order alone, from the newest row on.
_IN_ORDER = {
    "investments_invested",
    "security_events_timestamp",
    "kyc_applications_submitted",
    "users_created",
}
# Chosen where there are rows, among others that would do; tests of the write API read through them.
_AMONG_OTHERS = {
    "admin_audit_logs_admin",
    "admin_audit_logs_timestamp",
    "approvals_requested",
    "assets_created",
    "investments_user_asset",
    "kyc_applications_assigned",
    "security_events_open",
    "transactions_not_final",
}
# Read when a user is erased, which takes an approval.
_ERASING = {"challenges_user", "data_keys_documents"}
# What a filter is given when it is set; a plan for a filter that may be missing reads everything.
_SAMPLES = {
    "text": "'x'",
    "uuid": "gen_random_uuid()",
    "timestamptz": "now()",
    "date": "current_date",
    "bytea": "'\\x00'",
    "inet": "'10.0.0.1'",
    "boolean": "false",
}
_OPTIONAL = re.compile(r"\$(\d+)::\w+ IS NULL OR")
_PARAMETER = re.compile(r"\$(\d+)(::([a-z_]+(?: precision)?)(\[\])?)?")


def _all_queries() -> Iterator[Query]:
    folders = (path.name for path in sql.FOLDER.iterdir() if path.is_dir() and any(path.glob("*.sql")))
    for folder in sorted(folders):
        yield from load(folder)


def _filtered(query: Query) -> Iterator[str]:
    """The query without any of its filters, and with each of them alone."""
    optional = set(_OPTIONAL.findall(query.sql))
    kinds = {found[1]: found[3] for found in _PARAMETER.finditer(query.sql) if found[3]}
    for chosen in [None, *sorted(optional)] if optional else []:

        def spelt(found: re.Match[str], chosen: str | None = chosen) -> str:
            kind, array = found[3] or kinds.get(found[1], "integer"), found[4] or ""
            if (found[1] in optional and found[1] != chosen) or array:
                return f"NULL::{kind}{array}"
            return f"{_SAMPLES.get(kind, '1')}::{kind}"

        yield _PARAMETER.sub(spelt, query.sql)


def _indexes(plan: Any) -> Iterator[str]:
    if isinstance(plan, dict):
        # Without a condition it is read from end to end, for want of the table itself.
        if "Index Name" in plan and ("Index Cond" in plan or plan["Index Name"] in _IN_ORDER):
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
        for filtered in _filtered(query):
            row = connection.execute(f"EXPLAIN (FORMAT JSON) {filtered}".encode()).fetchone()
            assert row is not None
            read |= set(_indexes(row[0]))
    return read


def _unread(dsn: str) -> set[str]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        chosen = {row[0] for row in connection.execute(_CHOSEN)}
        return chosen - _read_by_some_query(connection) - _AMONG_OTHERS - _ERASING


def test_every_index_is_read_by_some_query(embedded_database: str) -> None:
    assert _unread(embedded_database) == set()


def test_index_that_no_query_reads_is_found(embedded_database: str) -> None:
    with psycopg.connect(embedded_database, autocommit=True) as connection:
        connection.execute("CREATE INDEX nobody_reads_me ON chain.blocks (gas_used)")

    assert _unread(embedded_database) == {"nobody_reads_me"}
