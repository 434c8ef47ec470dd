"""What the roles of the database may do in the schema of accounts, from its catalog; and what the explorer can read."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.database import DatabaseServer
from tests.integration.write_api import functions, world
from tests.integration.write_api.world import ADMINS, A, Session

SECRETS = {
    "admin_users": {"password_hash", "totp_secret", "totp_last_step", "setup_hash"},
    "admin_recovery_codes": {"code_hash"},
    "admin_security_keys": {"public_key", "sign_count"},
    "admin_sessions": {"token_hash"},
    "user_sessions": {"token_hash"},
}
"""What pend_writer checks through functions alone; whole tables that are not its to read are in isolation.txt."""
PUBLIC = {("assets", "title"), ("assets", "category"), ("assets", "image_url")}
"""What is offered, which the explorer shows beside a pool. Wallets and their tiers are no person's name."""


@pytest.fixture(scope="module")
def peopled(embedded_home: DatabaseServer) -> Iterator[Session]:
    """A superuser's connection to the world; each test leaves it as it was."""
    dsn = embedded_home.create(template=embedded_home.template())
    world.build(dsn)
    with world.superuser(dsn) as session:
        yield session
    embedded_home.drop(dsn)


def test_row_level_security_is_enabled_and_forced_on_every_table(peopled: Session) -> None:
    found = peopled.execute(
        "SELECT relname::text AS name, relrowsecurity AND relforcerowsecurity AS forced FROM pg_class"
        " WHERE relnamespace = 'account'::regnamespace AND relkind IN ('r', 'p')"
    ).fetchall()
    assert len(found) > 30
    assert [row["name"] for row in found if not row["forced"]] == []


def test_policies_are_for_the_writer_and_one_of_each_table_for_the_definer(peopled: Session) -> None:
    found = peopled.execute(
        "SELECT tablename::text AS name, policyname::text AS policy, roles::text[] AS roles, permissive FROM pg_policies"
        " WHERE schemaname = 'account'"
    ).fetchall()
    tables = peopled.execute(
        "SELECT relname::text AS name FROM pg_class WHERE relnamespace = 'account'::regnamespace AND relkind IN ('r', 'p')"
    ).fetchall()
    of_definer = [row["name"] for row in found if row["roles"] == ["pend_definer"]]
    assert sorted(of_definer) == sorted(row["name"] for row in tables)
    others = [row for row in found if row["policy"] != "definer"]
    assert {tuple(row["roles"]) for row in others} == {("pend_writer",)}


def test_only_the_definer_goes_past_row_level_security_and_nobody_logs_in_as_it(peopled: Session) -> None:
    found = peopled.execute(
        "SELECT rolname::text AS name, rolcanlogin OR rolbypassrls OR rolsuper AS strong FROM pg_roles"
        " WHERE rolname IN ('pend_owner', 'pend_definer', 'pend_writer', 'pend_worker', 'pend_explorer', 'pend_indexer')"
    ).fetchall()
    assert len(found) == 6
    assert [row["name"] for row in found if row["strong"]] == []
    for role in ("pend_writer", "pend_worker", "pend_explorer", "pend_indexer"):
        may = peopled.execute(
            "SELECT pg_has_role(%s, 'pend_definer', 'MEMBER') OR pg_has_role(%s, 'pend_owner', 'MEMBER') AS may",
            (role, role),
        ).fetchone()
        assert may is not None
        assert not may["may"], role


def test_functions_act_and_are_called_as_is_committed(peopled: Session) -> None:
    """After a migration: python -m tests.integration.write_api.functions --write, and read what it changed."""
    assert functions.text(peopled) == functions.FILE.read_text(encoding="utf-8")


def test_functions_that_act_for_others_fix_their_path_and_are_not_for_everybody(peopled: Session) -> None:
    made = functions.text(peopled).removeprefix(functions.HEADER).replace("\n    ", " ")
    for line in made.splitlines():
        assert "everybody" not in line
        if " as caller" not in line:
            owner = "pend_owner" if line.startswith("audit_horizon(") else "pend_definer"
            assert f" as {owner}, search_path=pg_catalog, pg_temp;" in line


def test_secrets_are_no_column_that_the_writer_reads(peopled: Session) -> None:
    for table, secret in SECRETS.items():
        found = peopled.execute(
            "SELECT attname::text AS name FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
            " AND NOT has_column_privilege('pend_writer', attrelid, attnum, 'SELECT')",
            (f"account.{table}",),
        ).fetchall()
        assert {row["name"] for row in found} == secret


@pytest.mark.parametrize("role", ["pend_explorer", "pend_indexer"])
def test_neither_explorer_nor_indexer_touches_accounts(role: str, peopled: Session) -> None:
    names = peopled.execute(
        "SELECT relname::text AS name FROM pg_class WHERE relnamespace = 'account'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')"
    ).fetchall()
    assert len(names) > 35
    peopled.execute(SQL("SET ROLE {}").format(Identifier(role)))
    try:
        for row in names:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                peopled.execute(SQL("SELECT FROM account.{}").format(Identifier(row["name"])))
        for call in ("current_user_id()", "admin_for_sign_in('viewer@pend.example')", "system_key()"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                peopled.execute(f"SELECT account.{call}".encode())
    finally:
        peopled.execute("RESET ROLE")


@pytest.mark.parametrize(
    "summary", ["asset_performance_summary", "user_portfolio_summary", "platform_summary"]
)
def test_summary_is_read_through_its_view_alone(summary: str, peopled: Session) -> None:
    with peopled.transaction(force_rollback=True):
        peopled.execute("SET LOCAL ROLE pend_writer")
        peopled.execute(
            "SELECT account.enter('admin', %s, NULL, 'a request', NULL)", (ADMINS["super_admin"],)
        )
        view = SQL("SELECT * FROM account.{}").format(Identifier(summary.removesuffix("_summary")))
        assert peopled.execute(view).fetchall()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            peopled.execute(SQL("SELECT FROM account.{}").format(Identifier(summary)))


def test_views_over_other_peoples_rows_let_no_function_look_before_they_filter(peopled: Session) -> None:
    found = peopled.execute(
        "SELECT relname::text AS name, coalesce(reloptions, '{}') AS options FROM pg_class"
        " WHERE relnamespace = 'account'::regnamespace AND relkind = 'v'"
    ).fetchall()
    assert len(found) >= 4
    for row in found:
        assert {"security_barrier=true", "security_barrier"} & set(row["options"]), row["name"]


def test_explorer_reads_no_personal_data_in_any_column_of_any_schema(peopled: Session) -> None:
    """A canary of its own in every text, bytea and jsonb column of every account table."""
    with peopled.transaction(force_rollback=True):
        canaries, kept_out = _plant(peopled)
        assert len(canaries) > 60
        # Words, codes and formats under a check: nothing of a person fits into them.
        assert {column for table, column in kept_out if table == "user_profiles"} == {
            "phone_number_masked",
            "country_code",
        }
        peopled.execute("SET LOCAL session_replication_role = origin")
        peopled.execute("SELECT account.refresh_summaries()")
        readable = peopled.execute(
            """
            SELECT c.oid::regclass::text AS relation, quote_ident(a.attname) AS name
            FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND has_schema_privilege('pend_explorer', c.relnamespace, 'USAGE')
              AND has_column_privilege('pend_explorer', c.oid, a.attnum, 'SELECT')
            ORDER BY 1, 2
            """
        ).fetchall()
        assert {"account_public.pools", "chain.blocks"} <= {row["relation"] for row in readable}
        assert not [row for row in readable if row["relation"].startswith("account.")]
        columns: dict[str, list[str]] = {}
        for row in readable:
            columns.setdefault(row["relation"], []).append(f"coalesce({row['name']}::text, '')")
        peopled.execute("SET LOCAL ROLE pend_explorer")
        seen = set()
        for relation, names in columns.items():
            whole = " || ' ' || ".join(names)
            with peopled.transaction():
                found = peopled.execute(
                    f"SELECT {whole} AS text FROM {relation} AS r WHERE {whole} ~ %s".encode(),
                    (f"canary-|{b'canary-'.hex()}",),
                ).fetchall()
            text = "\n".join(row["text"] for row in found)
            seen |= {
                place for place, canary in canaries.items() if canary in text or canary.encode().hex() in text
            }
        assert seen == PUBLIC


def _plant(session: Session) -> tuple[dict[tuple[str, str], str], set[tuple[str, str]]]:
    """What was put where, and the columns that take no such thing."""
    columns = session.execute(
        """
        SELECT c.relname::text AS relation, a.attname::text AS name, a.atttypid::regtype::text AS type
        FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE c.relnamespace = 'account'::regnamespace AND c.relkind IN ('r', 'p') AND a.attgenerated = ''
          AND a.atttypid IN ('text'::regtype, 'bytea'::regtype, 'jsonb'::regtype)
        """
    ).fetchall()
    planted, kept_out = {}, set()
    session.execute("SET LOCAL session_replication_role = replica")
    for number, row in enumerate(columns):
        place = (row["relation"], row["name"])
        canary = f"canary-{number}-of-{row['relation']}"
        value = {"text": canary, "bytea": canary.encode(), "jsonb": f'{{"is": "{canary}"}}'}[row["type"]]
        statement = SQL(
            "UPDATE account.{0} SET {1} = %s WHERE ctid = (SELECT max(ctid) FROM account.{0})"
        ).format(*map(Identifier, place))
        try:
            with session.transaction():
                session.execute(statement, (value,))
        except (psycopg.errors.CheckViolation, psycopg.errors.UniqueViolation):
            kept_out.add(place)
        else:
            planted[place] = canary
    return planted, kept_out


@pytest.mark.parametrize(
    "call",
    [
        "SELECT * FROM account.user_portfolio WHERE user_id <> %(a)s",
        "SELECT * FROM account.platform",
        "SELECT * FROM account.admin_names",
        "SELECT * FROM account.activity(now() - interval '1 year', 100)",
        "SELECT * FROM account.asset_totals()",
        "SELECT * FROM account.database_health()",
        "SELECT * FROM account.open_work(100)",
        "SELECT * FROM account.table_sizes(100)",
        "SELECT * FROM account.user_growth(current_date - 30, current_date)",
        "SELECT true WHERE account.admin_may('assets.read')",
        "SELECT true WHERE account.cancel_transaction(%(of_b)s)",
    ],
)
def test_user_is_told_nothing_of_others_by_a_function(call: str, peopled: Session) -> None:
    with peopled.transaction(force_rollback=True):
        peopled.execute("SET LOCAL ROLE pend_writer")
        peopled.execute("SELECT account.enter('user', %s, NULL, 'a request', NULL)", (A,))
        try:
            found = peopled.execute(call.encode(), {"a": A, "of_b": world.uuid("asked b")}).fetchall()
        except psycopg.Error as error:
            assert str(error.sqlstate).startswith("PW403")  # noqa: PT017  one of two outcomes
        else:
            assert found == []
