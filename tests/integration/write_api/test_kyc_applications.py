"""A user applies for verification: sealed, complete or not at all, and seen by nobody else."""

from collections.abc import Callable
from uuid import uuid4

import psycopg

from tests.integration.write_api.documents import DETAILS, WHY, applied, taken, uploaded
from tests.integration.write_api.offices import Client

Admins = Callable[[str], Client]
Sql = psycopg.Connection[psycopg.rows.DictRow]


async def test_the_whole_way_from_the_upload_to_verified(user: Client, admins: Admins, sql: Sql) -> None:
    documents = [await uploaded(user), await uploaded(user, document_type="utility")]
    submitted = await user.ask("POST", "/kyc/applications", {"details": DETAILS, "document_ids": documents})
    assert submitted.status == 201, submitted.body
    application = submitted.json
    assert application["status"] == "pending_review"
    assert application["details"] == DETAILS
    assert [each["id"] for each in application["documents"]] == documents
    reviewer, path = admins("kyc_verifier"), f"/admin/kyc/applications/{application['id']}"
    review = await taken(reviewer, application["id"])
    verified = await reviewer.ask("POST", f"{path}/verify", {"justification": WHY}, If_Match=review.version)
    assert verified.status == 200, verified.body
    assert (verified.json["status"], verified.json["allowed_transitions"]) == ("verified", [])
    assert verified.json["decided_by"]["id"] == str(reviewer.id)
    own = await user.get(f"/kyc/applications/{application['id']}")
    assert (own["status"], own["rejection_reason"]) == ("verified", None)
    assert (await user.get("/users/me"))["is_verified"]
    why = sql.execute(
        "SELECT justification FROM admin_audit_logs WHERE resource_id = %s AND action = 'update'"
        " AND new_values ->> 'status' = 'verified'",
        (application["id"],),
    ).fetchall()
    assert why == [{"justification": WHY}]
    more = {"details": DETAILS, "document_ids": [await uploaded(user)]}
    refusal = await user.refused("POST", "/kyc/applications", 409, more)
    assert refusal["rule"] == "kyc_applications_verified"


async def test_who_was_rejected_is_told_why_and_applies_again(user: Client, admins: Admins) -> None:
    application = await applied(user)
    reviewer, path = admins("kyc_verifier"), f"/admin/kyc/applications/{application['id']}"
    review = await taken(reviewer, application["id"])
    noted = await reviewer.ask(
        "PATCH", f"{path}/notes", {"review_notes": "the photograph is blurred"}, If_Match=review.version
    )
    assert noted.json["review_notes"] == "the photograph is blurred"
    rejected = await reviewer.ask(
        "POST",
        f"{path}/reject",
        {"reason": "The photograph cannot be read.", "justification": WHY},
        If_Match=noted.version,
    )
    assert rejected.status == 200, rejected.body
    own = await user.get(f"/kyc/applications/{application['id']}")
    assert (own["status"], own["rejection_reason"]) == ("rejected", "The photograph cannot be read.")
    assert "review_notes" not in own
    assert "blurred" not in str(own)
    assert not (await user.get("/users/me"))["is_verified"]
    again = await applied(user)
    listed = (await user.get("/kyc/applications"))["data"]
    assert [(each["id"], each["status"]) for each in listed] == [
        (again["id"], "pending_review"),
        (application["id"], "rejected"),
    ]


async def test_what_is_told_is_sealed_at_rest_and_in_the_audit_trail(user: Client, sql: Sql) -> None:
    application = await applied(user)
    row = sql.execute("SELECT * FROM kyc_applications WHERE id = %s", (application["id"],)).fetchone()
    assert row is not None
    assert b"Zaynab" not in row["details"]
    trail = sql.execute(
        "SELECT new_values::text AS new FROM admin_audit_logs WHERE user_id = %s", (user.id,)
    ).fetchall()
    assert any(application["id"] in each["new"] for each in trail)
    assert not any("Zaynab" in each["new"] or "A0815" in each["new"] for each in trail)


async def test_one_application_at_a_time(user: Client, sql: Sql) -> None:
    await applied(user)
    spare = await uploaded(user)
    refusal = await user.refused(
        "POST", "/kyc/applications", 409, {"details": DETAILS, "document_ids": [spare]}
    )
    assert refusal["rule"] == "kyc_applications_open"
    row = sql.execute("SELECT application_id FROM kyc_documents WHERE id = %s", (spare,)).fetchone()
    assert row == {"application_id": None}


async def test_documents_are_attached_all_or_none(user: Client, stranger: Client, sql: Sql) -> None:
    mine, theirs = await uploaded(user), await uploaded(stranger)
    given = {"details": DETAILS, "document_ids": [mine, theirs, str(uuid4())]}
    refusal = await user.refused("POST", "/kyc/applications", 422, given)
    assert [fault["field"] for fault in refusal["fields"]] == ["document_ids[1]", "document_ids[2]"]
    assert len({fault["reason"] for fault in refusal["fields"]}) == 1
    rows = sql.execute(
        "SELECT application_id FROM kyc_documents WHERE id = ANY (%s::uuid[])", ([mine, theirs],)
    ).fetchall()
    assert rows == [{"application_id": None}] * 2
    assert (await user.get("/kyc/applications"))["data"] == []


async def test_every_wrong_field_is_named(user: Client) -> None:
    document = await uploaded(user)
    wrong = DETAILS | {
        "full_name": " ",
        "date_of_birth": "2190-01-01",
        "nationality": "egypt",
        "address": DETAILS["address"] | {"city": "\u202eoriaC", "country": "eg"},
    }
    refusal = await user.refused(
        "POST", "/kyc/applications", 422, {"details": wrong, "document_ids": [document, document]}
    )
    assert {fault["field"] for fault in refusal["fields"]} == {
        "details.full_name",
        "details.date_of_birth",
        "details.nationality",
        "details.address.city",
        "details.address.country",
        "document_ids",
    }
    for ids in ([], [str(uuid4()) for _ in range(11)], ["passport"]):
        given = {"details": DETAILS | {"colour": "blue"}, "document_ids": ids}
        refusal = await user.refused("POST", "/kyc/applications", 422, given)
        assert {fault["field"].partition("[")[0] for fault in refusal["fields"]} == {
            "details",
            "document_ids",
        }


async def test_a_repeated_submission_is_one_application(user: Client) -> None:
    given = {"details": DETAILS, "document_ids": [await uploaded(user)]}
    first = await user.ask("POST", "/kyc/applications", given, Idempotency_Key="again")
    second = await user.ask("POST", "/kyc/applications", given, Idempotency_Key="again")
    assert (second.status, second.json) == (201, first.json)
    assert len((await user.get("/kyc/applications"))["data"]) == 1


async def test_applications_of_others_are_as_if_they_were_not_there(
    user: Client, stranger: Client, anyone: Client, admins: Admins
) -> None:
    application = await applied(user)
    await stranger.refused("GET", f"/kyc/applications/{application['id']}", 404)
    await anyone.refused("GET", f"/kyc/applications/{application['id']}", 401)
    await admins("super_admin").refused("GET", f"/kyc/applications/{application['id']}", 403)
    await user.refused("GET", f"/admin/kyc/applications/{application['id']}", 403)
    assert (await stranger.get("/kyc/applications"))["data"] == []
