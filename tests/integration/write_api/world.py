"""A small world of accounts, a row of each of two users in every table, put there past every rule.

Rows have names: what a test says of one reads `users.a`. Users are `a` and `b`; administrators are named after
their roles, and `gone` is a super_admin who was disabled.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from tests.integration.write_api.dealings import dealings
from tests.integration.write_api.named import ADMINS, USERS, A, B, Row, uuid, word
from tests.integration.write_api.people import people

__all__ = [
    "ADMINS",
    "USERS",
    "A",
    "B",
    "Row",
    "Session",
    "build",
    "insert",
    "rows",
    "superuser",
    "uuid",
    "word",
]

Session = psycopg.Connection[Row]


def rows() -> dict[str, dict[str, Row]]:
    """Every table's rows by name, parents before children."""
    return people() | dealings()


def superuser(dsn: str) -> Session:
    return psycopg.connect(dsn, autocommit=True, row_factory=dict_row)


def insert(session: Session, table: str, row: Mapping[str, Any]) -> None:
    columns = SQL(", ").join(map(Identifier, row))
    places = SQL(", ").join([SQL("%s")] * len(row))
    session.execute(
        SQL("INSERT INTO account.{} ({}) OVERRIDING SYSTEM VALUE VALUES ({})").format(
            Identifier(table), columns, places
        ),
        [Jsonb(value) if isinstance(value, dict) else value for value in row.values()],
    )


def build(dsn: str) -> dict[str, dict[str, Row]]:
    """Put the world into a migrated database, no trigger or key looking; its rows by table and name."""
    world = rows()
    with superuser(dsn) as session, session.transaction():
        session.execute("SET LOCAL session_replication_role = replica")
        for table, named in world.items():
            for row in named.values():
                insert(session, table, row)
        # What is inserted later goes on after these.
        session.execute(
            "SELECT setval(pg_get_serial_sequence('account.' || t, 'id'), 100)"
            " FROM unnest(ARRAY['messages', 'notices', 'admin_audit_logs']) AS t"
        )
    with superuser(dsn) as session:
        session.execute("SELECT account.refresh_summaries()")
        tiers = session.execute(
            "SELECT * FROM account.user_tiers WHERE tier IN (0, 5) ORDER BY tier"
        ).fetchall()
    return world | _views() | {"user_tiers": {row["name"]: row for row in tiers}}


def _views() -> dict[str, dict[str, Row]]:
    """What the views show of it."""
    return {
        "user_portfolio": {name: {"user_id": id_} for name, id_ in USERS.items()},
        "asset_performance": {name: {"id": uuid(name)} for name in ("draft", "open", "idea")},
        "platform": {"all": {"id": 1}},
        "admin_names": {name: {"id": id_} for name, id_ in ADMINS.items()},
    }
