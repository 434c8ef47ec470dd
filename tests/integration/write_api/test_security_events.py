"""Security events: filtered as plain SQL would, and what somebody found out is kept with who and why."""

from collections.abc import Callable
from uuid import UUID, uuid4

import psycopg

from tests.integration.write_api.offices import Client

Admins = Callable[[str], Client]
Sql = psycopg.Connection[psycopg.rows.DictRow]
FOUND = {"notes": "A colleague tried the password of another account", "false_positive": True}


def _event(sql: Sql, kind: str = "failed_login", severity: str = "high", ip: str = "192.0.2.1") -> UUID:
    row = sql.execute(
        "SELECT account.record_security_event(%s, %s, NULL, NULL, %s, 'agent', NULL, 'r', '{\"failures\": 5}', 'locked') AS id",
        (kind, severity, ip),
    ).fetchone()
    assert row is not None
    return UUID(str(row["id"]))


async def _walked(admin: Client, query: str, limit: int) -> list[str]:
    ids, cursor = [], ""
    while True:
        page = await admin.get(f"/admin/security-events?limit={limit}{query}{cursor}")
        ids += [row["id"] for row in page["data"]]
        if page["next"] is None:
            return ids
        cursor = f"&cursor={page['next']}"


async def test_filters_and_pages_are_those_of_plain_sql(admins: Admins, sql: Sql) -> None:
    auditor, kind = admins("auditor"), f"test_{uuid4().hex[:20]}"
    for number in range(9):
        _event(sql, kind, ("low", "critical")[number % 2], f"2001:db8::{number % 3}")
    done = _event(sql, kind)
    seen = await auditor.ask("GET", f"/admin/security-events/{done}")
    await auditor.ask("POST", f"/admin/security-events/{done}/investigate", FOUND, If_Match=seen.version)
    for query, where in (
        ("", "true"),
        ("&severity=critical", "severity = 'critical'"),
        ("&investigated=true", "investigated"),
        ("&investigated=false&severity=low", "NOT investigated AND severity = 'low'"),
        ("&ip=2001:db8:0::1", "ip_address = '2001:db8::1'"),
    ):
        rows = sql.execute(
            f"SELECT id FROM security_events WHERE event_type = '{kind}' AND {where} ORDER BY timestamp DESC, id DESC"
        ).fetchall()
        assert rows, query
        assert await _walked(auditor, f"&type={kind}{query}", 4) == [str(row["id"]) for row in rows], query
    await auditor.refused("GET", "/admin/security-events?severity=awful", 400)
    assert (await auditor.refused("GET", "/admin/security-events?ip=nowhere", 400))["field"] == "ip"


async def test_investigation_is_kept_versioned_and_audited(admins: Admins, sql: Sql) -> None:
    auditor, event = admins("auditor"), _event(sql)
    path = f"/admin/security-events/{event}"
    before = await auditor.ask("GET", path)
    assert (before.json["investigated"], before.json["threat_indicators"]) == (False, {"failures": 5})
    await auditor.refused("POST", f"{path}/investigate", 428, FOUND)
    wrong = await auditor.refused(
        "POST", f"{path}/investigate", 422, {"notes": "no"}, If_Match=before.version
    )
    assert {fault["field"] for fault in wrong["fields"]} == {"false_positive"}
    done = await auditor.ask("POST", f"{path}/investigate", FOUND, If_Match=before.version)
    assert (done.status, done.json["investigated_by"], done.json["false_positive"]) == (
        200,
        str(auditor.id),
        True,
    )
    late = await auditor.refused("POST", f"{path}/investigate", 412, FOUND, If_Match=before.version)
    assert f'"{late["current_version"]}"' == done.version
    row = sql.execute(
        "SELECT admin_id, justification FROM admin_audit_logs WHERE resource_type = 'security_events' AND resource_id = %s",
        (str(event),),
    ).fetchone()
    assert row == {"admin_id": auditor.id, "justification": FOUND["notes"]}


async def test_events_are_for_those_who_may_see_them(user: Client, admins: Admins, sql: Sql) -> None:
    event = _event(sql)
    for role in ("asset_manager", "kyc_verifier", "viewer"):
        for path in ("", f"/{event}"):
            refusal = await admins(role).refused("GET", f"/admin/security-events{path}", 403)
            assert refusal["rule"] == "security.read"
    await user.refused("GET", "/admin/security-events", 403)
    await admins("auditor").refused("GET", f"/admin/security-events/{uuid4()}", 404)
