"""Four eyes: what one administrator asks takes effect when a second one approves it, and not before."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.integration.write_api.administrators import Sql
from tests.integration.write_api.offices import Client

Admins = Callable[[str], Client]
Acting = Callable[[Client], psycopg.Connection[psycopg.rows.DictRow]]

WHY = "agreed in the weekly meeting"


def _asked(
    writer: psycopg.Connection[psycopg.rows.DictRow],
    by: Client,
    kind: str,
    resource: UUID,
    change: str = "{}",
) -> UUID:
    """An approval that waits, as the API asks for it."""
    row = writer.execute(
        "INSERT INTO account.approvals (kind, resource_id, change, justification, requested_by)"
        " VALUES (%s, %s, %s, %s, %s) RETURNING id",
        (kind, resource, change, WHY, by.id),
    ).fetchone()
    writer.commit()
    assert row is not None
    id_: UUID = row["id"]
    return id_


async def _decide(
    client: Client, id_: object, how: str = "approve", status: int = 200, version: int = 1
) -> Any:
    path = f"/admin/approvals/{id_}/{how}"
    reply = await client.ask("POST", path, {"note": "seen"}, If_Match=f'"{version}"')
    assert reply.status == status, reply.body
    return reply.json


async def _ask_role(boss: Client, who: Client, role: str) -> str:
    body = {"role": role, "justification": WHY}
    asked = await boss.post(f"/admin/admins/{who.id}/role", body, 202)
    assert (asked["status"], asked["kind"], asked["change"]) == ("pending", "role_change", {"role": role})
    return str(asked["id"])


async def test_a_role_changes_when_a_second_one_approves(admins: Admins, sql: Sql) -> None:
    boss, second, viewer = admins("super_admin"), admins("super_admin"), admins("viewer")
    asked = await _ask_role(boss, viewer, "auditor")
    await viewer.refused("GET", "/admin/admins", 403)
    done = await _decide(second, asked)
    assert (done["status"], done["decided_by"], done["version"]) == ("approved", str(second.id), 2)
    await viewer.refused("GET", "/admin/me", 401)
    assert (await boss.get(f"/admin/admins/{viewer.id}"))["role"] == "auditor"
    trail = sql.execute(
        "SELECT admin_id, approved_by, justification, old_values ->> 'role' AS old, new_values ->> 'role' AS new"
        " FROM admin_audit_logs WHERE approval_id = %s AND resource_type = 'admin_users'",
        (asked,),
    ).fetchall()
    assert trail == [
        {
            "admin_id": second.id,
            "approved_by": second.id,
            "justification": WHY,
            "old": "viewer",
            "new": "auditor",
        }
    ]
    again = await second.refused("POST", f"/admin/approvals/{asked}/approve", 409, {}, If_Match='"2"')
    assert again["rule"] == "approvals_decided"


async def test_a_permission_is_granted_denied_and_left_to_the_role(admins: Admins) -> None:
    boss, second, viewer = admins("super_admin"), admins("super_admin"), admins("viewer")
    path = f"/admin/admins/{viewer.id}/permissions"
    seen = []
    for permission, effect in (("kyc.read", "grant"), ("assets.read", "deny"), ("kyc.read", "default")):
        body = {"permission": permission, "effect": effect, "justification": WHY}
        await _decide(second, (await boss.post(path, body, 202))["id"])
        seen.append(await boss.get(path))
    assert [(each["granted"], each["denied"]) for each in seen] == [
        (["kyc.read"], []),
        (["kyc.read"], ["assets.read"]),
        ([], ["assets.read"]),
    ]
    assert (await viewer.get("/admin/me"))["permissions"] == ["analytics.read", "system.read"]
    wrong = {"permission": "moon.land", "effect": "grant", "justification": WHY}
    assert (await boss.refused("POST", path, 422, wrong))["fields"][0]["field"] == "permission"


async def test_a_tier_is_raised(user: Client, admins: Admins, as_writer: Acting, sql: Sql) -> None:
    reviewer, second = admins("kyc_verifier"), admins("kyc_verifier")
    asked = _asked(as_writer(reviewer), reviewer, "tier_raise", user.id, '{"tier": 2}')
    assert (await _decide(second, asked))["status"] == "approved"
    assert (await user.get("/users/me"))["tier"]["tier"] == 2
    late = _asked(as_writer(reviewer), reviewer, "tier_raise", user.id, '{"tier": 1}')
    assert (await _decide(second, late, status=409))["rule"] == "approvals_overtaken"
    row = sql.execute("SELECT status FROM approvals WHERE id = %s", (late,)).fetchone()
    assert row == {"status": "pending"}


async def test_an_erased_user_is_gone(user: Client, admins: Admins, as_writer: Acting, sql: Sql) -> None:
    profile = await user.ask("GET", "/users/me")
    await user.ask("PATCH", "/users/me", {"full_name": "Zaynab Canary"}, If_Match=profile.version)
    boss, second = admins("super_admin"), admins("super_admin")
    await _decide(second, _asked(as_writer(boss), boss, "erasure", user.id))
    await user.refused("GET", "/users/me", 401)
    row = sql.execute(
        "SELECT u.status, u.erased_at IS NOT NULL AS is_erased, p.full_name, k.wrapped FROM users AS u"
        " JOIN user_profiles AS p ON p.user_id = u.id JOIN data_keys AS k ON k.user_id = u.id WHERE u.id = %s",
        (user.id,),
    ).fetchone()
    assert row == {"status": "closed", "is_erased": True, "full_name": None, "wrapped": None}


async def test_an_asset_is_activated(admins: Admins, as_writer: Acting, sql: Sql) -> None:
    manager, second = admins("asset_manager"), admins("asset_manager")
    for has_details, status, then in ((False, 409, "draft"), (True, 200, "active")):
        made = sql.execute(
            "INSERT INTO assets (type, title, created_by) VALUES ('interest', 'A', %s) RETURNING id",
            (manager.id,),
        ).fetchone()
        assert made is not None
        if has_details:
            sql.execute(
                "INSERT INTO asset_details (asset_id, contact_format, contact_value) VALUES (%s, 'email', 'a@b.c')",
                (made["id"],),
            )
        asked = _asked(as_writer(manager), manager, "asset_activation", made["id"])
        _no(as_writer(manager), "UPDATE account.assets SET status = 'active' WHERE id = %s", (made["id"],))
        await _decide(second, asked, status=status)
        assert sql.execute("SELECT status FROM assets WHERE id = %s", (made["id"],)).fetchone() == {
            "status": then
        }


async def test_who_asked_does_not_decide(admins: Admins, as_writer: Acting) -> None:
    boss, viewer = admins("super_admin"), admins("viewer")
    asked = await _ask_role(boss, viewer, "auditor")
    for how in ("approve", "reject"):
        assert (await _decide(boss, asked, how, 403))["rule"] == "approvals_four_eyes"
    _no(
        as_writer(boss),
        "UPDATE account.approvals SET status = 'approved', decided_by = %s, decided_at = now() WHERE id = %s",
        (boss.id, asked),
    )
    assert (await boss.get(f"/admin/approvals/{asked}"))["status"] == "pending"


async def test_nobody_approves_what_they_themselves_may_do(admins: Admins) -> None:
    boss, other = admins("super_admin"), admins("super_admin")
    asked = await _ask_role(boss, other, "viewer")
    assert (await _decide(other, asked, status=403))["rule"] == "approvals_own_role"


async def test_a_decision_is_signed_by_who_takes_it(admins: Admins, as_writer: Acting) -> None:
    boss, second = admins("super_admin"), admins("super_admin")
    asked = await _ask_role(boss, admins("viewer"), "auditor")
    decided = "UPDATE account.approvals SET status = %s, decided_by = %s, decided_at = now() WHERE id = %s"
    _no(as_writer(boss), decided, ("approved", second.id, asked))
    _no(as_writer(second), decided, ("cancelled", boss.id, asked))
    changed = "UPDATE account.approvals SET change = '{}' WHERE id = %s"
    _no(as_writer(second), changed, (asked,))


async def test_nothing_of_it_is_done_without_an_approval(
    user: Client, admins: Admins, as_writer: Acting
) -> None:
    boss, viewer = admins("super_admin"), admins("viewer")
    for statement, arguments in (
        ("UPDATE account.users SET tier = 1 WHERE id = %s", (user.id,)),
        ("SELECT account.erase_user(%s)", (user.id,)),
        ("UPDATE account.admin_users SET role = 'auditor' WHERE id = %s", (viewer.id,)),
        (
            "INSERT INTO account.admin_permissions (admin_id, permission) VALUES (%s, 'kyc.read')",
            (viewer.id,),
        ),
    ):
        _no(as_writer(boss), statement, arguments)


async def test_an_approval_serves_once_and_for_what_it_says(
    user: Client, stranger: Client, admins: Admins, as_writer: Acting
) -> None:
    reviewer, second = admins("kyc_verifier"), admins("kyc_verifier")
    asked = _asked(as_writer(reviewer), reviewer, "tier_raise", user.id, '{"tier": 2}')
    approve = (
        "UPDATE account.approvals SET status = 'approved', decided_by = %s, decided_at = now() WHERE id = %s"
    )
    for wanted, who in ((3, user.id), (2, stranger.id)):
        writer = as_writer(second)
        writer.execute(approve, (second.id, asked))
        _no(writer, "UPDATE account.users SET tier = %s WHERE id = %s", (wanted, who))
    await _decide(second, asked)
    _no(as_writer(second), "UPDATE account.users SET tier = 2 WHERE id = %s AND tier < 3", (stranger.id,))


async def test_one_asks_at_a_time_and_may_take_it_back(admins: Admins) -> None:
    boss, second, viewer = admins("super_admin"), admins("super_admin"), admins("viewer")
    asked = await _ask_role(boss, viewer, "auditor")
    body = {"role": "kyc_verifier", "justification": WHY}
    waiting = await second.refused("POST", f"/admin/admins/{viewer.id}/role", 409, body)
    assert waiting["rule"] == "approvals_open"
    assert (await _decide(second, asked, "cancel", 403))["rule"] == "approvals_cancelled"
    await _decide(boss, asked, "cancel", 412, version=9)
    assert (await _decide(boss, asked, "cancel"))["status"] == "cancelled"
    another = await _ask_role(second, viewer, "kyc_verifier")
    assert (await _decide(boss, another, "reject"))["decision_note"] == "seen"
    assert (await boss.get(f"/admin/admins/{viewer.id}"))["role"] == "viewer"


async def test_of_two_decisions_at_once_one_counts(admins: Admins) -> None:
    boss, others, viewer = admins("super_admin"), [admins("super_admin") for _ in range(2)], admins("viewer")
    asked = await _ask_role(boss, viewer, "auditor")
    replies = await asyncio.gather(
        *(
            other.ask("POST", f"/admin/approvals/{asked}/{how}", {}, If_Match='"1"')
            for other, how in zip(others, ("approve", "reject"), strict=True)
        )
    )
    decided = next(reply.json for reply in replies if reply.status == 200)
    assert next(reply.status for reply in replies if reply.status != 200) in {409, 412}
    role = (await boss.get(f"/admin/admins/{viewer.id}"))["role"]
    assert role == {"approved": "auditor", "rejected": "viewer"}[decided["status"]]


async def test_an_expired_one_is_asked_anew(admins: Admins, sql: Sql) -> None:
    boss, second, viewer = admins("super_admin"), admins("super_admin"), admins("viewer")
    asked = await _ask_role(boss, viewer, "auditor")
    sql.execute("UPDATE approvals SET expires_at = now() - interval '1 s' WHERE id = %s", (asked,))
    now = await boss.get(f"/admin/approvals/{asked}")
    assert now["is_expired"]
    refusal = await _decide(second, asked, status=409, version=now["version"])
    assert refusal["rule"] == "approvals_expired"
    await _decide(second, await _ask_role(boss, viewer, "auditor"))
    assert (await boss.get(f"/admin/approvals/{asked}"))["status"] == "cancelled"


async def test_approvals_are_listed_by_filters(admins: Admins) -> None:
    boss = admins("super_admin")
    asked = [await _ask_role(boss, admins("viewer"), "auditor") for _ in range(3)]
    query = f"/admin/approvals?requested_by={boss.id}&status=pending&kind=role_change&limit=2"
    first = await boss.get(query)
    second = await boss.get(f"{query}&cursor={first['next']}")
    assert [each["id"] for each in first["data"] + second["data"]] == asked[::-1]
    assert second["next"] is None
    one = first["data"][0]
    about = await boss.get(f"/admin/approvals?resource_id={one['resource_id']}")
    assert [each["id"] for each in about["data"]] == [one["id"]]
    await admins("viewer").refused("GET", "/admin/approvals", 403)
    await admins("viewer").refused("GET", f"/admin/approvals/{one['id']}", 404)


@pytest.mark.parametrize("role", ["asset_manager", "kyc_verifier", "auditor", "viewer"])
async def test_who_may_not_do_it_alone_does_not_approve_it(admins: Admins, role: str) -> None:
    asked = await _ask_role(admins("super_admin"), admins("viewer"), "auditor")
    rule = "approvals.decide" if role in {"auditor", "viewer"} else "approvals_permission"
    assert (await _decide(admins(role), asked, status=403))["rule"] == rule


def _no(writer: psycopg.Connection[psycopg.rows.DictRow], statement: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(psycopg.Error) as refused:
        writer.execute(statement.encode(), arguments)
    assert refused.value.sqlstate in {"PW403", "PW409", "42501"}, refused.value
    writer.rollback()
