"""Administrators manage one another: seen, renamed, disabled, reset, revoked; never raised by themselves."""

from collections.abc import Callable
from uuid import uuid4

import psycopg
import pytest

from tests.integration.write_api.administrators import (
    PASSWORD,
    Sql,
    admin_signed_in,
    invited,
    new_person,
    set_up,
)
from tests.integration.write_api.offices import Client

Admins = Callable[[str], Client]
Acting = Callable[[Client], psycopg.Connection[psycopg.rows.DictRow]]

WHY = {"justification": "agreed in the weekly meeting"}


async def test_administrators_are_listed_by_pages_and_filters(admins: Admins) -> None:
    auditor = admins("auditor")
    made = {str(admins("viewer").id) for _ in range(3)}
    seen: list[str] = []
    cursor = ""
    while not made <= set(seen):
        page = await auditor.get(f"/admin/admins?role=viewer&is_active=true&limit=2{cursor}")
        assert {each["role"] for each in page["data"]} == {"viewer"}
        seen += [each["id"] for each in page["data"]]
        assert page["next"] is not None or made <= set(seen)
        cursor = f"&cursor={page['next']}"
    assert len(set(seen)) == len(seen)
    await auditor.refused("GET", f"/admin/admins?cursor={cursor[8:]}", 400)
    await auditor.refused("GET", f"/admin/admins/{uuid4()}", 404)


async def test_a_name_changes_by_version(admins: Admins) -> None:
    boss, other = admins("super_admin"), admins("viewer")
    before = await boss.ask("GET", f"/admin/admins/{other.id}")
    path = f"/admin/admins/{other.id}"
    changed = await boss.ask("PATCH", path, {"name": "Renamed"}, If_Match=before.version)
    assert (changed.status, changed.json["name"]) == (200, "Renamed")
    await boss.refused("PATCH", path, 412, {"name": "Again"}, If_Match=before.version)
    await boss.refused("PATCH", path, 428, {"name": "Again"})
    hidden = {"name": "a\u202eb"}
    refusal = await boss.refused("PATCH", path, 422, hidden, If_Match=changed.version)
    assert refusal["fields"][0]["field"] == "name"


async def test_a_disabled_administrator_is_refused_at_once(admins: Admins, sql: Sql) -> None:
    boss, other = admins("super_admin"), admins("auditor")
    await other.get("/admin/me")
    path = f"/admin/admins/{other.id}"
    refusal = await boss.refused("POST", f"{path}/disable", 422, {"justification": "short"})
    assert refusal["fields"][0]["field"] == "justification"
    assert not (await boss.post(f"{path}/disable", WHY, 200))["is_active"]
    await other.refused("GET", "/admin/me", 401)
    again = await boss.refused("POST", f"{path}/disable", 409, WHY)
    assert again["allowed_transitions"] == ["enable"]
    assert (await boss.post(f"{path}/enable", WHY, 200))["is_active"]
    await other.refused("GET", "/admin/me", 401)
    trail = sql.execute(
        "SELECT justification, admin_id FROM admin_audit_logs WHERE resource_id = %s AND action = 'update'"
        " AND resource_type = 'admin_users' AND new_values ? 'is_active'",
        (str(other.id),),
    ).fetchall()
    assert trail == [{"justification": WHY["justification"], "admin_id": boss.id}] * 2


async def test_a_revoked_session_is_refused_at_once(admins: Admins) -> None:
    boss, other = admins("super_admin"), admins("auditor")
    listed = (await boss.get(f"/admin/admins/{other.id}/sessions"))["data"]
    assert [each["id"] for each in listed] == [str(other.session_id)]
    assert (await boss.ask("DELETE", f"/admin/sessions/{other.session_id}")).status == 204
    await other.refused("GET", "/admin/me", 401)
    await boss.refused("DELETE", f"/admin/sessions/{other.session_id}", 404)
    assert (await boss.get(f"/admin/admins/{other.id}/sessions"))["data"] == []


async def test_a_reset_takes_every_factor_and_session(anyone: Client, admins: Admins, sql: Sql) -> None:
    boss = admins("super_admin")
    person = await new_person(anyone, boss)
    client = await admin_signed_in(anyone, person, sql)
    reset = await boss.post(f"/admin/admins/{person.id}/reset-mfa", WHY, 200)
    assert not reset["admin"]["is_set_up"]
    await client.refused("GET", "/admin/me", 401)
    await anyone.refused("POST", "/auth/admin/sign-in", 401, {"email": person.email, "password": PASSWORD})
    left = sql.execute(
        "SELECT count(*) AS n FROM admin_recovery_codes WHERE admin_id = %s", (person.id,)
    ).fetchone()
    assert left == {"n": 0}
    sql.execute("DELETE FROM sign_in_failures")
    again = await set_up(anyone, person.id, person.email, reset["setup_token"])
    assert again.secret != person.secret
    await admin_signed_in(anyone, again, sql)


async def test_no_super_admin_takes_the_place_of_another(admins: Admins) -> None:
    boss, other = admins("super_admin"), admins("super_admin")
    refusal = await boss.refused("POST", f"/admin/admins/{other.id}/reset-mfa", 403, WHY)
    assert refusal["rule"] == "admin_users_super_admin"
    refusal = await boss.refused("POST", f"/admin/admins/{boss.id}/reset-mfa", 403, WHY)
    assert refusal["rule"] == "admin_users_own_reset"


async def test_who_was_granted_admins_write_does_not_reach_a_super_admin(
    admins: Admins, sql: Sql, as_writer: Acting
) -> None:
    boss, granted = admins("super_admin"), admins("auditor")
    sql.execute(
        "INSERT INTO admin_permissions (admin_id, permission) VALUES (%s, 'admins.write')", (granted.id,)
    )
    for path in ("disable", "reset-mfa"):
        refusal = await granted.refused("POST", f"/admin/admins/{boss.id}/{path}", 403, WHY)
        assert refusal["rule"] == "admin_users_super_admin"
    writer = as_writer(granted)
    for change in ("is_active = false", "name = 'x'", "setup_hash = sha256('x'), setup_expires_at = now()"):
        _refused(writer, f"UPDATE account.admin_users SET {change} WHERE id = '{boss.id}'")
    await boss.get("/admin/me")


@pytest.mark.parametrize("role", ["asset_manager", "kyc_verifier", "auditor", "viewer"])
async def test_nobody_else_manages_administrators(admins: Admins, role: str) -> None:
    client, other = admins(role), admins("viewer")
    path = f"/admin/admins/{other.id}"
    wanted = {"permission": "admins.write", "effect": "grant", **WHY}
    new = {"email": "a@pend.example", "name": "A", "role": "viewer"}
    asked = [
        ("POST", "/admin/admins", new),
        ("PATCH", path, {"name": "x"}),
        ("POST", f"{path}/disable", WHY),
        ("POST", f"{path}/enable", WHY),
        ("POST", f"{path}/reset-mfa", WHY),
        ("POST", f"{path}/role", {"role": "auditor", **WHY}),
        ("POST", f"/admin/admins/{client.id}/permissions", wanted),
        ("DELETE", f"/admin/sessions/{other.session_id}", None),
    ]
    for method, where, body in asked:
        refusal = await client.refused(method, where, 403, body, If_Match='"1"')
        assert refusal["rule"] == "admins.write"
    if role != "auditor":
        for where in ("/admin/admins", path, f"{path}/sessions", f"{path}/permissions", "/admin/permissions"):
            assert (await client.refused("GET", where, 403))["rule"] == "admins.read"
    await other.get("/admin/me")


async def test_users_and_nobody_have_no_part_in_it(anyone: Client, user: Client) -> None:
    for path in ("/admin/me", "/admin/admins", "/admin/approvals", "/admin/permissions"):
        await anyone.refused("GET", path, 401)
        assert (await user.refused("GET", path, 403))["rule"] == "actor"


async def test_the_matrix_says_what_the_roles_bring(admins: Admins) -> None:
    auditor = admins("auditor")
    matrix = {each["permission"]: each["roles"] for each in (await auditor.get("/admin/permissions"))["data"]}
    assert matrix["admins.write"] == ["super_admin"]
    assert set(matrix) == set((await admins("super_admin").get("/admin/me"))["permissions"])
    mine = await auditor.get(f"/admin/admins/{auditor.id}/permissions")
    assert mine["permissions"] == sorted(name for name, roles in matrix.items() if "auditor" in roles)


async def test_a_permission_that_is_taken_away_is_missing_at_the_next_request(
    admins: Admins, sql: Sql
) -> None:
    auditor = admins("auditor")
    await auditor.get("/admin/admins")
    sql.execute(
        "INSERT INTO admin_permissions (admin_id, permission, effect) VALUES (%s, 'admins.read', 'deny')",
        (auditor.id,),
    )
    assert (await auditor.refused("GET", "/admin/admins", 403))["rule"] == "admins.read"


async def test_sql_of_an_administrator_raises_nobody(admins: Admins, as_writer: Acting) -> None:
    boss, manager = admins("super_admin"), admins("asset_manager")
    for client in (boss, manager):
        writer = as_writer(client)
        for statement in (
            f"UPDATE account.admin_users SET role = 'auditor' WHERE id = '{client.id}'",
            f"INSERT INTO account.admin_permissions (admin_id, permission) VALUES ('{client.id}', 'x.y')",
            "INSERT INTO account.admin_permissions (role, permission) VALUES ('viewer', 'admins.write')",
            "INSERT INTO account.admin_users (email, name, role) VALUES ('q@q', 'q', 'super_admin')",
            "INSERT INTO account.admin_users (email, name, role, password_hash) VALUES ('q@q', 'q', 'viewer', '$argon2id$')",
            "SELECT password_hash FROM account.admin_users",
            "SELECT account.create_admin('q@q', 'q', 'viewer', sha256('q'), '1 h')",
            "SELECT account.list_admins()",
        ):
            _refused(writer, statement, unchanged=client is manager)
    reset = f"SELECT account.reset_second_factor('{admins('viewer').id}', sha256('q'), '1 h')"
    _refused(as_writer(manager), reset)
    token = "UPDATE account.admin_users SET password_hash = '$argon2id$x' WHERE id = %s"
    with pytest.raises(psycopg.Error) as refused:
        as_writer(boss).execute(token, (manager.id,))
    assert refused.value.sqlstate == "PW403"


async def test_an_invited_administrator_is_nobody_yet(anyone: Client, admins: Admins) -> None:
    _, address, token = await invited(admins("super_admin"))
    for password in (token, "", PASSWORD):
        await anyone.refused("POST", "/auth/admin/sign-in", 401, {"email": address, "password": password})


def _refused(
    writer: psycopg.Connection[psycopg.rows.DictRow], statement: str, *, unchanged: bool = False
) -> None:
    """Refused by a rule or a privilege; or, where the rows are not visible, nothing changes."""
    said = None
    done = None
    try:
        with writer.transaction(force_rollback=True):
            done = writer.execute(statement.encode())
    except psycopg.Error as error:
        said = error.sqlstate
    if done is None:
        assert said in {"PW403", "42501"}, (said, statement)
    else:
        assert unchanged, statement
        assert done.rowcount == 0, statement
