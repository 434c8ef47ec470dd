"""Reviews: along allowed edges, by whom they are assigned to, on the version that was read."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from redis.asyncio import Redis

from tests.integration.write_api.documents import DETAILS, WHY, applied, taken
from tests.integration.write_api.offices import Client, Reply, signed_in
from write_api.panel_channel import CHANNEL

Admins = Callable[[str], Client]
Sql = psycopg.Connection[psycopg.rows.DictRow]
_ALLOWED = {
    "pending_review": ["under_review"],
    "under_review": ["verified", "rejected"],
    "verified": [],
    "rejected": [],
}
_BODIES: dict[str, dict[str, Any]] = {
    "assign": {},
    "verify": {"justification": WHY},
    "reject": {"justification": WHY, "reason": "The photograph cannot be read."},
}


async def _act(reviewer: Client, application: str, action: str, version: str) -> Reply:
    path = f"/admin/kyc/applications/{application}/{action}"
    return await reviewer.ask("POST", path, _BODIES[action], If_Match=version)


async def _in_state(reviewer: Client, application: str, state: str) -> Reply:
    if state == "pending_review":
        return await reviewer.ask("GET", f"/admin/kyc/applications/{application}")
    review = await taken(reviewer, application)
    if state == "under_review":
        return review
    return await _act(reviewer, application, "verify" if state == "verified" else "reject", review.version)


@pytest.mark.parametrize(
    ("state", "action"),
    [
        ("pending_review", "verify"),
        ("pending_review", "reject"),
        ("verified", "assign"),
        ("verified", "verify"),
        ("verified", "reject"),
        ("rejected", "assign"),
        ("rejected", "verify"),
        ("rejected", "reject"),
    ],
)
async def test_a_forbidden_edge_is_refused_with_the_allowed_ones(
    user: Client, admins: Admins, state: str, action: str
) -> None:
    reviewer, application = admins("kyc_verifier"), (await applied(user))["id"]
    before = await _in_state(reviewer, application, state)
    assert before.json["status"] == state, before.body
    assert before.json["allowed_transitions"] == _ALLOWED[state]
    reply = await _act(reviewer, application, action, before.version)
    assert (reply.status, reply.json["rule"]) == (409, "kyc_applications_status")
    assert reply.json["allowed_transitions"] == _ALLOWED[state]
    after = await reviewer.ask("GET", f"/admin/kyc/applications/{application}")
    assert (after.json["status"], after.version) == (state, before.version)


@pytest.mark.parametrize("action", ["verify", "reject"])
async def test_only_the_assigned_reviewer_decides(user: Client, admins: Admins, action: str) -> None:
    assigned, other = admins("kyc_verifier"), admins("super_admin")
    application = (await applied(user))["id"]
    review = await taken(other, application, by=assigned)
    assert review.json["assigned_to"]["id"] == str(assigned.id)
    reply = await _act(other, application, action, review.version)
    assert (reply.status, reply.json["rule"]) == (403, "kyc_applications_assigned")
    assert (await _act(assigned, application, action, review.version)).status == 200


async def test_an_application_under_review_is_given_to_another_reviewer(user: Client, admins: Admins) -> None:
    first, second = admins("kyc_verifier"), admins("kyc_verifier")
    application = (await applied(user))["id"]
    await taken(first, application)
    review = await taken(first, application, by=second)
    assert (review.json["status"], review.json["assigned_to"]["id"]) == ("under_review", str(second.id))
    path = f"/admin/kyc/applications/{application}/assign"
    for nobody in (admins("auditor").id, uuid4()):
        refusal = await first.refused("POST", path, 409, {"admin_id": str(nobody)}, If_Match=review.version)
        assert refusal["rule"] == "kyc_applications_reviewer"


async def test_of_two_reviewers_at_once_one_takes_it(user: Client, admins: Admins) -> None:
    reviewers = [admins("kyc_verifier") for _ in range(2)]
    application = (await applied(user))["id"]
    replies = await asyncio.gather(*(_act(each, application, "assign", '"1"') for each in reviewers))
    assert sorted(reply.status for reply in replies) == [200, 412]
    winner = next(each for each, reply in zip(reviewers, replies, strict=True) if reply.status == 200)
    now = await winner.get(f"/admin/kyc/applications/{application}")
    assert now["assigned_to"]["id"] == str(winner.id)


async def test_a_change_of_an_older_version_changes_nothing(user: Client, admins: Admins) -> None:
    reviewer, application = admins("kyc_verifier"), (await applied(user))["id"]
    review = await taken(reviewer, application)
    path = f"/admin/kyc/applications/{application}"
    noted = await reviewer.ask("PATCH", f"{path}/notes", {"review_notes": "first"}, If_Match=review.version)
    assert noted.status == 200, noted.body
    late = await reviewer.refused(
        "PATCH", f"{path}/notes", 412, {"review_notes": "second"}, If_Match=review.version
    )
    assert late["current_version"] == noted.json["version"]
    assert (await _act(reviewer, application, "verify", review.version)).status == 412
    await reviewer.refused("PATCH", f"{path}/notes", 428, {"review_notes": "third"})
    now = await reviewer.get(path)
    assert (now["status"], now["review_notes"]) == ("under_review", "first")


async def test_a_decision_needs_its_reasons(user: Client, admins: Admins) -> None:
    reviewer, application = admins("kyc_verifier"), (await applied(user))["id"]
    review = await taken(reviewer, application)
    path = f"/admin/kyc/applications/{application}"
    given = {"justification": "short", "reason": ""}
    refusal = await reviewer.refused("POST", f"{path}/reject", 422, given, If_Match=review.version)
    assert {fault["field"] for fault in refusal["fields"]} == {"justification", "reason"}
    refusal = await reviewer.refused("POST", f"{path}/verify", 422, {}, If_Match=review.version)
    assert [fault["field"] for fault in refusal["fields"]] == ["justification"]


async def test_a_repeated_decision_is_answered_again(user: Client, admins: Admins) -> None:
    reviewer, application = admins("kyc_verifier"), (await applied(user))["id"]
    review = await taken(reviewer, application)
    path = f"/admin/kyc/applications/{application}/verify"
    first, again = [
        await reviewer.ask("POST", path, {"justification": WHY}, If_Match=review.version, Idempotency_Key="v")
        for _ in range(2)
    ]
    assert (first.status, again.status, again.json, again.version) == (200, 200, first.json, first.version)


async def test_who_opens_personal_details_is_audited_and_auditors_do_not(
    user: Client, admins: Admins, sql: Sql
) -> None:
    reviewer, auditor, application = admins("kyc_verifier"), admins("auditor"), (await applied(user))["id"]
    path = f"/admin/kyc/applications/{application}"
    opened, closed = await reviewer.get(path), await auditor.get(path)
    assert opened["details"] == DETAILS
    assert opened["documents"][0]["filename"] == "passport.jpg"
    assert (closed["details"], closed["documents"][0]["filename"]) == (None, None)
    assert closed["status"] == "pending_review"
    assert "Zaynab" not in str(closed)
    readers = sql.execute(
        "SELECT admin_id FROM admin_audit_logs WHERE action = 'read' AND resource_id = %s", (application,)
    ).fetchall()
    assert readers == [{"admin_id": reviewer.id}]


async def test_nothing_is_decided_about_a_person_who_was_erased(
    user: Client, admins: Admins, sql: Sql
) -> None:
    reviewer, application = admins("kyc_verifier"), (await applied(user))["id"]
    review = await taken(reviewer, application)
    sql.execute("UPDATE data_keys SET wrapped = NULL, destroyed_at = now() WHERE user_id = %s", (user.id,))
    closed = await reviewer.get(f"/admin/kyc/applications/{application}")
    assert (closed["details"], closed["documents"][0]["filename"]) == (None, None)
    for action in ("verify", "reject"):
        reply = await _act(reviewer, application, action, review.version)
        assert (reply.status, reply.json["rule"]) == (409, "erased")
    document = closed["documents"][0]["id"]
    await reviewer.refused("GET", f"/admin/kyc/documents/{document}/content", 404)


async def test_roles_that_do_not_review(user: Client, admins: Admins) -> None:
    application = (await applied(user))["id"]
    for role in ("asset_manager", "viewer"):
        other = admins(role)
        await other.refused("GET", "/admin/kyc/applications", 403)
        await other.refused("GET", f"/admin/kyc/applications/{application}", 403)
    for role in ("asset_manager", "viewer", "auditor"):
        for action in _BODIES:
            assert (await _act(admins(role), application, action, '"1"')).status == 403
    await admins("kyc_verifier").refused("GET", f"/admin/kyc/applications/{uuid4()}", 404)


async def test_the_queue_is_oldest_first_and_filtered_by_reviewer(
    user: Client, stranger: Client, admins: Admins
) -> None:
    reviewer = admins("kyc_verifier")
    waiting = [(await applied(each))["id"] for each in (user, stranger, await signed_in(user.session))]
    queue: list[str] = []
    path = cursor = "/admin/kyc/applications?status=pending_review&limit=2"
    while cursor:
        page = await reviewer.get(cursor)
        assert len(page["data"]) <= 2
        queue += [each["id"] for each in page["data"]]
        cursor = f"{path}&cursor={page['next']}" if page["next"] else ""
    assert [each for each in queue if each in waiting] == waiting
    await taken(reviewer, waiting[1])
    await taken(reviewer, waiting[2])
    mine = await reviewer.get(f"/admin/kyc/applications?assigned_to={reviewer.id}")
    assert [each["id"] for each in mine["data"]] == [waiting[2], waiting[1]]
    assert {each["assigned_to"]["name"] for each in mine["data"]} == {"Somebody"}
    rejected = await reviewer.get(f"/admin/kyc/applications?assigned_to={reviewer.id}&status=rejected")
    assert rejected["data"] == []
    await reviewer.refused("GET", "/admin/kyc/applications?status=lost", 400)


async def test_the_panel_and_the_applicant_hear_ids_and_states_alone(
    user: Client, admins: Admins, redis_server: str
) -> None:
    reviewer = admins("kyc_verifier")
    async with Redis.from_url(redis_server) as redis, redis.pubsub(ignore_subscribe_messages=True) as heard:
        await heard.subscribe(CHANNEL)
        application = (await applied(user))["id"]
        review = await taken(reviewer, application)
        path = f"/admin/kyc/applications/{application}"
        noted = await reviewer.ask(
            "PATCH", f"{path}/notes", {"review_notes": "Zaynab"}, If_Match=review.version
        )
        await _act(reviewer, application, "reject", noted.version)
        told: list[tuple[dict[str, Any], list[str]]] = []
        async with asyncio.timeout(10):
            while len(told) < 4:
                message = await heard.get_message(timeout=1)
                event = {} if message is None else json.loads(message["data"])
                if event.get("event") == "kyc:updated" and event["data"][0]["id"] == application:
                    told.append((event["data"][0], event["room"]))
    everybody = ["kyc", f"application:{application}:reviewers", f"application:{application}:applicant"]
    assert told == [
        ({"id": application, "status": "pending_review", "version": 1}, ["kyc", f"applicant:{user.id}"]),
        (
            {"id": application, "status": "under_review", "version": 2},
            [*everybody, f"applicant:{user.id}"],
        ),
        ({"id": application, "status": "under_review", "version": 3}, everybody[:2]),
        ({"id": application, "status": "rejected", "version": 4}, [*everybody, f"applicant:{user.id}"]),
    ]
