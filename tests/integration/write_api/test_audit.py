"""The audit trail as it is read: filtered, paged, exported; and that nothing in the database takes it back."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.integration.write_api.offices import Client

Admins = Callable[[str], Client]
Sql = psycopg.Connection[psycopg.rows.DictRow]


async def _walked(admin: Client, query: str, limit: int) -> list[int]:
    ids, cursor = [], ""
    while True:
        page = await admin.get(f"/admin/audit?limit={limit}{query}{cursor}")
        ids += [row["id"] for row in page["data"]]
        if page["next"] is None:
            return ids
        cursor = f"&cursor={page['next']}"


def _noted(sql: Sql, count: int, **columns: object) -> str:
    """Rows of a resource type of their own; its name."""
    kind = f"test_{uuid4().hex}"
    columns |= {"resource_type": kind}
    for number in range(count):
        row = {
            "actor": "system",
            "action": "update" if number % 2 else "insert",
            "resource_id": str(number % 3),
        }
        row |= {name: str(value) for name, value in columns.items()}
        sql.execute(
            SQL("INSERT INTO admin_audit_logs ({}) VALUES ({})").format(
                SQL(", ").join(map(Identifier, row)), SQL(", ").join(SQL("%s") for _ in row)
            ),
            list(row.values()),
        )
    return kind


async def test_row_names_actor_reason_request_and_address(user: Client, admins: Admins, sql: Sql) -> None:
    admin = admins("super_admin")
    version = (await admin.ask("GET", f"/admin/users/{user.id}")).version
    why = {"justification": "asked for by the police"}
    done = await admin.ask("POST", f"/admin/users/{user.id}/suspend", why, If_Match=version)
    page = await admins("auditor").get(
        f"/admin/audit?resource_type=users&resource_id={user.id}&action=update"
    )
    (row,) = page["data"]
    assert (row["actor"], row["admin_id"], row["session_id"]) == (
        "admin",
        str(admin.id),
        str(admin.session_id),
    )
    assert (row["justification"], row["ip_address"]) == (why["justification"], "127.0.0.1")
    assert row["request_id"] == done.headers["x-request-id"]
    assert (row["old_values"]["status"], row["new_values"]["status"]) == ("active", "suspended")


async def test_filters_and_pages_are_those_of_plain_sql(admins: Admins, sql: Sql) -> None:
    auditor, who = admins("auditor"), uuid4()
    kind = _noted(sql, 9, admin_id=who)
    since = datetime.now(UTC)
    _noted(sql, 5, admin_id=who)
    from_time = quote(since.isoformat())
    for query, where in (
        (f"&resource_type={kind}", f"resource_type = '{kind}'"),
        (f"&resource_type={kind}&resource_id=1", f"resource_type = '{kind}' AND resource_id = '1'"),
        (f"&admin={who}", f"admin_id = '{who}'"),
        (f"&admin={who}&action=insert", f"admin_id = '{who}' AND action = 'insert'"),
        (f"&admin={who}&from={from_time}", f"admin_id = '{who}' AND timestamp >= '{since.isoformat()}'"),
        (f"&admin={who}&to={from_time}", f"admin_id = '{who}' AND timestamp < '{since.isoformat()}'"),
    ):
        rows = sql.execute(f"SELECT id FROM admin_audit_logs WHERE {where} ORDER BY id DESC").fetchall()
        assert rows, query
        assert await _walked(auditor, query, 4) == [row["id"] for row in rows], query
    await auditor.refused("GET", "/admin/audit?from=2026-01-01T00:00:00", 400)
    await auditor.refused("GET", "/admin/audit?colour=blue", 400)


async def test_trail_is_for_those_who_may_read_it(user: Client, anyone: Client, admins: Admins) -> None:
    for role in ("asset_manager", "kyc_verifier", "viewer"):
        assert (await admins(role).refused("GET", "/admin/audit", 403))["rule"] == "audit.read"
        await admins(role).refused("GET", "/admin/audit/seals", 403)
    await user.refused("GET", "/admin/audit", 403)
    await anyone.refused("GET", "/admin/audit", 401)


async def test_export_has_every_row_of_its_time_and_is_noted_itself(admins: Admins, sql: Sql) -> None:
    auditor = admins("auditor")
    since = datetime.now(UTC)
    evil = '=HYPERLINK("http://evil.example")'
    kind = _noted(sql, 5, justification=evil)
    sql.execute(  # more than a page of the export
        "INSERT INTO admin_audit_logs (actor, action, resource_type) SELECT 'system', 'read', %s FROM generate_series(1, 2200)",
        (kind,),
    )
    until = datetime.now(UTC) + timedelta(hours=1)
    span = f"from={quote(since.isoformat())}&to={quote(until.isoformat())}"
    reply = await auditor.ask("GET", f"/admin/audit/export?{span}&format=jsonl")
    assert reply.status == 200, reply.body
    assert "content-length" not in reply.headers  # streamed
    rows = [json.loads(line) for line in reply.body.splitlines()]
    ids = [row["id"] for row in rows if row["resource_type"] == kind]
    wanted = sql.execute(
        "SELECT id FROM admin_audit_logs WHERE resource_type = %s ORDER BY id", (kind,)
    ).fetchall()
    assert ids == [row["id"] for row in wanted]
    reply = await auditor.ask("GET", f"/admin/audit/export?{span}")
    assert reply.headers["content-type"].startswith("text/csv")
    table = list(csv.DictReader(io.StringIO(reply.body.decode(), newline="")))
    cells = [row["justification"] for row in table if row["resource_type"] == kind]
    assert cells[:5] == [f"'{evil}"] * 5
    assert len(cells) == 2205
    exports = sql.execute(
        "SELECT new_values ->> 'format' AS format FROM admin_audit_logs WHERE action = 'export' AND admin_id = %s ORDER BY id",
        (auditor.id,),
    ).fetchall()
    assert [row["format"] for row in exports] == ["jsonl", "csv"]


async def test_export_of_no_time_is_refused_and_not_noted(admins: Admins, sql: Sql) -> None:
    auditor = admins("auditor")
    now = datetime.now(UTC)
    for since, until in ((now, now), (now, now + timedelta(days=367))):
        span = f"from={quote(since.isoformat())}&to={quote(until.isoformat())}"
        await auditor.refused("GET", f"/admin/audit/export?{span}", 400)
    await auditor.refused("GET", "/admin/audit/export", 400)
    await admins("viewer").refused(
        "GET", "/admin/audit/export?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z", 403
    )
    noted = sql.execute(
        "SELECT FROM admin_audit_logs WHERE action = 'export' AND admin_id = %s", (auditor.id,)
    )
    assert noted.fetchall() == []


@pytest.mark.parametrize("role", ["pend_writer", "pend_worker", "pend_definer", "pend_owner", "postgres"])
@pytest.mark.parametrize("table", ["admin_audit_logs", "audit_seals"])
def test_nobody_changes_or_removes_what_was_noted(role: str, table: str, sql: Sql) -> None:
    change_of = "action = 'read'" if table == "admin_audit_logs" else "last_id = -8"
    with sql.transaction():
        _noted(sql, 1)
        sql.execute(
            "INSERT INTO audit_seals (number, first_id, last_id, row_ids, row_hashes, previous_hash, hash)"
            " VALUES (9999, -9, -9, '{-9}', '{x}', sha256('a'), sha256('b'))"
        )
        for change in (f"UPDATE account.{table} SET {change_of}", f"DELETE FROM account.{table}"):
            assert _outcome(sql, role, change) in {"42501", "PW403", "no row"}, change
        assert _outcome(sql, role, f"TRUNCATE account.{table}") in {"42501", "PW403"}
        raise psycopg.Rollback


def _outcome(sql: Sql, role: str, statement: str) -> str | None:
    """What becomes of a statement, which is taken back."""
    sql.execute("SAVEPOINT before")
    try:
        sql.execute(SQL("SET LOCAL ROLE {}").format(Identifier(role)))
        return "no row" if sql.execute(statement).rowcount == 0 else "done"
    except psycopg.Error as error:
        return error.sqlstate
    finally:
        sql.execute("ROLLBACK TO before")
