"""Nobody sees or changes what is not theirs: every table, every actor, every statement, asked as pend_writer."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from tests.database import DatabaseServer
from tests.integration.write_api import isolation, world
from tests.integration.write_api.actors import OUTSIDERS
from tests.integration.write_api.isolation import NO_RIGHT, OPERATIONS, Observer, Table
from tests.integration.write_api.world import ADMINS, A

COMMITTED = isolation.committed()


@dataclass(frozen=True, slots=True)
class Observed:
    observer: Observer
    tables: dict[str, Table]


@pytest.fixture(scope="module")
def observed(embedded_home: DatabaseServer) -> Iterator[Observed]:
    with isolation.observed(embedded_home) as (observer, tables):
        yield Observed(observer, tables)


def test_every_table_and_view_of_the_schema_has_its_paragraph(observed: Observed) -> None:
    """After a migration: give it rows in world.py, then python -m tests.integration.write_api.isolation --write."""
    assert observed.tables.keys() == COMMITTED.keys()
    assert observed.tables.keys() == observed.observer.world.keys()


@pytest.mark.parametrize("name", sorted(COMMITTED))
def test_rows_are_seen_and_changed_by_those_who_are_named(name: str, observed: Observed) -> None:
    assert isolation.matrix(observed.observer, observed.tables[name]) == COMMITTED[name]


@pytest.mark.parametrize("name", sorted(COMMITTED))
def test_without_a_person_nothing_is_seen_or_changed(name: str, observed: Observed) -> None:
    table = observed.tables[name]
    for who, actor in OUTSIDERS.items():
        for operation in OPERATIONS:
            got = observed.observer.outcome(table, operation, actor)
            # An error, no right, nothing, or a refusal by a rule's name.
            assert re.fullmatch(rf"-|{NO_RIGHT}|error \w+|[^,]+\(\w+\)(, [^,]+\(\w+\))*", got), (
                who,
                operation,
            )


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
def test_who_acts_is_forgotten_with_the_transaction(end: str, observed: Observed) -> None:
    """As a pooled connection goes from one request to the next."""
    with observed.observer.session.cursor() as cursor:
        for kind, id_ in (("user", A), ("admin", ADMINS["super_admin"])):
            cursor.execute("SELECT account.enter(%s, %s, %s, 'a request', '203.0.113.7')", (kind, id_, id_))
            assert _seen(cursor) != (0, 0)
            cursor.execute(end.encode())
            assert _seen(cursor) == (0, 0)
            names = (
                "user_id admin_id session_id request_id client_address justification approval_id approved_by"
            )
            for name in names.split():
                setting = f"app.current_{name}" if name in {"user_id", "admin_id"} else f"app.{name}"
                row = cursor.execute("SELECT current_setting(%s, true)", (setting,)).fetchone()
                assert row is not None
                assert not row[0], setting
            cursor.execute("ROLLBACK")


def _seen(cursor: psycopg.Cursor[tuple[int, ...]]) -> tuple[int, ...]:
    row = cursor.execute(
        "SELECT (SELECT count(*) FROM account.users), (SELECT count(*) FROM account.notices)"
    ).fetchone()
    assert row is not None
    return row


@pytest.mark.parametrize("session", ["user_sessions", "admin_sessions"])
@pytest.mark.parametrize(
    "spoilt", ["ended_at = now(), ended_because = 'revoked'", "version = 2", "expires_at = now()", "inactive"]
)
def test_session_that_is_not_in_force_lets_nobody_in(session: str, spoilt: str, observed: Observed) -> None:
    kind, of = ("user", "a") if session == "user_sessions" else ("admin", "viewer")
    id_ = observed.observer.world[session][of]["id"]
    enter = f"SELECT * FROM account.enter_{kind}(%s, 1, 'a request', '203.0.113.7')".encode()
    with observed.observer.session.cursor() as cursor:
        try:
            assert len(cursor.execute(enter, (id_,)).fetchall()) == 1
            cursor.execute("SELECT account.enter_anyone('another', '203.0.113.7')")
            cursor.execute("RESET ROLE; SET LOCAL session_replication_role = replica")
            if spoilt != "inactive":
                cursor.execute(f"UPDATE account.{session} SET {spoilt} WHERE id = %s".encode(), (id_,))
            elif kind == "user":
                cursor.execute("UPDATE account.users SET status = 'suspended' WHERE id = %s", (A,))
            else:
                cursor.execute(
                    "UPDATE account.admin_users SET is_active = false WHERE id = %s", (ADMINS[of],)
                )
            cursor.execute("SET LOCAL session_replication_role = origin; SET LOCAL ROLE pend_writer")
            assert cursor.execute(enter, (id_,)).fetchall() == []
            assert _seen(cursor) == (0, 0)
        finally:
            observed.observer.session.rollback()


def test_analytics_events_are_isolated_as_a_hypertable_too(timescale_database: str) -> None:
    observer = Observer(timescale_database, world.build(timescale_database))
    with observer.session, world.superuser(timescale_database) as session:
        found = session.execute(
            "SELECT FROM timescaledb_information.hypertables WHERE hypertable_schema = 'account'"
            " AND hypertable_name = 'analytics_events'"
        ).fetchall()
        table = isolation.tables(session)["analytics_events"]
        assert len(found) == 1
        chunks = session.execute(
            "SELECT format('%I.%I', chunk_schema, chunk_name) AS name FROM timescaledb_information.chunks"
            " WHERE hypertable_name = 'analytics_events'"
        ).fetchall()
        assert isolation.matrix(observer, table) == COMMITTED["analytics_events"]
        # A chunk has no policies of its own: nobody reads one by its name.
        assert chunks
        for chunk in chunks:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                observer.session.execute(f"SELECT FROM {chunk['name']}".encode())
            observer.session.rollback()
