"""Users in the hands of administrators: looked up, suspended, closed, graded, erased, and each time with a reason."""

from collections.abc import Callable
from uuid import uuid4

import psycopg
import pytest

from tests.integration.write_api.offices import Client, signed_in

Admins = Callable[[str], Client]
Sql = psycopg.Connection[psycopg.rows.DictRow]
WHY = {"justification": "asked for by the compliance desk"}


async def _version(admin: Client, user: Client) -> str:
    return (await admin.ask("GET", f"/admin/users/{user.id}")).version


async def _walked(admin: Client, path: str, limit: int) -> list[str]:
    """The ids of every page."""
    ids, cursor, glue = [], "", "&" if "?" in path else "?"
    while True:
        page = await admin.get(f"{path}{glue}limit={limit}{cursor}")
        assert len(page["data"]) <= limit
        ids += [row["id"] for row in page["data"]]
        if page["next"] is None:
            return ids
        cursor = f"&cursor={page['next']}"


async def test_suspended_user_is_refused_at_once_and_reactivated_signs_in_again(
    user: Client, admins: Admins, sql: Sql
) -> None:
    admin = admins("super_admin")
    done = await admin.ask(
        "POST", f"/admin/users/{user.id}/suspend", WHY, If_Match=await _version(admin, user)
    )
    assert (done.status, done.json["status"], done.json["sessions_ended"]) == (200, "suspended", 1)
    await user.refused("GET", "/users/me", 401)
    back = await admin.ask("POST", f"/admin/users/{user.id}/reactivate", WHY, If_Match=done.version)
    assert back.json["status"] == "active"
    await user.refused("GET", "/users/me", 401)  # what has ended stays so
    assert (await signed_in(user.session, user.account)).id == user.id
    trail = sql.execute(
        "SELECT action, justification, admin_id, new_values ->> 'status' AS status FROM admin_audit_logs"
        " WHERE resource_type = 'users' AND resource_id = %s AND action = 'update' ORDER BY id",
        (str(user.id),),
    ).fetchall()
    assert [(row["status"], row["justification"], row["admin_id"]) for row in trail] == [
        ("suspended", WHY["justification"], admin.id),
        ("active", WHY["justification"], admin.id),
    ]


async def test_states_change_along_allowed_edges_alone(user: Client, admins: Admins) -> None:
    admin = admins("super_admin")
    path = f"/admin/users/{user.id}"
    refusal = await admin.refused(
        "POST", f"{path}/reactivate", 409, WHY, If_Match=await _version(admin, user)
    )
    assert refusal["allowed_transitions"] == ["suspended", "closed"]
    closed = await admin.ask("POST", f"{path}/close", WHY, If_Match=await _version(admin, user))
    assert closed.status == 200
    for action in ("reactivate", "suspend", "close"):
        refusal = await admin.refused("POST", f"{path}/{action}", 409, WHY, If_Match=closed.version)
        assert refusal["allowed_transitions"] == []
    assert (await admin.get(path))["allowed_transitions"] == []


async def test_change_needs_version_reason_and_permission(user: Client, admins: Admins, sql: Sql) -> None:
    admin = admins("super_admin")
    path = f"/admin/users/{user.id}/suspend"
    version = await _version(admin, user)
    await admin.refused("POST", path, 428, WHY)
    stale = await admin.refused("POST", path, 412, WHY, If_Match='"99"')
    assert f'"{stale["current_version"]}"' == version
    short = await admin.refused("POST", path, 422, {"justification": "why"}, If_Match=version)
    assert [fault["field"] for fault in short["fields"]] == ["justification"]
    await admin.refused("POST", f"/admin/users/{uuid4()}/suspend", 404, WHY, If_Match=version)
    for role in ("asset_manager", "kyc_verifier", "auditor", "viewer"):
        refusal = await admins(role).refused("POST", path, 403, WHY, If_Match=version)
        assert refusal["rule"] == "users.write"
    await user.refused("POST", path, 403, WHY, If_Match=version)
    row = sql.execute("SELECT status FROM users WHERE id = %s", (user.id,)).fetchone()
    assert row is not None
    assert row["status"] == "active"


async def test_repeated_suspension_is_answered_the_same(user: Client, admins: Admins, sql: Sql) -> None:
    admin = admins("super_admin")
    key, version = str(uuid4()), await _version(admin, user)
    path = f"/admin/users/{user.id}/suspend"
    first = await admin.ask("POST", path, WHY, If_Match=version, Idempotency_Key=key)
    again = await admin.ask("POST", path, WHY, If_Match=version, Idempotency_Key=key)
    assert (first.body, first.version) == (again.body, again.version)
    row = sql.execute("SELECT version FROM users WHERE id = %s", (user.id,)).fetchone()
    assert row is not None
    assert first.version == f'"{row["version"]}"'


async def test_lower_tier_is_done_at_once_and_a_raise_waits_for_a_second_administrator(
    user: Client, admins: Admins, sql: Sql
) -> None:
    first, second = admins("kyc_verifier"), admins("kyc_verifier")
    path = f"/admin/users/{user.id}/tier"
    version = await _version(first, user)
    same = await first.refused("POST", path, 409, {"tier": 0, **WHY}, If_Match=version)
    assert same["rule"] == "users_tier"
    beyond = await first.refused("POST", path, 422, {"tier": 6, **WHY}, If_Match=version)
    assert [fault["field"] for fault in beyond["fields"]] == ["tier"]
    asked = await first.ask("POST", path, {"tier": 2, **WHY}, If_Match=version)
    assert (asked.status, asked.json["kind"], asked.json["change"]) == (202, "tier_raise", {"tier": 2})
    assert (await first.get(f"/admin/users/{user.id}"))["tier"]["tier"] == 0
    twice = await first.refused("POST", path, 409, {"tier": 3, **WHY}, If_Match=version)
    assert twice["rule"] == "approvals_open"
    decided = await second.ask(
        "POST", f"/admin/approvals/{asked.json['id']}/approve", {"note": "seen"}, If_Match=asked.version
    )
    assert decided.status in {200, 201}, decided.body
    raised = await first.ask("GET", f"/admin/users/{user.id}")
    assert raised.json["tier"]["tier"] == 2
    lowered = await first.ask("POST", path, {"tier": 1, **WHY}, If_Match=raised.version)
    assert (lowered.status, lowered.json["tier"]) == (200, 1), lowered.body
    trail = sql.execute(
        "SELECT new_values ->> 'tier' AS tier, approved_by FROM admin_audit_logs"
        " WHERE resource_type = 'users' AND resource_id = %s AND new_values ? 'tier' AND action = 'update' ORDER BY id",
        (str(user.id),),
    ).fetchall()
    assert [(row["tier"], row["approved_by"]) for row in trail] == [("2", second.id), ("1", None)]


async def test_erasure_waits_for_a_second_administrator(user: Client, admins: Admins, sql: Sql) -> None:
    asked = await admins("super_admin").ask("POST", f"/admin/users/{user.id}/erasure", WHY)
    assert (asked.status, asked.json["kind"], asked.json["status"]) == (202, "erasure", "pending")
    row = sql.execute("SELECT erased_at FROM users WHERE id = %s", (user.id,)).fetchone()
    assert row is not None
    assert row["erased_at"] is None
    await admins("kyc_verifier").refused("POST", f"/admin/users/{user.id}/erasure", 403, WHY)


async def test_personal_data_is_opened_when_it_is_asked_for_and_noted(
    user: Client, admins: Admins, sql: Sql
) -> None:
    before = await user.ask("GET", "/users/me")
    await user.ask("PATCH", "/users/me", {"full_name": "Zaynab Canary"}, If_Match=before.version)
    path = f"/admin/users/{user.id}"
    reader = admins("kyc_verifier")
    closed = await reader.get(path)
    assert closed["personal"] is None
    assert "Canary" not in str(closed)
    noted = "SELECT admin_id, action FROM admin_audit_logs WHERE resource_type = 'user_profiles' AND resource_id = %s"
    assert [row for row in sql.execute(noted, (str(user.id),)) if row["action"] == "read"] == []
    opened = await reader.get(f"{path}?personal=true")
    assert opened["personal"]["full_name"] == "Zaynab Canary"
    reads = [row["admin_id"] for row in sql.execute(noted, (str(user.id),)) if row["action"] == "read"]
    assert reads == [reader.id]
    refusal = await admins("auditor").refused("GET", f"{path}?personal=true", 403)
    assert refusal["rule"] == "users.personal"


async def test_look_up_shows_what_each_role_may_see(user: Client, admins: Admins) -> None:
    assert user.account is not None
    path = f"/admin/users/{user.id}"
    seen = await admins("auditor").get(path)
    assert (seen["address"], seen["status"], seen["tier"]["tier"]) == (user.account.address, "active", 0)
    assert seen["portfolio"] == {"investments": 0, "assets": 0, "invested": "0", "pending": "0"}
    assert (await admins("kyc_verifier").get(path))["portfolio"] is None
    for role in ("asset_manager", "viewer"):
        assert (await admins(role).refused("GET", path, 403))["rule"] == "users.read"
    await admins("auditor").refused("GET", f"/admin/users/{uuid4()}", 404)


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("", "true"),
        ("?status=suspended", "status = 'suspended'"),
        ("?tier=0&status=active", "tier = 0 AND status = 'active'"),
    ],
)
async def test_lists_are_those_of_plain_sql(query: str, where: str, admins: Admins, sql: Sql) -> None:
    wallets = [
        (uuid4().bytes + b"list", status) for status in ("suspended", "active", "suspended", "suspended")
    ]
    for wallet, status in wallets:
        sql.execute("INSERT INTO users (blockchain_address, status) VALUES (%s, %s)", (wallet, status))
    ids = await _walked(admins("auditor"), f"/admin/users{query}", 2 if "suspended" in query else 50)
    rows = sql.execute(f"SELECT id FROM users WHERE {where} ORDER BY created_at DESC, id DESC").fetchall()
    assert ids == [str(row["id"]) for row in rows]


async def test_wallet_is_found_however_it_is_written_and_a_cursor_stays_with_its_filter(
    user: Client, stranger: Client, admins: Admins
) -> None:
    assert user.account is not None
    reader = admins("auditor")
    address = user.account.address
    for spelling in (address, address.lower()):
        page = await reader.get(f"/admin/users?address={spelling}")
        assert [row["id"] for row in page["data"]] == [str(user.id)]
    wrong = address[:2] + address[2:].swapcase()
    assert (await reader.refused("GET", f"/admin/users?address={wrong}", 400))["field"] == "address"
    first = await reader.get("/admin/users?limit=1")
    assert first["data"][0]["id"] == str(stranger.id) or first["next"]
    await reader.refused("GET", f"/admin/users?status=active&cursor={first['next']}", 400)
    await reader.refused("GET", "/admin/users?status=lost", 400)


async def test_sessions_are_listed_and_ended(user: Client, admins: Admins) -> None:
    again = await signed_in(user.session, user.account)
    reader, admin = admins("auditor"), admins("super_admin")
    path = f"/admin/users/{user.id}/sessions"
    listed = (await reader.get(path))["data"]
    assert {row["id"] for row in listed} == {str(user.session_id), str(again.session_id)}
    await reader.refused("DELETE", path, 403)
    assert (await admin.ask("DELETE", path)).status == 204
    assert (await reader.get(path))["data"] == []
    for client in (user, again):
        await client.refused("GET", "/users/me", 401)
    await admin.refused("DELETE", f"/admin/users/{uuid4()}/sessions", 404)
