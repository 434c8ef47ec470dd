"""What each actor sees and changes of each table, asked of the database as pend_writer.

`python -m tests.integration.write_api.isolation --write` writes isolation.txt, which test_isolation.py compares: a
change of it is a change of who sees what, and is read as such.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Composed, Identifier
from psycopg.types.json import Jsonb

from tests.database import DatabaseServer, server_in
from tests.database_homes import EMBEDDED
from tests.integration.write_api import world as worlds
from tests.integration.write_api.actors import ACTORS, Actor
from tests.integration.write_api.copies import CHANGED, COPIED
from tests.integration.write_api.world import ADMINS, Row

FILE = Path(__file__).parent / "isolation.txt"
OPERATIONS = ("select", "insert", "update", "delete", "blind update", "blind delete")
HEADER = """\
What each actor sees and changes of each table of the write side, asked of the database as pend_writer: rows by their
names in people.py and dealings.py. Written by: python -m tests.integration.write_api.isolation --write
`-` is nothing, `no right` is refused for everybody alike, `name(rule)` was let through by row-level security and
refused by that rule. For an insert the names are those of the rows that were copied. A blind change names no row, and
so asks for no right to see one.
"""
Outcome = str


_BLINDLY = {
    "admin_users": "blockchain_address",
    "admin_sessions": "ended_because",
    "user_sessions": "ended_because",
}
"""Columns whose default every row takes, where the first that may be changed is another."""
_KEYS: Mapping[str, tuple[str, ...]] = {
    "admin_recovery_codes": ("admin_id",),  # the hash is the rest of its key, and nobody's to read
    "analytics_events": ("session_id",),
    "user_portfolio": ("user_id",),
    **dict.fromkeys(("asset_performance", "platform", "admin_names"), ("id",)),
}


@dataclass(frozen=True, slots=True)
class Table:
    """A table as the catalog has it."""

    name: str
    key: tuple[str, ...]
    last: str
    rights: Mapping[str, tuple[str, ...]]
    """The columns that pend_writer may name, by operation; DELETE names none, and is there or not."""


def tables(session: worlds.Session) -> dict[str, Table]:
    """Every table and view of schema account; the key is what its rows of the world differ in and may be read."""
    found = session.execute(
        """
        SELECT c.relname::text AS name,
               array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.attnum = ANY (p.conkey)) AS key,
               (array_agg(a.attname::text ORDER BY a.attnum DESC))[1] AS last,
               array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE has_column_privilege('pend_writer', c.oid, a.attnum, 'SELECT')) AS readable,
               array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE has_column_privilege('pend_writer', c.oid, a.attnum, 'INSERT')) AS insertable,
               array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE has_column_privilege('pend_writer', c.oid, a.attnum, 'UPDATE')) AS changeable,
               has_table_privilege('pend_writer', c.oid, 'DELETE') AS deletable
        FROM pg_class AS c
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_constraint AS p ON p.conrelid = c.oid AND p.contype = 'p'
        WHERE c.relnamespace = 'account'::regnamespace AND c.relkind IN ('r', 'p', 'v')
        GROUP BY c.oid ORDER BY c.relname
        """
    ).fetchall()
    return {
        row["name"]: Table(
            row["name"],
            _KEYS.get(row["name"]) or tuple(row["key"]),
            row["last"],
            {
                "select": tuple(row["readable"] or ()),
                "insert": tuple(row["insertable"] or ()),
                "update": tuple(row["changeable"] or ()),
                "delete": ("*",) if row["deletable"] else (),
            },
        )
        for row in found
    }


class Observer:
    """Asks one database; nothing that it does stays."""

    def __init__(self, dsn: str, world: Mapping[str, Mapping[str, Row]]) -> None:
        self.world = world
        self.session = psycopg.connect(dsn, row_factory=tuple_row)
        self.session.execute("SET ROLE pend_writer")
        self.session.commit()

    def outcome(self, table: Table, operation: str, actor: Actor) -> Outcome:
        """What `actor` gets, in the words of isolation.txt."""
        with self.session.cursor() as cursor:
            if table.name == "admin_permissions":
                self._approve(cursor)
            actor(cursor)
            try:
                return _words(getattr(self, f"_{operation.replace(' ', '_')}")(cursor, table))
            finally:
                self.session.rollback()

    def _approve(self, cursor: psycopg.Cursor[Any]) -> None:
        """Every change of a permission that is tried, decided in this transaction, so that the policies are asked."""
        cursor.execute("RESET ROLE; SET LOCAL session_replication_role = replica")
        for permission, effect in (
            ("audit.read", "grant"),
            ("audit.export", "grant"),
            ("audit.export", "default"),
        ):
            cursor.execute(
                "INSERT INTO account.approvals (kind, resource_id, change, justification, status, requested_by, decided_by, decided_at)"
                " VALUES ('role_change', %s, %s, 'It is needed', 'approved', %s, %s, now())",
                (
                    ADMINS["viewer"],
                    Jsonb({"permission": permission, "effect": effect}),
                    ADMINS["super_admin"],
                    ADMINS["gone"],
                ),
            )
        cursor.execute("SET LOCAL session_replication_role = origin; SET LOCAL ROLE pend_writer")

    def _select(self, cursor: psycopg.Cursor[Any], table: Table) -> list[str]:
        names = {
            tuple(row[column] for column in table.key): name for name, row in self.world[table.name].items()
        }
        key = SQL(", ").join(map(Identifier, table.key))
        answer = self._try(cursor, SQL("SELECT {} FROM account.{}").format(key, Identifier(table.name)))
        if isinstance(answer, str):
            return [answer]
        seen = {names.get(row, "what is migrated") for row in answer}
        return [name for name in (*names.values(), "what is migrated") if name in seen]

    def _insert(self, cursor: psycopg.Cursor[Any], table: Table) -> list[str]:
        return self._each(lambda row: self._copy(cursor, table, row), self._copies(table.name))

    def _update(self, cursor: psycopg.Cursor[Any], table: Table) -> list[str]:
        both = [column for column in table.rights["update"] if column in table.rights["select"]]
        same = SQL("{0} = {0}").format(Identifier(both[0] if both else table.last))
        head = SQL("UPDATE account.{} SET {}").format(Identifier(table.name), same)
        return self._rows(cursor, table, head)

    def _delete(self, cursor: psycopg.Cursor[Any], table: Table) -> list[str]:
        return self._rows(cursor, table, SQL("DELETE FROM account.{}").format(Identifier(table.name)))

    def _blind_update(self, cursor: psycopg.Cursor[Any], table: Table) -> list[str]:
        column = _BLINDLY.get(table.name, (*table.rights["update"], table.last)[0])
        head = SQL("UPDATE account.{} SET {} = DEFAULT").format(Identifier(table.name), Identifier(column))
        return self._counted(cursor, head)

    def _blind_delete(self, cursor: psycopg.Cursor[Any], table: Table) -> list[str]:
        return self._counted(cursor, SQL("DELETE FROM account.{}").format(Identifier(table.name)))

    def _counted(self, cursor: psycopg.Cursor[Any], statement: Composed) -> list[str]:
        answer = self._try(cursor, statement)
        if isinstance(answer, str):
            return [answer if answer.startswith(("error", NO_RIGHT)) else f"all({answer})"]
        return [f"{len(answer)} rows"] if answer else []

    def _rows(self, cursor: psycopg.Cursor[Any], table: Table, head: Composed) -> list[str]:
        where = SQL(" AND ").join(SQL("{} = %s").format(Identifier(column)) for column in table.key)
        key = SQL(", ").join(map(Identifier, table.key))
        statement = SQL("{} WHERE {} RETURNING {}").format(head, where, key)
        return self._each(
            lambda row: self._try(cursor, statement, [row[column] for column in table.key]),
            self.world[table.name],
        )

    def _each(self, attempt: Callable[[Row], "list[Any] | str"], named: Mapping[str, Row]) -> list[str]:
        found = []
        for name, row in named.items():
            answer = attempt(row)
            if isinstance(answer, str):
                if answer == NO_RIGHT or answer.startswith("error"):
                    return [answer]
                found += [f"{name}({answer})"] if answer else []
            elif answer:
                found.append(name)
        return found

    def _copies(self, table: str) -> dict[str, Row]:
        of_world = self.world[table]
        first = next(iter(of_world.values()))
        copies = {name: first | changed for name, changed in COPIED.get(table, {}).items()} or of_world
        return {name: dict(row) for name, row in copies.items()}

    def _copy(self, cursor: psycopg.Cursor[Any], table: Table, row: Row) -> "list[Any] | str":
        new = {name: value for name, value in row.items() if not (name == "id" and isinstance(value, int))}
        if "id" in new:
            new["id"] = uuid4()
        for column, made in CHANGED.get(table.name, {}).items():
            new[column] = made() if callable(made) else made
        if table.rights["insert"]:
            new = {column: value for column, value in new.items() if column in table.rights["insert"]}
        statement = SQL("INSERT INTO account.{} ({}) VALUES ({})").format(
            Identifier(table.name),
            SQL(", ").join(map(Identifier, new)),
            SQL(", ").join([SQL("%s")] * len(new)),
        )
        values = [Jsonb(value) if isinstance(value, dict) else value for value in new.values()]
        return self._try(cursor, statement, values)

    def _try(
        self, cursor: psycopg.Cursor[Any], statement: Composed, values: list[Any] | None = None
    ) -> "list[Any] | str":
        """Rows, or why not: the name of a rule, "" for row-level security."""
        cursor.execute("SAVEPOINT before")
        try:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description is not None else [()] * cursor.rowcount
        except psycopg.errors.UniqueViolation:
            return [()]  # rights are asked before indexes are
        except psycopg.errors.InsufficientPrivilege as error:
            return "" if "row-level security" in str(error) else NO_RIGHT
        except psycopg.Error as error:
            if error.sqlstate is not None and error.sqlstate.startswith("PW"):
                return error.diag.constraint_name or "unnamed"
            return f"error {error.sqlstate}"
        finally:
            cursor.execute("ROLLBACK TO before")


NO_RIGHT = "no right"


def _words(found: list[str]) -> str:
    return ", ".join(found) or "-"


def matrix(observer: Observer, table: Table) -> str:
    """What isolation.txt says of one table."""
    lines = [f"== {table.name}"]
    for operation in OPERATIONS:
        if operation.startswith("blind"):
            if not table.rights[operation.removeprefix("blind ")]:
                continue
            lines.append(operation)
        elif table.rights[operation]:
            columns = "" if table.rights[operation] == ("*",) else f" ({', '.join(table.rights[operation])})"
            lines.append(f"{operation}{columns}")
        by_outcome: dict[str, list[str]] = {}
        for name, actor in ACTORS.items():
            by_outcome.setdefault(observer.outcome(table, operation, actor), []).append(name)
        if len(by_outcome) == 1 and "-" not in by_outcome:
            lines += [f"{operation}: {outcome}" for outcome in by_outcome]
            continue
        lines += [
            f"    {', '.join(actors)}: {outcome}" for outcome, actors in by_outcome.items() if outcome != "-"
        ]
    return "\n".join(lines) + "\n"


def committed() -> dict[str, str]:
    """The paragraphs of isolation.txt by table."""
    _, *paragraphs = FILE.read_text(encoding="utf-8").split("== ")
    return {text.partition("\n")[0]: f"== {text}".rstrip() + "\n" for text in paragraphs}


@contextmanager
def observed(server: DatabaseServer) -> Iterator[tuple[Observer, dict[str, Table]]]:
    """A new database with the world in it."""
    dsn = server.create(template=server.template())
    try:
        observer = Observer(dsn, worlds.build(dsn))
        with observer.session, worlds.superuser(dsn) as session:
            yield observer, tables(session)
    finally:
        server.drop(dsn)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.integration.write_api.isolation", description=__doc__
    )
    parser.add_argument("--write", action="store_true", help="write isolation.txt instead of printing it")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        joined: dict[str, DatabaseServer] = {}
        observer, found = stack.enter_context(observed(server_in(EMBEDDED, joined)))
        text = HEADER + "\n" + "\n".join(matrix(observer, table) for table in found.values())
    if arguments.write:
        FILE.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
