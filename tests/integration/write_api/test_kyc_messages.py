"""Messages about an application, kept for whoever reconnects; and notices to everybody."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg

from tests.integration.write_api.documents import applied
from tests.integration.write_api.offices import Client

Admins = Callable[[str], Client]
Sql = psycopg.Connection[psycopg.rows.DictRow]


async def test_applicant_and_reviewers_write_and_reviewers_among_themselves(
    user: Client, admins: Admins, sql: Sql
) -> None:
    application, reviewer = (await applied(user))["id"], admins("kyc_verifier")
    theirs, ours = (
        f"/kyc/applications/{application}/messages",
        f"/admin/kyc/applications/{application}/messages",
    )
    asked = await user.post(theirs, {"body": "Zaynab asks: how long?"})
    assert asked["author_admin_id"] is None
    await reviewer.post(ours, {"body": "Is the photograph real?", "audience": "reviewers"})
    told = await reviewer.post(ours, {"body": "Two days.", "audience": "applicant"})
    assert told["author_admin_id"] == str(reviewer.id)
    seen = (await user.get(theirs))["data"]
    assert [each["body"] for each in seen] == ["Zaynab asks: how long?", "Two days."]
    assert [each["body"] for each in (await reviewer.get(ours))["data"]] == [
        "Zaynab asks: how long?",
        "Is the photograph real?",
        "Two days.",
    ]
    assert [each["id"] for each in (await user.get(f"{theirs}?after={asked['id']}"))["data"]] == [told["id"]]
    assert (await user.get(f"{theirs}?after={told['id']}"))["data"] == []
    rows = sql.execute("SELECT body FROM messages WHERE application_id = %s", (application,)).fetchall()
    assert len(rows) == 3
    assert not any(b"Zaynab" in each["body"] for each in rows)


async def test_whoever_reads_on_misses_nothing_that_is_written_at_once(user: Client, admins: Admins) -> None:
    application, reviewer = (await applied(user))["id"], admins("kyc_verifier")
    theirs, ours = (
        f"/kyc/applications/{application}/messages",
        f"/admin/kyc/applications/{application}/messages",
    )
    written = asyncio.gather(
        *(user.post(theirs, {"body": f"{number}"}) for number in range(10)),
        *(reviewer.post(ours, {"body": f"{number}", "audience": "applicant"}) for number in range(10, 20)),
    )
    read: list[str] = []
    after = 0
    while not (written.done() and len(read) >= 20):
        page = (await user.get(f"{theirs}?after={after}&limit=3"))["data"]
        read += [each["body"] for each in page]
        after = page[-1]["id"] if page else after
        if not page and written.done():
            break
    await written
    assert sorted(read, key=int) == [str(number) for number in range(20)]


async def test_messages_are_for_those_whom_they_concern(
    user: Client, stranger: Client, admins: Admins
) -> None:
    application = (await applied(user))["id"]
    theirs, ours = (
        f"/kyc/applications/{application}/messages",
        f"/admin/kyc/applications/{application}/messages",
    )
    await user.post(theirs, {"body": "how long?"})
    await stranger.refused("GET", theirs, 404)
    await stranger.refused("POST", theirs, 404, {"body": "mine"})
    await stranger.refused("GET", ours, 403)
    for role in ("asset_manager", "viewer"):
        await admins(role).refused("GET", ours, 403)
    for role in ("asset_manager", "viewer", "auditor"):
        await admins(role).refused("POST", ours, 403, {"body": "no", "audience": "reviewers"})
    await user.refused("POST", theirs, 422, {"body": "x", "audience": "reviewers"})
    await user.refused("POST", theirs, 422, {"body": " "})
    await admins("kyc_verifier").refused("POST", ours, 422, {"body": "x", "audience": "everybody"})
    await user.refused("GET", f"{theirs}?after=-1", 400)


async def test_who_reads_messages_for_the_office_is_audited(user: Client, admins: Admins, sql: Sql) -> None:
    application, auditor = (await applied(user))["id"], admins("auditor")
    await user.post(f"/kyc/applications/{application}/messages", {"body": "how long?"})
    await auditor.get(f"/admin/kyc/applications/{application}/messages")
    trail = sql.execute(
        "SELECT resource_type FROM admin_audit_logs WHERE action = 'read' AND admin_id = %s", (auditor.id,)
    ).fetchall()
    assert trail == [{"resource_type": "messages"}]


async def test_a_notice_is_read_by_everybody_until_it_ends(
    user: Client, anyone: Client, admins: Admins, sql: Sql
) -> None:
    chief = admins("super_admin")
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    given = {"severity": "warning", "body": "Maintenance at noon", "expires_at": ends}
    notice = await chief.post("/admin/notices", given)
    for reader in (user, admins("viewer")):
        assert notice in (await reader.get("/notices"))["data"]
    sql.execute("UPDATE notices SET expires_at = now() WHERE id = %s", (notice["id"],))
    assert notice["id"] not in {each["id"] for each in (await user.get("/notices"))["data"]}
    await anyone.refused("GET", "/notices", 401)
    await admins("kyc_verifier").refused("POST", "/admin/notices", 403, given)
    wrong = {"severity": "loud", "body": "x", "expires_at": "2020-01-01T00:00:00Z"}
    refusal = await chief.refused("POST", "/admin/notices", 422, wrong)
    assert [fault["field"] for fault in refusal["fields"]] == ["severity"]
    refusal = await chief.refused("POST", "/admin/notices", 422, wrong | {"severity": "info"})
    assert [fault["field"] for fault in refusal["fields"]] == ["expires_at"]
