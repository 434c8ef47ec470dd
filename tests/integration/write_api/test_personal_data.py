"""Everything that is kept of a person is given to that person, and of nobody else; erasure is asked for once."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb

from tests.integration.write_api.offices import Client, Writing
from write_api.data_keys import DataKey, KeyRing
from write_api.encryption.master_keys import FileKeys

Admins = Callable[[str], Client]
Sql = psycopg.Connection[psycopg.rows.DictRow]


@dataclass(frozen=True, slots=True)
class Person:
    """What one user told and did; each text begins with `canary`."""

    client: Client
    canary: str

    def tell(self, what: str) -> str:
        return f"{self.canary}-{what}"


async def _key(writing: Writing, sql: Sql, user: UUID) -> DataKey:
    row = sql.execute(
        "SELECT id, wrapped, master_key_id FROM data_keys WHERE user_id = %s AND purpose = 'user'", (user,)
    ).fetchone()
    assert row is not None
    ring = KeyRing(FileKeys(writing.keys.folder / "master.json"))
    return await ring.unwrap(row["id"], row["wrapped"], row["master_key_id"])


async def _lived(client: Client, writing: Writing, sql: Sql, admin: UUID) -> Person:
    """A user of whom there is something in every table."""
    person = Person(client, f"canary{uuid4().hex[:8]}")
    profile = await client.ask("GET", "/users/me")
    told = {
        "full_name": person.tell("name"),
        "email": f"{person.canary}@example.com",
        "preferences": {"note": person.tell("preference")},
    }
    changed = await client.ask("PATCH", "/users/me", told, If_Match=profile.version)
    assert changed.status == 200, changed.body
    events = [{"event_type": "looked", "event_data": {"at": person.tell("event")}}] * 2
    await client.post("/analytics/events", {"events": events})
    key = await _key(writing, sql, client.id)
    application, document, message, asset, investment = (
        uuid4(),
        uuid4(),
        uuid4().int % 10**12,
        uuid4(),
        uuid4(),
    )

    def sealed(row: object, column: str, text: str) -> bytes:
        return key.seal(text, row=row, column=column)

    details = json.dumps({"full_name": person.tell("applicant")})
    with sql.transaction():
        sql.execute("SET LOCAL session_replication_role = replica")
        sql.execute(
            "UPDATE user_profiles SET registration_ip = %s, device_fingerprints = %s, metadata = %s WHERE user_id = %s",
            (
                sealed(client.id, "registration_ip", person.tell("address")),
                sealed(client.id, "device_fingerprints", json.dumps([person.tell("device")])),
                Jsonb({"source": person.tell("source")}),
                client.id,
            ),
        )
        sql.execute(
            "INSERT INTO kyc_applications (id, user_id, details, status, assigned_to, verified_by, reviewed_at,"
            " rejection_reason, review_notes) VALUES (%s, %s, %s, 'rejected', %s, %s, now(), %s, %s)",
            (
                application,
                client.id,
                sealed(application, "details", details),
                admin,
                admin,
                sealed(application, "rejection_reason", person.tell("reason")),
                sealed(application, "review_notes", "reviewers-only"),
            ),
        )
        sql.execute(
            "INSERT INTO kyc_documents (id, user_id, application_id, document_type, original_filename, stored_filename,"
            " file_size, mime_type, file_hash, data_key_id)"
            " VALUES (%s, %s, %s, 'passport', %s, %s, 7, 'image/png', %s, %s)",
            (
                document,
                client.id,
                application,
                sealed(document, "original_filename", person.tell("file.png")),
                str(document),
                b"h" * 32,
                key.id,
            ),
        )
        for number, audience, author, text in (
            (message, "applicant", None, person.tell("question")),
            (message + 1, "applicant", admin, person.tell("answer")),
            (message + 2, "reviewers", admin, "reviewers-only"),
        ):
            sql.execute(
                "INSERT INTO messages (id, application_id, user_id, audience, author_admin_id, body)"
                " OVERRIDING SYSTEM VALUE VALUES (%s, %s, %s, %s, %s, %s)",
                (number, application, client.id, audience, author, sealed(number, "body", text)),
            )
        sql.execute("INSERT INTO assets (id, type, title) VALUES (%s, 'interest', 'Asset')", (asset,))
        sql.execute("INSERT INTO asset_interests (asset_id, user_id) VALUES (%s, %s)", (asset, client.id))
        sql.execute(
            "INSERT INTO investments (id, user_id, asset_id, amount, currency, status, failure_reason)"
            " VALUES (%s, %s, %s, 1.000000000000000001, 'PEND', 'failed', %s)",
            (investment, client.id, asset, person.tell("failure")),
        )
        sql.execute(
            "INSERT INTO transactions (user_id, asset_id, investment_id, kind, amount, currency, asked_at_block,"
            " transaction_hash) VALUES (%s, %s, %s, 'investment', 2.5, 'PEND', 0, %s)",
            (client.id, asset, investment, person.canary.encode().ljust(32)),
        )
        sql.execute(
            "INSERT INTO investment_agreements (user_id, asset_id, agreement_hash, signature, signed_text)"
            " VALUES (%s, %s, %s, %s, %s)",
            (client.id, asset, b"a" * 32, b"s" * 65, person.tell("agreement")),
        )
    return person


async def test_all_that_was_told_is_exported_and_nothing_of_others(
    user: Client, stranger: Client, admins: Admins, writing: Writing, sql: Sql
) -> None:
    verifier = admins("kyc_verifier")
    person = await _lived(user, writing, sql, verifier.id)
    other = await _lived(stranger, writing, sql, verifier.id)
    reply = await user.ask("GET", "/users/me/export", User_Agent="Canary/1")
    assert reply.status == 200, reply.body
    data = reply.json
    assert "attachment" in reply.headers["content-disposition"]
    profile = data["profile"]
    assert (profile["full_name"], profile["registration_ip"]) == (person.tell("name"), person.tell("address"))
    assert profile["device_fingerprints"] == [person.tell("device")]
    assert (profile["email"], profile["id"]) == (f"{person.canary}@example.com", str(user.id))
    (application,) = data["kyc_applications"]
    assert application["details"] == {"full_name": person.tell("applicant")}
    assert application["rejection_reason"] == person.tell("reason")
    assert [each["original_filename"] for each in data["kyc_documents"]] == [person.tell("file.png")]
    assert [(each["body"], each["is_own"]) for each in data["messages"]] == [
        (person.tell("question"), True),
        (person.tell("answer"), False),
    ]
    assert [each["amount"] for each in data["investments"]] == ["1.000000000000000001"]
    assert [each["amount"] for each in data["transactions"]] == ["2.5"]
    assert [each["signed_text"] for each in data["investment_agreements"]] == [person.tell("agreement")]
    assert len(data["asset_interests"]) == 1
    assert [each["event_data"]["at"] for each in data["activity"]] == [person.tell("event")] * 2
    assert [each["id"] for each in data["sessions"]] == [str(user.session_id)]
    actions = {(each["action"], each["resource_type"]) for each in data["actions"]}
    assert {("update", "user_profiles"), ("export", "users")} <= actions
    body = reply.body.decode()
    assert other.canary not in body
    assert str(stranger.id) not in body
    assert "reviewers-only" not in body
    assert str(verifier.id) not in body


async def test_lists_longer_than_one_read_are_whole(user: Client, sql: Sql) -> None:
    sql.execute(
        "INSERT INTO user_analytics (user_id, event_type, event_data, timestamp)"
        " SELECT %s, 'walked', jsonb_build_object('n', n), '2020-01-01' FROM generate_series(1, 1000) AS n",
        (user.id,),
    )
    sql.execute(
        "INSERT INTO admin_audit_logs (actor, user_id, action, resource_type)"
        " SELECT 'user', %s, 'walked', 'nothing' FROM generate_series(1, 1001)",
        (user.id,),
    )
    data = await user.get("/users/me/export")
    assert sorted(each["event_data"]["n"] for each in data["activity"]) == list(range(1, 1001))
    numbers = [each["id"] for each in data["actions"] if each["action"] == "walked"]
    assert len(numbers) == len(set(numbers)) == 1001


async def test_a_person_who_told_nothing_has_an_export(user: Client) -> None:
    data = await user.get("/users/me/export")
    assert (data["profile"]["full_name"], data["kyc_applications"], data["activity"]) == (None, [], [])


async def test_an_export_is_noted_in_the_trail(user: Client, sql: Sql) -> None:
    reply = await user.ask("GET", "/users/me/export")
    row = sql.execute(
        "SELECT action, resource_type, resource_id, actor FROM admin_audit_logs WHERE request_id = %s",
        (reply.headers["x-request-id"],),
    ).fetchone()
    assert row == {"action": "export", "resource_type": "users", "resource_id": str(user.id), "actor": "user"}


async def test_erasure_is_asked_for_once_and_says_what_is_kept(user: Client, stranger: Client) -> None:
    await user.refused("GET", "/users/me/erasure-request", 404)
    asked = await user.post("/users/me/erasure-request")
    assert asked["erased_at"] is None
    assert "Investments" in asked["kept"][0]["what"]
    assert all(each["why"] for each in asked["kept"])
    assert await user.get("/users/me/erasure-request") == asked
    refusal = await user.refused("POST", "/users/me/erasure-request", 409)
    assert refusal["rule"] == "erasure_requests_once"
    await stranger.refused("GET", "/users/me/erasure-request", 404)


async def test_a_request_repeated_with_its_key_is_the_same_request(user: Client) -> None:
    key = str(uuid4())
    asked = await user.post("/users/me/erasure-request", Idempotency_Key=key)
    assert await user.post("/users/me/erasure-request", Idempotency_Key=key) == asked


async def test_personal_data_is_for_its_person(anyone: Client, admins: Admins) -> None:
    for path in ("/users/me/export", "/users/me/erasure-request"):
        await anyone.refused("GET", path, 401)
        await admins("super_admin").refused("GET", path, 403)


async def test_the_own_trail_shows_a_user_nothing_of_others_even_in_sql(
    user: Client, stranger: Client, sql: Sql
) -> None:
    await stranger.post("/users/me/erasure-request")
    with sql.transaction():
        sql.execute("SET LOCAL ROLE pend_writer")
        for who, kinds in ((stranger.id, {"erasure_requests"}), (user.id, set())):
            sql.execute("SELECT account.enter('user', %s, NULL, NULL, NULL)", (who,))
            found = sql.execute("SELECT * FROM account.own_trail(NULL, 100)").fetchall()
            assert {each["resource_type"] for each in found} & {"erasure_requests"} == kinds
        sql.execute("SELECT account.enter_anyone(NULL, NULL)")
        assert sql.execute("SELECT * FROM account.own_trail(NULL, 100)").fetchall() == []
