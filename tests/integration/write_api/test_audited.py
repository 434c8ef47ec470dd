"""Nothing happens unaudited: every change of every table leaves who, why and what, and no secret."""

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg.sql import SQL, Identifier

from tests.database import DatabaseServer
from tests.integration.write_api import world
from tests.integration.write_api.world import ADMINS, A, Row, Session, uuid

UNAUDITED = {
    "admin_audit_logs": "is the trail",
    "audit_seals": "seals the trail, append-only",
    "analytics_events": "counts what nobody is named in",
    "user_analytics": "what a person looked at, which is theirs to erase",
    "asset_metrics": "follows from investments and interests, which are audited",
    "challenges": "asked and answered within minutes; what comes of one is audited",
    "idempotency_keys": "answers kept for a day; what made them is audited",
    "sign_in_failures": "counts; each failure is a security event",
    "used_refresh_tokens": "hashes of spent tokens; their session is audited",
}
"""Tables that leave no trace, and why."""
PARTLY = {
    "admin_sessions": ("last use and token change with every refresh", {"INSERT", "DELETE", "UPDATE"}),
    "security_events": ("is a record itself; what is found out of it is audited", {"UPDATE", "DELETE"}),
    "asset_interests": ("has nothing to change", {"INSERT", "DELETE"}),
    "messages": ("is append-only", {"INSERT", "DELETE"}),
}
SECRET: dict[str, set[str]] = {
    "users": {"phone_hash"},
    "user_profiles": {
        "full_name",
        "email",
        "registration_ip",
        "device_fingerprints",
        "phone_number_masked",
        "preferences",
    },
    "admin_users": {"password_hash", "totp_secret", "setup_hash"},
    "admin_recovery_codes": {"code_hash"},
    "admin_security_keys": {"public_key"},
    "admin_sessions": {"token_hash"},
    "user_sessions": {"token_hash", "client"},
    "data_keys": {"wrapped"},
    "kyc_applications": {"details", "rejection_reason", "review_notes"},
    "kyc_documents": {"original_filename", "file_hash"},
    "messages": {"body"},
}
"""Columns that the trail shows as a fingerprint."""
_OTHERWISE: dict[str, str] = {
    "user_tiers": "description = 'Another'",
    "users": "metadata = '{\"a\": 1}'",
    "user_profiles": "full_name = '\\x63616e6172792d6e6577'",
    "admin_users": "totp_secret = '\\x63616e6172792d6e6577', name = 'Another'",
    "admin_permissions": "effect = 'deny'",
    "admin_recovery_codes": "used_at = now()",
    "admin_security_keys": "public_key = '\\x63616e6172792d6e6577'",
    "user_sessions": "version = 2",
    "admin_sessions": "version = 2",
    "data_keys": "wrapped = '\\x63616e6172792d6e6577'",
    "kyc_applications": "review_notes = '\\x63616e6172792d6e6577'",
    "kyc_documents": "application_id = NULL",
    "notices": "body = 'Tomorrow'",
    "assets": "title = 'Another'",
    "asset_details": "jurisdiction = 'EG'",
    "asset_documents": "title = 'Another'",
    "investments": "metadata = '{\"a\": 1}'",
    "transactions": "transaction_hash = sha256('another')",
    "investment_agreements": "agreement_url = 'https://pend.example'",
    "approvals": "decision_note = 'Hm'",
    "erasure_requests": "erased_at = now()",
    "security_events": "false_positive = true",
}
"""A change of a row of each audited table."""
AUDITED = sorted(world.rows().keys() - UNAUDITED.keys() | {"user_tiers"})


@pytest.fixture(scope="module")
def whole(embedded_home: DatabaseServer) -> Iterator[tuple[Session, dict[str, dict[str, Row]]]]:
    dsn = embedded_home.create(template=embedded_home.template())
    built = world.build(dsn)
    with world.superuser(dsn) as session:
        yield session, built
    embedded_home.drop(dsn)


@pytest.fixture
def sql(whole: tuple[Session, dict[str, dict[str, Row]]]) -> Iterator[Session]:
    """In a transaction that is taken back, in which guards are off and the trail is on."""
    session, _ = whole
    with session.transaction(force_rollback=True):
        yield session


def act(sql: Session) -> None:
    """As a super_admin, with a reason and a decision of two."""
    sql.execute(
        "SELECT account.enter('admin', %s, %s, 'request 7', '203.0.113.7'), set_config('app.justification', 'It is right', true),"
        " set_config('app.approval_id', %s, true), set_config('app.approved_by', %s, true)",
        (ADMINS["super_admin"], uuid("session"), str(uuid("approval")), str(ADMINS["gone"])),
    )


def last(sql: Session) -> Row:
    row = sql.execute("SELECT * FROM account.admin_audit_logs ORDER BY id DESC LIMIT 1").fetchone()
    assert row is not None
    return row


def sequence(sql: Session) -> int:
    """How many rows the trail was ever given."""
    row = sql.execute("SELECT pg_sequence_last_value('account.admin_audit_logs_id_seq') AS last").fetchone()
    assert row is not None
    return int(row["last"])


def only_audit(sql: Session, table: str) -> None:
    """Let no guard, key or other trigger have a say: what is asked is the trail."""
    sql.execute(SQL("ALTER TABLE account.{} DISABLE TRIGGER ALL").format(Identifier(table)))
    found = sql.execute(
        "SELECT FROM pg_trigger WHERE tgrelid = %s::regclass AND tgname = 'audit'", (f"account.{table}",)
    )
    if found.fetchall():
        sql.execute(SQL("ALTER TABLE account.{} ENABLE TRIGGER audit").format(Identifier(table)))


def test_every_table_is_audited_or_named_with_a_reason(sql: Session) -> None:
    found = sql.execute(
        """
        SELECT c.relname::text AS name, array(SELECT e FROM unnest(ARRAY['INSERT', 'DELETE', 'UPDATE'], ARRAY[4, 8, 16]) AS b (e, bit)
                                              WHERE t.tgtype & b.bit <> 0) AS events
        FROM pg_class AS c LEFT JOIN pg_trigger AS t ON t.tgrelid = c.oid AND t.tgname = 'audit'
        WHERE c.relnamespace = 'account'::regnamespace AND c.relkind IN ('r', 'p')
        """
    ).fetchall()
    assert {row["name"] for row in found} == set(AUDITED) | UNAUDITED.keys()
    for row in found:
        name, events = row["name"], set(row["events"])
        if name == "asset_metrics":
            assert events == {"UPDATE"}  # of performance_data alone
        elif name in UNAUDITED:
            assert events == set()
        else:
            assert events >= PARTLY.get(name, ("", {"INSERT", "UPDATE", "DELETE"}))[1], name


@pytest.mark.parametrize("table", AUDITED)
def test_change_leaves_who_why_and_what(table: str, sql: Session, whole: tuple[Session, Any]) -> None:
    row = dict(next(iter(whole[1][table].values())))
    key = {name: row[name] for name in list(row)[:1]}
    if table in {"admin_recovery_codes", "asset_interests"}:
        key = {name: row[name] for name in list(row)[:2]}
    where = SQL(" AND ").join(SQL("{} = %s").format(Identifier(name)) for name in key)
    only_audit(sql, table)
    act(sql)
    before = sequence(sql)
    written: list[tuple[str, Row]] = []
    events = PARTLY.get(table, ("", {"INSERT", "UPDATE", "DELETE"}))[1]

    def happens(event: str, statement: Any, values: list[Any]) -> None:
        assert sql.execute(statement, values).rowcount == 1
        if event in events:
            written.append((event.lower(), last(sql)))

    if table in _OTHERWISE and "UPDATE" in events:
        change = SQL("UPDATE account.{} SET ").format(Identifier(table)).as_string(sql) + _OTHERWISE[table]
        happens("UPDATE", (change + " WHERE " + where.as_string(sql)).encode(), list(key.values()))
    happens(
        "DELETE", SQL("DELETE FROM account.{} WHERE ").format(Identifier(table)) + where, list(key.values())
    )
    if "INSERT" in events:
        world.insert(sql, table, row)
        written.append(("insert", last(sql)))
    assert sequence(sql) - before == len(written)
    assert {name for name, _ in written} == {event.lower() for event in events}
    for action, log in written:
        assert (log["actor"], log["admin_id"], log["user_id"]) == ("admin", ADMINS["super_admin"], None)
        assert (log["action"], log["resource_type"]) == (action, table)
        assert log["resource_id"] in {str(value) for value in row.values()}
        assert (log["request_id"], str(log["ip_address"])) == ("request 7", "203.0.113.7")
        assert log["session_id"] == uuid("session")
        assert (log["justification"], log["approval_id"]) == ("It is right", uuid("approval"))
        assert log["approved_by"] == ADMINS["gone"]
        assert (log["old_values"] is None) == (action == "insert")
        assert (log["new_values"] is None) == (action == "delete")
        if action == "update":
            assert log["old_values"].keys() == log["new_values"].keys()
            assert log["old_values"] != log["new_values"]
        for values in filter(None, (log["old_values"], log["new_values"])):
            for column in SECRET.get(table, set()) & values.keys():
                assert values[column] is None or values[column].startswith("sha256:"), column


def test_totals_leave_no_trace_and_what_is_told_of_performance_does(sql: Session) -> None:
    act(sql)
    before = last(sql)["id"]
    sql.execute("UPDATE account.asset_metrics SET total_reserved = 1 WHERE asset_id = %s", (uuid("open"),))
    assert last(sql)["id"] == before
    sql.execute(
        "UPDATE account.asset_metrics SET performance_data = '{\"a\": 1}' WHERE asset_id = %s",
        (uuid("open"),),
    )
    assert (last(sql)["resource_type"], last(sql)["new_values"]) == (
        "asset_metrics",
        {"performance_data": {"a": 1}},
    )


def test_change_of_nothing_leaves_nothing(sql: Session) -> None:
    act(sql)
    before = last(sql)["id"]
    sql.execute("UPDATE account.users SET metadata = metadata")
    assert last(sql)["id"] == before


@pytest.mark.parametrize(("kind", "id_"), [("user", A), ("anyone", None)])
def test_users_and_the_system_are_told_apart(kind: str, id_: Any, sql: Session) -> None:
    sql.execute("SELECT account.enter(%s, %s, NULL, NULL, NULL)", (kind, id_))
    sql.execute("UPDATE account.users SET metadata = '{\"a\": 1}' WHERE id = %s", (A,))
    log = last(sql)
    assert (log["actor"], log["user_id"], log["admin_id"]) == ("user" if id_ else "system", id_, None)


def test_what_changes_no_row_is_noted(sql: Session) -> None:
    act(sql)
    sql.execute("SET LOCAL ROLE pend_writer")
    sql.execute("SELECT account.audit_access('read', 'kyc_documents', 'one', '{\"pages\": 2}')")
    sql.execute("RESET ROLE")
    log = last(sql)
    assert (log["action"], log["resource_id"], log["new_values"]) == ("read", "one", {"pages": 2})
    assert (log["admin_id"], log["justification"]) == (ADMINS["super_admin"], "It is right")


def test_user_who_takes_an_intent_back_is_named(sql: Session) -> None:
    sql.execute("SELECT account.enter('user', %s, NULL, NULL, NULL)", (A,))
    sql.execute("SET LOCAL ROLE pend_writer")
    sql.execute("SELECT account.cancel_transaction(%s)", (uuid("asked a"),))
    sql.execute("RESET ROLE")
    found = sql.execute(
        "SELECT DISTINCT actor, user_id FROM account.admin_audit_logs WHERE id > 2 AND resource_type IN ('transactions', 'investments')"
    ).fetchall()
    assert found == [{"actor": "user", "user_id": A}]


def test_no_secret_is_anywhere_in_the_trail(sql: Session, whole: tuple[Session, Any]) -> None:
    """A canary of its own in every secret column, put in, changed and taken away."""
    canaries = []
    for table, columns in SECRET.items():
        only_audit(sql, table)
        # No format keeps a canary out.
        checks = sql.execute(
            "SELECT conname::text AS name FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'",
            (f"account.{table}",),
        ).fetchall()
        for check in checks:
            sql.execute(
                SQL("ALTER TABLE account.{} DROP CONSTRAINT {}").format(
                    *map(Identifier, (table, check["name"]))
                )
            )
        kinds = sql.execute(
            "SELECT attname::text AS name, atttypid::regtype::text AS type FROM pg_attribute WHERE attrelid = %s::regclass",
            (f"account.{table}",),
        ).fetchall()
        for row in kinds:
            if row["name"] not in columns:
                continue
            canary = f"canary-{table}-{row['name']}".ljust(32, "x")[:32]
            value: Any = canary.encode() if row["type"] == "bytea" else canary
            if row["type"] == "jsonb":
                value = f'{{"is": "{canary}"}}'
            if row["name"] == "password_hash":
                value = f"$argon2id${canary}"
            statement = SQL(
                "UPDATE account.{0} SET {1} = %s WHERE ctid = (SELECT min(ctid) FROM account.{0})"
            ).format(Identifier(table), Identifier(row["name"]))
            sql.execute(statement, (value,))
            canaries.append(canary)
    for table in SECRET:
        sql.execute(SQL("DELETE FROM account.{}").format(Identifier(table)))
    assert len(canaries) > 20
    trail = "\n".join(
        str(row["text"])
        for row in sql.execute("SELECT l::text AS text FROM account.admin_audit_logs AS l").fetchall()
    )
    assert trail.count("sha256:") > 20
    for canary in canaries:
        assert canary not in trail
        assert canary.encode().hex() not in trail
