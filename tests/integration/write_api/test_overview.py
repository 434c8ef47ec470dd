"""Dashboards: true figures, for those who may see them, and nothing else with them."""

from collections.abc import Callable
from decimal import Decimal
from uuid import uuid4

import psycopg

from tests.integration.write_api.offices import Client

Admins = Callable[[str], Client]
Sql = psycopg.Connection[psycopg.rows.DictRow]


def _value(sql: Sql, query: str) -> int:
    row = sql.execute(query).fetchone()
    assert row is not None
    return int(row["n"])


async def test_dashboard_counts_what_is_there(user: Client, admins: Admins, sql: Sql) -> None:
    sql.execute(
        "SELECT account.record_security_event('test', 'critical', NULL, NULL, NULL, '', NULL, 'r', '{}', NULL)"
    )
    sql.execute("SELECT account.refresh_summaries()")
    stats = await admins("viewer").get("/admin/dashboard-stats")
    users = sql.execute("SELECT status, count(*) AS n FROM users GROUP BY status").fetchall()
    assert stats["counted"]["users_by_status"] == {row["status"]: row["n"] for row in users}
    assert sum(stats["counted"]["users_by_tier"].values()) == sum(row["n"] for row in users)
    waiting = stats["open"]
    assert waiting["applications_pending"] == _value(
        sql, "SELECT count(*) AS n FROM kyc_applications WHERE status = 'pending_review'"
    )
    assert waiting["approvals_pending"] == _value(
        sql, "SELECT count(*) AS n FROM approvals WHERE status = 'pending' AND expires_at > now()"
    )
    assert waiting["security_events_open"] == _value(
        sql, "SELECT count(*) AS n FROM security_events WHERE NOT investigated"
    )
    assert waiting["security_events_severe"] >= 1
    totals = sql.execute(
        "SELECT sum(m.total_invested) AS n FROM asset_metrics AS m JOIN asset_details USING (asset_id)"
    )
    (whole,) = totals.fetchall()
    assert sum(Decimal(each["total_invested"]) for each in stats["totals"]) == (whole["n"] or 0)


async def test_summary_of_an_empty_database_is_there_from_the_first_request(admins: Admins) -> None:
    assert (await admins("auditor").get("/admin/dashboard-stats"))["counted"]["counted_at"]


async def test_database_health_names_sizes_connections_and_the_last_seal(admins: Admins, sql: Sql) -> None:
    health = await admins("viewer").get("/admin/database-health")
    assert not health["is_standby"]
    assert 1 <= health["connections"] <= health["connections_max"]
    assert health["database_bytes"] > 1_000_000
    assert {"admin_audit_logs", "users"} & {table["name"] for table in health["tables"]}
    assert health["audit_rows_unsealed"] == min(
        100_000,
        _value(
            sql,
            "SELECT count(*) AS n FROM admin_audit_logs WHERE id > (SELECT coalesce(max(last_id), 0) FROM audit_seals)",
        ),
    )
    assert health["summaries_at"] is not None


async def test_activity_counts_by_hour_and_kind_without_names(user: Client, admins: Admins, sql: Sql) -> None:
    kind = f"test_{uuid4().hex}"
    for _ in range(3):
        sql.execute(
            "INSERT INTO admin_audit_logs (actor, action, resource_type) VALUES ('user', 'read', %s)", (kind,)
        )
    activity = await admins("viewer").get("/admin/database-activity?hours=1")
    assert activity["is_complete"]
    assert sum(each["changes"] for each in activity["data"] if each["resource_type"] == kind) == 3
    assert str(user.id) not in str(activity)
    await admins("viewer").refused("GET", "/admin/database-activity?hours=1000", 400)


async def test_performance_tells_requests_by_route(user: Client, admins: Admins) -> None:
    await user.get("/users/me")
    await user.refused("PATCH", "/users/me", 428, {})
    metrics = await admins("viewer").get("/admin/performance-metrics")
    (mine,) = (each for each in metrics["routes"] if each["route"] == "/api/v1/users/me")
    assert mine["requests"] >= 2
    assert mine["refused"] >= 1
    assert mine["p99_ms_max"] is None or mine["p99_ms_max"] >= mine["mean_ms"] / 100
    assert 1 <= metrics["database_connections_busy"] <= metrics["database_connections_max"]


async def test_dashboards_are_for_those_who_may_see_them(
    user: Client, anyone: Client, admins: Admins
) -> None:
    verifier = admins("kyc_verifier")
    for path, rule in (
        ("dashboard-stats", "analytics.read"),
        ("database-health", "system.read"),
        ("database-activity", "system.read"),
        ("performance-metrics", "system.read"),
    ):
        assert (await verifier.refused("GET", f"/admin/{path}", 403))["rule"] == rule
        await user.refused("GET", f"/admin/{path}", 403)
        await anyone.refused("GET", f"/admin/{path}", 401)


def test_figures_are_nobodys_without_the_permission(sql: Sql) -> None:
    """As pend_writer itself, with nobody acting."""
    with sql.transaction():
        sql.execute("SET LOCAL ROLE pend_writer")
        for call in (
            "open_work(10)",
            "asset_totals()",
            "database_health()",
            "table_sizes(5)",
            "activity(now(), 5)",
        ):
            assert sql.execute(f"SELECT * FROM account.{call}").fetchall() == [], call
