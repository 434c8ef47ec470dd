"""The rules that no statement gets round: each refuses what it is for, by its name, and lets the rest pass."""

import re
from collections import Counter
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest

import migrations
from tests.database import DatabaseServer
from tests.integration.write_api import world
from tests.integration.write_api.permitted import ALLOWED
from tests.integration.write_api.refusals import REFUSED
from tests.integration.write_api.rules import Case, approved, named
from tests.integration.write_api.world import ADMINS, USERS, Session

_RULES = re.compile(r"account\.refuse\(\d+, '(\w+)'")


@pytest.fixture(scope="module")
def whole(embedded_home: DatabaseServer) -> Iterator[Session]:
    """A superuser's connection to the world."""
    dsn = embedded_home.create(template=embedded_home.template())
    world.build(dsn)
    with world.superuser(dsn) as session:
        yield session
    embedded_home.drop(dsn)


@pytest.fixture
def sql(whole: Session) -> Iterator[Session]:
    """In a transaction that is taken back."""
    with whole.transaction(force_rollback=True):
        yield whole


def enter(sql: Session, case: Case) -> None:
    """Who acts in the rest of the transaction."""
    with sql.transaction():
        sql.execute("SET LOCAL session_replication_role = replica")
        for statement in case.given:
            sql.execute(named(statement).encode())
    sql.execute("SET LOCAL session_replication_role = origin")
    kind = "user" if case.by in USERS else "admin" if case.by else "anyone"
    sql.execute(
        "SELECT account.enter(%s, %s, NULL, 'a request', '203.0.113.7')",
        (kind, (USERS | ADMINS).get(case.by)),
    )
    if case.role != "postgres":
        sql.execute(f"SET LOCAL ROLE {case.role}".encode())


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name.replace(" ", "-"))
def test_rule_refuses(case: Case, sql: Session) -> None:
    enter(sql, case)
    with pytest.raises(psycopg.Error) as refused:
        sql.execute(named(case.statement).encode())
    assert (refused.value.sqlstate, refused.value.diag.constraint_name) == (f"PW{case.status}", case.rule)


@pytest.mark.parametrize("case", ALLOWED, ids=lambda case: case.name.replace(" ", "-"))
def test_rules_let_pass(case: Case, sql: Session) -> None:
    enter(sql, case)
    assert sql.execute(named(case.statement).encode()).rowcount == 1


def test_every_rule_of_the_migrations_is_refused_once_in_each_place_that_asks_it() -> None:
    asked = Counter(
        rule for path in migrations.FOLDER.glob("*.sql") for rule in _RULES.findall(path.read_text())
    )
    cases = Counter(case.rule for case in REFUSED)
    assert {rule: times for rule, times in asked.items() if cases[rule] < times} == {}


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("users", "metadata = '{\"a\": 1}' WHERE id = $a"),
        ("user_profiles", "country_code = 'DE' WHERE user_id = $a"),
        ("security_events", "false_positive = true WHERE id = $event_a"),
        ("approvals", "decision_note = 'Hm' WHERE id = $asked_super"),
        ("admin_users", "name = 'Another' WHERE id = $viewer"),
        ("kyc_applications", "review_notes = '\\x02' WHERE id = $kyc_a"),
        ("assets", "title = 'Another' WHERE id = $draft"),
        ("asset_details", "token_symbol = 'NEW' WHERE asset_id = $draft"),
        ("investments", "metadata = '{\"a\": 1}' WHERE id = $held_a"),
    ],
    ids=lambda text: text.partition(" ")[0] if " " not in text else "",
)
def test_change_raises_the_version(table: str, change: str, sql: Session) -> None:
    row = sql.execute(named(f"UPDATE account.{table} SET {change} RETURNING version").encode()).fetchone()
    assert row == {"version": 2}


def test_suspended_user_and_changed_administrator_are_signed_out(sql: Session) -> None:
    sql.execute(named("UPDATE account.users SET status = 'suspended' WHERE id = $a").encode())
    sql.execute(named("UPDATE account.admin_users SET is_active = false WHERE id = $viewer").encode())
    for table, who in (("user_sessions", "user_id = $a"), ("admin_sessions", "admin_id = $viewer")):
        found = sql.execute(
            named(f"SELECT ended_because FROM account.{table} WHERE {who}").encode()
        ).fetchall()
        assert found == [{"ended_because": "account_changed"}]


def test_asset_begins_with_its_totals(sql: Session) -> None:
    id_ = uuid4()
    sql.execute("INSERT INTO account.assets (id, type, title) VALUES (%s, 'interest', 'New')", (id_,))
    found = sql.execute(
        "SELECT interested_count FROM account.asset_metrics WHERE asset_id = %s", (id_,)
    ).fetchall()
    assert found == [{"interested_count": 0}]


def test_interest_is_counted_up_and_down(sql: Session) -> None:
    def counted() -> int:
        row = sql.execute(
            named("SELECT interested_count FROM account.asset_metrics WHERE asset_id = $idea").encode()
        ).fetchone()
        assert row is not None
        return int(row["interested_count"])

    assert counted() == 2
    sql.execute(named("DELETE FROM account.asset_interests WHERE user_id = $a").encode())
    assert counted() == 1
    sql.execute(named("INSERT INTO account.asset_interests (asset_id, user_id) VALUES ($idea, $a)").encode())
    assert counted() == 2


def test_investment_begins_with_its_leg_and_reserves_what_it_asks_for(sql: Session) -> None:
    row = sql.execute(
        named(
            "INSERT INTO account.investments (user_id, asset_id, amount, currency) VALUES ($a, $open, 7, 'PEND')"
            " RETURNING id"
        ).encode()
    ).fetchone()
    assert row is not None
    legs = sql.execute(
        "SELECT kind, amount, status FROM account.transactions WHERE investment_id = %s", (row["id"],)
    ).fetchall()
    assert legs == [{"kind": "investment", "amount": 7, "status": "pending"}]
    assert _totals(sql) == (200, 7)


def test_settled_leg_moves_the_totals_and_frees_what_was_asked_for(sql: Session) -> None:
    settle = (
        "UPDATE account.transactions SET status = 'confirmed', settled_at = now(), block_number = 9, log_index = 1,"
        " block_hash = sha256('') WHERE id = $asked_a"
    )
    sql.execute(named(settle).encode())
    assert _held(sql) == (1, 0)
    assert _totals(sql) == (199, 0)
    sql.execute(
        named(
            "UPDATE account.transactions SET status = 'failed', settled_at = now(), failure_reason = 'expired'"
            " WHERE id = $asked_b"
        ).encode()
    )
    assert _held(sql, "b") == (0, 0)
    assert _totals(sql) == (199, 0)


def test_key_of_a_deleted_document_is_destroyed(sql: Session) -> None:
    sql.execute(named("DELETE FROM account.kyc_documents WHERE id = $waiting_a").encode())
    found = sql.execute(
        named("SELECT wrapped FROM account.data_keys WHERE user_id = $a AND purpose = 'document'").encode()
    ).fetchall()
    assert found == [{"wrapped": None}]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE account.assets SET title = 'Another' WHERE id = $open",
        (
            "INSERT INTO account.assets (type, title, status, contract_address)"
            " VALUES ('investment', 'New', 'active', substr(sha256(''), 1, 20))"
        ),
        "UPDATE account.users SET tier = 1 WHERE id = $a",
    ],
    ids=["asset-changed", "asset-made", "user-changed"],
)
def test_change_of_what_the_explorer_shows_is_announced_to_it(change: str, sql: Session) -> None:
    sql.execute(
        "INSERT INTO chain.chain_state (chain_id, genesis_hash, consensus) VALUES (1, sha256(''), 'ethereum')"
    )
    sql.execute(named(change).encode())
    sql.execute("SET CONSTRAINTS ALL IMMEDIATE")
    found = sql.execute("SELECT sequence, kind FROM chain.outbox").fetchall()
    assert found == [{"sequence": 1, "kind": "account"}]


def test_erasure_takes_the_keys_and_all_that_names_the_person(sql: Session) -> None:
    case = Case("", "super_admin", "SELECT account.erase_user($a)", (approved("erasure", "$a", {}),))
    enter(sql, case)
    sql.execute(named(case.statement).encode())
    sql.execute("RESET ROLE")

    def left(statement: str) -> list[dict[str, object]]:
        return sql.execute(named(statement).encode()).fetchall()

    assert left("SELECT FROM account.data_keys WHERE user_id = $a AND wrapped IS NOT NULL") == []
    assert left("SELECT status, phone_hash FROM account.users WHERE id = $a") == [
        {"status": "closed", "phone_hash": None}
    ]
    assert left(
        "SELECT full_name, email, registration_ip, device_fingerprints, phone_number_masked, country_code"
        " FROM account.user_profiles WHERE user_id = $a AND preferences = '{}'"
    ) == [
        dict.fromkeys(
            (
                "full_name",
                "email",
                "registration_ip",
                "device_fingerprints",
                "phone_number_masked",
                "country_code",
            )
        )
    ]
    for table, who in (
        ("user_analytics", "user_id = $a"),
        ("challenges", "user_id = $a"),
        ("idempotency_keys", "actor = $a"),
        ("user_sessions", "user_id = $a AND (client <> '' OR ended_at IS NULL)"),
        ("kyc_documents", "user_id = $a AND erased_at IS NULL"),
    ):
        assert left(f"SELECT FROM account.{table} WHERE {who}") == [], table
    assert left("SELECT files_left FROM account.erasure_requests WHERE user_id = $a") == [
        {"files_left": ["used/a", "waiting/a"]}
    ]
    # Money and the decision about the identity stay, and so does everything of others.
    for table in ("investments", "transactions", "investment_agreements", "kyc_applications"):
        assert left(f"SELECT FROM account.{table} WHERE user_id = $a") != [], table
    assert len(left("SELECT FROM account.data_keys WHERE user_id = $b AND wrapped IS NOT NULL")) == 2


def _totals(sql: Session) -> tuple[int, int]:
    row = sql.execute(
        named(
            "SELECT total_invested, total_reserved FROM account.asset_metrics WHERE asset_id = $open"
        ).encode()
    ).fetchone()
    assert row is not None
    return row["total_invested"], row["total_reserved"]


def _held(sql: Session, user: str = "a") -> tuple[int, int]:
    row = sql.execute(
        named(f"SELECT withdrawn, withdrawing FROM account.investments WHERE id = $held_{user}").encode()
    ).fetchone()
    assert row is not None
    return row["withdrawn"], row["withdrawing"]
