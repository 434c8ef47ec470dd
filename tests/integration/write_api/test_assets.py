"""Assets: who sees what, which states follow, which terms are taken."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.integration.write_api.offers import (
    CONTACT,
    TERMS,
    WHY,
    activated,
    changed,
    contract,
    described,
    drafted,
    offered,
    taken,
)
from tests.integration.write_api.offices import Client

Admins = Callable[[str], Client]
Sql = psycopg.Connection[psycopg.rows.DictRow]


@pytest.fixture
def manager(admins: Admins) -> Client:
    return admins("asset_manager")


@pytest.fixture
def approver(admins: Admins) -> Client:
    return admins("super_admin")


def _soon(**ahead: float) -> str:
    return (datetime.now(UTC) + timedelta(**ahead)).isoformat()


def _fields(refusal: Any) -> set[str]:
    return {fault["field"] for fault in refusal["fields"]}


async def test_a_draft_is_there_for_administrators_alone(
    manager: Client, user: Client, admins: Admins
) -> None:
    draft = await drafted(manager, category=str(uuid4()))
    assert (draft["status"], draft["details"], draft["version"]) == ("draft", None, 1)
    assert (await admins("viewer").get(f"/assets/{draft['id']}")) == draft
    missing = await user.refused("GET", f"/assets/{draft['id']}", 404)
    assert missing["detail"] == (await user.refused("GET", f"/assets/{uuid4()}", 404))["detail"]
    for path in (f"/assets?category={draft['category']}", f"/assets?q={draft['category']}"):
        assert (await user.get(path))["data"] == []
        assert (await user.get(f"{path}&status=draft"))["data"] == []
        assert [row["id"] for row in (await manager.get(path))["data"]] == [draft["id"]]
    await user.refused("POST", f"/assets/{draft['id']}/interest", 404)


async def test_an_offer_is_seen_by_everybody_who_is_signed_in(
    manager: Client, approver: Client, user: Client, anyone: Client, admins: Admins, sql: Sql
) -> None:
    asset = await offered(manager, approver)
    seen = await user.get(f"/assets/{asset['id']}")
    assert seen == asset
    assert (seen["status"], seen["details"]["token_price"], seen["metrics"]["cap"]) == (
        "active",
        "12.5",
        "12500",
    )
    assert seen["contract_address"] != seen["contract_address"].lower()
    assert (await admins("kyc_verifier").get(f"/assets/{asset['id']}"))["id"] == asset["id"]
    await anyone.refused("GET", f"/assets/{asset['id']}", 401)
    await anyone.refused("GET", "/assets", 401)
    trail = sql.execute(
        "SELECT new_values ->> 'status' AS status, approved_by, justification FROM admin_audit_logs"
        " WHERE resource_type = 'assets' AND resource_id = %s AND new_values ? 'status' ORDER BY id DESC LIMIT 1",
        (asset["id"],),
    ).fetchone()
    assert trail == {"status": "active", "approved_by": approver.id, "justification": WHY}


async def test_who_asks_for_an_activation_does_not_decide_it_and_others_do_once(
    manager: Client, approver: Client
) -> None:
    asset = await described(manager, await drafted(manager))
    asked = await manager.post(f"/admin/assets/{asset['id']}/activation", {"justification": WHY}, 202)
    await manager.refused(
        "POST", f"/admin/approvals/{asked['id']}/approve", 403, {}, If_Match=f'"{asked["version"]}"'
    )
    again = await manager.refused(
        "POST", f"/admin/assets/{asset['id']}/activation", 409, {"justification": WHY}
    )
    assert again["rule"] == "approvals_open"
    for method, path, body in (
        ("PATCH", f"/admin/assets/{asset['id']}", {"title": "Another tower"}),
        ("PUT", f"/admin/assets/{asset['id']}/details", TERMS | {"token_price": "1"}),
    ):
        refusal = await changed(manager, method, path, body, asset, 409)
        assert refusal["rule"] == "assets_awaits_activation"
    rejected = await approver.ask(
        "POST", f"/admin/approvals/{asked['id']}/reject", {}, If_Match=f'"{asked["version"]}"'
    )
    assert rejected.status == 200
    asset = await changed(manager, "PATCH", f"/admin/assets/{asset['id']}", {"title": "Another tower"}, asset)
    assert (await activated(manager, approver, asset))["title"] == "Another tower"
    late = await manager.refused(
        "POST", f"/admin/assets/{asset['id']}/activation", 409, {"justification": WHY}
    )
    assert late["allowed_transitions"] == ["paused", "closed"]


async def test_an_unfinished_draft_is_not_activated(manager: Client) -> None:
    bare = await drafted(manager, contract_address=None)
    refusal = await manager.refused(
        "POST", f"/admin/assets/{bare['id']}/activation", 409, {"justification": WHY}
    )
    assert refusal["rule"] == "assets_ready"
    assert "details" in refusal["detail"]
    assert "contract_address" in refusal["detail"]
    idea = await described(manager, await drafted(manager, type="interest"), {})
    refusal = await manager.refused(
        "POST", f"/admin/assets/{idea['id']}/activation", 409, {"justification": WHY}
    )
    assert "contact" in refusal["detail"]
    short = await manager.refused(
        "POST", f"/admin/assets/{idea['id']}/activation", 422, {"justification": "so"}
    )
    assert _fields(short) == {"justification"}


async def test_every_edge_that_is_not_allowed_is_refused_with_those_that_are(
    manager: Client, approver: Client, sql: Sql
) -> None:
    asset = await described(manager, await drafted(manager))
    allowed = {
        "draft": ({}, ["active"]),
        "active": ({"pause": "paused", "close": "closed"}, ["paused", "closed"]),
        "paused": ({"resume": "active", "close": "closed"}, ["active", "closed"]),
        "closed": ({}, []),
    }
    for state in ("draft", "active", "paused", "closed"):
        if state == "active":
            asset = await activated(manager, approver, asset)
        elif state != "draft":
            asset = await taken(manager, asset, "pause" if state == "paused" else "close")
        assert asset["status"] == state
        edges, following = allowed[state]
        for edge in {"pause", "resume", "close"} - edges.keys():
            refusal = await taken(manager, asset, edge, 409)
            assert (refusal["rule"], refusal.get("allowed_transitions", [])) == ("assets_status", following)
        if state == "paused":
            asset = await taken(manager, asset, "resume")
            asset = await taken(manager, asset, "pause")
    reasons = sql.execute(
        "SELECT DISTINCT justification FROM admin_audit_logs WHERE resource_type = 'assets' AND resource_id = %s"
        " AND new_values ->> 'status' IN ('paused', 'closed')",
        (asset["id"],),
    ).fetchall()
    assert reasons == [{"justification": WHY}]


async def test_a_change_of_an_older_version_is_refused(manager: Client) -> None:
    draft = await drafted(manager)
    path = f"/admin/assets/{draft['id']}"
    newer = await described(manager, draft)
    assert newer["version"] == 2
    late = await changed(manager, "PATCH", path, {"title": "Late"}, draft, 412)
    assert late["current_version"] == 2
    await described(manager, draft, status=412)
    await taken(manager, draft, "close", 412)
    await manager.refused("PATCH", path, 428, {"title": "Late"})
    both = await asyncio.gather(
        *(manager.ask("PATCH", path, {"title": title}, If_Match='"2"') for title in ("One", "Two"))
    )
    assert sorted(reply.status for reply in both) == [200, 412]


async def test_type_and_contract_change_while_it_is_a_draft(manager: Client, approver: Client) -> None:
    draft = await drafted(manager)
    path = f"/admin/assets/{draft['id']}"
    moved = await changed(manager, "PATCH", path, {"contract_address": contract()}, draft)
    assert moved["contract_address"] != draft["contract_address"]
    described_ = await described(manager, moved)
    typed = {"type": "interest", "contract_address": None}
    assert (await changed(manager, "PATCH", path, typed, described_, 409))["rule"] == "assets_type"
    active = await activated(manager, approver, described_)
    for change in ({"contract_address": contract()}, {"contract_address": None}):
        refusal = await changed(manager, "PATCH", path, change, active, 409)
        assert refusal["rule"] == "assets_contract"
    renamed = await changed(manager, "PATCH", path, {"title": "Cairo tower II", "image_url": None}, active)
    assert (renamed["title"], renamed["contract_address"]) == ("Cairo tower II", active["contract_address"])
    taken_already = await manager.refused(
        "POST",
        "/admin/assets",
        409,
        {"type": "investment", "title": "Twin", "contract_address": active["contract_address"]},
    )
    assert taken_already["rule"] == "assets_contract_address_key"
    refusal = await changed(
        manager, "PUT", f"{path}/details", TERMS | {"currency": "USD", "token_decimals": 6}, renamed, 409
    )
    assert refusal["rule"] == "asset_details_currency"


async def test_interest_is_counted_once_until_the_deadline(
    manager: Client, approver: Client, user: Client, stranger: Client, sql: Sql
) -> None:
    terms = CONTACT | {"soft_cap": "1000", "deadline": _soon(days=1)}
    idea = await offered(manager, approver, terms, type="interest")
    path = f"/assets/{idea['id']}"
    shown = [await user.post(f"{path}/interest") for _ in range(2)]
    assert [one["interested_count"] for one in shown] == [1, 1]
    await asyncio.gather(*(stranger.post(f"{path}/interest") for _ in range(4)))
    seen = await user.get(path)
    assert (seen["is_interested"], seen["metrics"]["interested_count"]) == (True, 2)
    assert (await manager.get(path))["is_interested"] is False
    for _ in range(2):
        assert (await user.ask("DELETE", f"{path}/interest")).status == 204
    assert (await user.get(path))["metrics"]["interested_count"] == 1
    sql.execute("UPDATE asset_details SET deadline = now() WHERE asset_id = %s", (idea["id"],))
    late = await user.refused("POST", f"{path}/interest", 409, {})
    assert late["rule"] == "asset_interests_open"
    passed = (await manager.get(path))["details"]["deadline"]
    kept = await described(manager, await manager.get(path), CONTACT | {"deadline": passed})
    assert kept["details"]["deadline"] == passed
    paused = await taken(manager, await described(manager, kept, CONTACT), "pause")
    await user.refused("POST", f"{path}/interest", 409, {})
    assert (await taken(manager, paused, "resume"))["status"] == "active"
    assert (await user.post(f"{path}/interest"))["interested_count"] == 2
    investment = await offered(manager, approver)
    await user.refused("POST", f"/assets/{investment['id']}/interest", 409, {})
    await manager.refused("POST", f"{path}/interest", 403, {})


@pytest.mark.parametrize("role", ["kyc_verifier", "auditor", "viewer"])
async def test_only_asset_managers_write(admins: Admins, manager: Client, user: Client, role: str) -> None:
    draft = await drafted(manager)
    path, version = f"/admin/assets/{draft['id']}", f'"{draft["version"]}"'
    for who in (admins(role), user):
        await who.refused("POST", "/admin/assets", 403, {"type": "interest", "title": "Mine"})
        await who.refused("PATCH", path, 403, {"title": "Mine"}, If_Match=version)
        await who.refused("PUT", f"{path}/details", 403, TERMS, If_Match=version)
        await who.refused("PATCH", f"{path}/metrics", 403, {"performance_data": {}})
        for edge in ("pause", "resume", "close", "activation"):
            await who.refused("POST", f"{path}/{edge}", 403, {"justification": WHY}, If_Match=version)
    assert await manager.get(f"/assets/{draft['id']}") == draft


async def test_a_repeated_draft_with_its_key_is_one_draft(manager: Client) -> None:
    body, key = {"type": "interest", "title": "Once"}, str(uuid4())
    first = await manager.ask("POST", "/admin/assets", body, Idempotency_Key=key)
    second = await manager.ask("POST", "/admin/assets", body, Idempotency_Key=key)
    assert first.status == second.status == 201
    assert (first.json, first.headers["location"]) == (second.json, second.headers["location"])
    assert (await manager.get(first.headers["location"].removeprefix("/api/v1")))["id"] == first.json["id"]


async def test_totals_are_never_answered_with_not_modified(manager: Client, sql: Sql) -> None:
    draft = await drafted(manager)
    reply = await manager.ask("GET", f"/assets/{draft['id']}")
    sql.execute("UPDATE asset_metrics SET investor_count = 7 WHERE asset_id = %s", (draft["id"],))
    again = await manager.ask("GET", f"/assets/{draft['id']}", If_None_Match=reply.headers["etag"])
    assert (again.status, again.json["metrics"]["investor_count"]) == (200, 7)
    changed_ = await manager.ask(
        "PATCH", f"/admin/assets/{draft['id']}", {"title": "By ETag"}, If_Match=reply.headers["etag"]
    )
    assert changed_.status == 200
