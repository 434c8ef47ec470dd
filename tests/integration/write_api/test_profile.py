"""The profile of a user: personal columns sealed at rest, versions, faults by field."""

from collections.abc import Callable

import psycopg

from tests.integration.write_api.offices import Client

Admins = Callable[[str], Client]
Sql = psycopg.Connection[psycopg.rows.DictRow]


async def test_a_new_wallet_has_a_profile_without_a_person(user: Client) -> None:
    profile = await user.get("/users/me")
    assert user.account is not None
    assert profile["address"] == user.account.address
    assert (profile["tier"]["tier"], profile["is_verified"], profile["full_name"]) == (0, False, None)


async def test_what_is_told_is_read_again_and_sealed_at_rest(user: Client, sql: Sql) -> None:
    before = await user.ask("GET", "/users/me")
    changed = await user.ask(
        "PATCH",
        "/users/me",
        {"full_name": "Zaynab Canary", "email": "Zaynab@Example.com"},
        If_Match=before.version,
    )
    assert changed.status == 200, changed.body
    profile = await user.get("/users/me")
    assert (profile["full_name"], profile["email"]) == ("Zaynab Canary", "zaynab@example.com")
    row = sql.execute("SELECT * FROM user_profiles WHERE user_id = %s", (user.id,)).fetchone()
    assert row is not None
    assert b"Zaynab" not in row["full_name"]
    assert b"zaynab" not in row["email"]
    trail = sql.execute(
        "SELECT new_values::text AS new FROM admin_audit_logs WHERE user_id = %s", (user.id,)
    ).fetchall()
    assert trail
    assert not any("aynab" in (each["new"] or "") for each in trail)


async def test_a_change_of_an_older_version_is_refused_and_changes_nothing(user: Client) -> None:
    before = await user.ask("GET", "/users/me")
    await user.ask("PATCH", "/users/me", {"country_code": "EG"}, If_Match=before.version)
    late = await user.refused("PATCH", "/users/me", 412, {"country_code": "DE"}, If_Match=before.version)
    assert late["current_version"] == before.json["version"] + 1
    assert (await user.get("/users/me"))["country_code"] == "EG"
    await user.refused("PATCH", "/users/me", 428, {"country_code": "DE"})


async def test_every_wrong_field_is_named(user: Client) -> None:
    before = await user.ask("GET", "/users/me")
    refusal = await user.refused(
        "PATCH",
        "/users/me",
        422,
        {"full_name": 7, "colour": "blue", "preferences": []},
        If_Match=before.version,
    )
    assert {fault["field"] for fault in refusal["fields"]} == {"full_name", "colour", "preferences"}
    refusal = await user.refused(
        "PATCH", "/users/me", 422, {"email": "no", "country_code": "egypt"}, If_Match=before.version
    )
    assert {fault["field"] for fault in refusal["fields"]} == {"email", "country_code"}


async def test_what_was_told_stays_unless_it_is_named(user: Client) -> None:
    first = await user.ask("GET", "/users/me")
    second = await user.ask(
        "PATCH", "/users/me", {"full_name": "A", "preferences": {"dark": True}}, If_Match=first.version
    )
    third = await user.ask("PATCH", "/users/me", {"preferences": {}}, If_Match=second.version)
    assert (third.json["full_name"], third.json["preferences"]) == ("A", {})
    fourth = await user.ask("PATCH", "/users/me", {"full_name": None}, If_Match=third.version)
    assert fourth.json["full_name"] is None


async def test_nobody_and_administrators_have_no_profile(anyone: Client, admins: Admins) -> None:
    await anyone.refused("GET", "/users/me", 401)
    await admins("super_admin").refused("GET", "/users/me", 403)
