"""Sign-in of administrators: a password, a second factor, each once, and nothing told to who guesses."""

import asyncio
import uuid
from base64 import urlsafe_b64decode
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.write_api.administrators import (
    PASSWORD,
    Person,
    Sql,
    admin_client,
    admin_signed_in,
    challenged,
    email,
    ids_removed,
    invited,
    new_person,
)
from tests.integration.write_api.offices import Client
from tests.unit.write_api.credentials.authenticator import Authenticator

Admins = Callable[[str], Client]

SIGN_IN, SECOND = "/auth/admin/sign-in", "/auth/admin/second-factor"


@pytest.fixture
async def person(anyone: Client, admins: Admins) -> Person:
    return await new_person(anyone, admins("super_admin"))


def _key() -> Authenticator:
    return Authenticator("localhost", "http://localhost:8090")


def _challenge(options: Any) -> bytes:
    text = options["challenge"]
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def _registered(client: Client, key: Authenticator) -> Any:
    options = (await client.post("/admin/me/security-keys/options"))["options"]
    body = {"name": "Key", "credential": key.register(_challenge(options)), "transports": ["usb"]}
    return await client.post("/admin/me/security-keys", body)


def _sessions(sql: Sql, person: Person) -> list[dict[str, Any]]:
    return sql.execute(
        "SELECT second_factor FROM admin_sessions WHERE admin_id = %s ORDER BY created_at", (person.id,)
    ).fetchall()


async def test_a_recovery_code_signs_in_once(anyone: Client, person: Person) -> None:
    code = person.codes[0].lower().replace("-", " ")
    person.email = person.email.upper()
    body = {"challenge_id": (await challenged(anyone, person))["challenge_id"], "recovery_code": code}
    client = admin_client(anyone, person, await anyone.post(SECOND, body))
    assert (await client.get("/admin/me"))["recovery_codes_left"] == 9
    again = body | {"challenge_id": (await challenged(anyone, person))["challenge_id"]}
    await anyone.refused("POST", SECOND, 401, again)


async def test_a_totp_code_signs_in_once(anyone: Client, person: Person, sql: Sql) -> None:
    code = person.code(sql)
    first = {"challenge_id": (await challenged(anyone, person))["challenge_id"], "totp": code}
    await anyone.post(SECOND, first)
    second = first | {"challenge_id": (await challenged(anyone, person))["challenge_id"]}
    await anyone.refused("POST", SECOND, 401, second)


async def test_of_two_who_bring_one_code_at_once_one_is_signed_in(
    anyone: Client, person: Person, sql: Sql
) -> None:
    challenges = [(await challenged(anyone, person))["challenge_id"] for _ in range(2)]
    for factor in ({"totp": person.code(sql)}, {"recovery_code": person.codes[3]}):
        bodies = [{"challenge_id": challenge, **factor} for challenge in challenges]
        replies = await asyncio.gather(*(anyone.ask("POST", SECOND, body) for body in bodies))
        assert sorted(reply.status for reply in replies) == [201, 401]
        challenges = [(await challenged(anyone, person))["challenge_id"]] * 2


async def test_a_challenge_is_answered_once(anyone: Client, person: Person, sql: Sql) -> None:
    body = {"challenge_id": (await challenged(anyone, person))["challenge_id"], "totp": person.code(sql)}
    await anyone.post(SECOND, body)
    await anyone.refused("POST", SECOND, 401, body | {"totp": person.code(sql)})


async def test_a_challenge_has_five_attempts_and_the_lock_counts_them(
    anyone: Client, person: Person, sql: Sql
) -> None:
    challenge = await challenged(anyone, person)
    assert challenge["attempts_left"] == 5
    body = {"challenge_id": challenge["challenge_id"], "totp": "000 00x"}
    for _ in range(5):
        await anyone.refused("POST", SECOND, 401, body)
    sql.execute("DELETE FROM sign_in_failures")
    await anyone.refused("POST", SECOND, 401, body | {"totp": person.code(sql)})


async def test_a_locked_account_takes_no_second_factor(anyone: Client, person: Person, sql: Sql) -> None:
    challenge = await challenged(anyone, person)
    for _ in range(5):
        await anyone.refused("POST", SIGN_IN, 401, {"email": person.email, "password": "wrong"})
    body = {"challenge_id": challenge["challenge_id"], "totp": person.code(sql)}
    assert (await anyone.refused("POST", SECOND, 429, body))["retry_after_s"] > 0


async def test_unknown_wrong_disabled_and_not_set_up_are_told_the_same(
    anyone: Client, admins: Admins, person: Person, sql: Sql
) -> None:
    boss = admins("super_admin")
    _, fresh, _ = await invited(boss)
    disabled = await new_person(anyone, boss)
    reason = {"justification": "left the company today"}
    await boss.post(f"/admin/admins/{disabled.id}/disable", reason, 200)
    attempts = [(email(), PASSWORD), (person.email, "wrong"), (fresh, PASSWORD), (disabled.email, PASSWORD)]
    told = []
    for address, password in attempts:
        body = {"email": address, "password": password}
        answers = [ids_removed(await anyone.refused("POST", SIGN_IN, 401, body)) for _ in range(5)]
        locked = ids_removed(await anyone.refused("POST", SIGN_IN, 429, body))
        seconds = locked.pop("retry_after_s")
        locked["detail"] = locked["detail"].replace(str(seconds), "…")
        told.append((answers, locked))
    assert all(each == told[0] for each in told)
    events = sql.execute(
        "SELECT DISTINCT admin_id FROM security_events WHERE event_type = 'failed_login' AND admin_id = ANY (%s)",
        ([person.id, disabled.id],),
    ).fetchall()
    assert len(events) == 2


async def test_a_right_second_factor_forgets_the_failures(anyone: Client, person: Person, sql: Sql) -> None:
    for _ in range(2):
        for _ in range(4):
            await anyone.refused("POST", SIGN_IN, 401, {"email": person.email, "password": "wrong"})
        await admin_signed_in(anyone, person, sql)


async def test_one_who_is_disabled_after_the_password_is_not_signed_in(
    anyone: Client, admins: Admins, person: Person, sql: Sql
) -> None:
    challenge = await challenged(anyone, person)
    code = person.code(sql)
    why = {"justification": "left the company today"}
    await admins("super_admin").post(f"/admin/admins/{person.id}/disable", why, 200)
    await anyone.refused("POST", SECOND, 401, {"challenge_id": challenge["challenge_id"], "totp": code})


async def test_one_factor_is_sent_and_an_unknown_challenge_is_no_clue(anyone: Client) -> None:
    unknown = str(uuid.uuid4())
    await anyone.refused("POST", SECOND, 401, {"challenge_id": unknown, "totp": "000000"})
    await anyone.refused("POST", SECOND, 422, {"challenge_id": unknown})
    both = {"challenge_id": unknown, "totp": "000000", "recovery_code": "x"}
    await anyone.refused("POST", SECOND, 422, both)


async def test_a_security_key_signs_in_for_its_own_challenge(
    anyone: Client, person: Person, sql: Sql
) -> None:
    key = _key()
    client = await admin_signed_in(anyone, person, sql)
    made = await _registered(client, key)
    assert [each["id"] for each in (await client.get("/admin/me/security-keys"))["data"]] == [made["id"]]
    first, other = await challenged(anyone, person), await challenged(anyone, person)
    assert first["factors"] == ["totp", "security_key", "recovery_code"]
    response = key.authenticate(_challenge(first["security_key_options"]), sign_count=7)
    body = {"challenge_id": other["challenge_id"], "security_key": response}
    await anyone.refused("POST", SECOND, 401, body)
    body["challenge_id"] = first["challenge_id"]
    signed = admin_client(anyone, person, await anyone.post(SECOND, body))
    sessions = _sessions(sql, person)[-1]
    assert sessions["second_factor"] == "security_key"
    assert (await signed.get("/admin/me"))["security_keys"] == 1


async def test_a_copied_security_key_is_refused_and_noted(anyone: Client, person: Person, sql: Sql) -> None:
    key = _key()
    await _registered(await admin_signed_in(anyone, person, sql), key)
    for count, status in ((9, 201), (9, 401), (4, 401), (10, 201)):
        challenge = await challenged(anyone, person)
        response = key.authenticate(_challenge(challenge["security_key_options"]), sign_count=count)
        body = {"challenge_id": challenge["challenge_id"], "security_key": response}
        assert (await anyone.ask("POST", SECOND, body)).status == status
    noted = sql.execute(
        "SELECT severity, threat_indicators ->> 'found' AS found FROM security_events"
        " WHERE event_type = 'security_key_copied' AND admin_id = %s ORDER BY timestamp",
        (person.id,),
    ).fetchall()
    assert noted == [{"severity": "critical", "found": "9"}, {"severity": "critical", "found": "4"}]


async def test_a_key_of_another_challenge_page_or_person_is_not_registered(
    anyone: Client, person: Person, admins: Admins, sql: Sql
) -> None:
    client = await admin_signed_in(anyone, person, sql)
    options = (await client.post("/admin/me/security-keys/options"))["options"]
    challenge = _challenge(options)
    for key, asked, who in (
        (_key(), bytes(32), client),
        (_key(), challenge, admins("viewer")),
        (Authenticator("localhost", "http://evil.example"), challenge, client),
    ):
        body = {"name": "Key", "credential": key.register(asked)}
        refusal = await who.refused("POST", "/admin/me/security-keys", 422, body)
        assert refusal["fields"][0]["field"] == "credential"
    body = {"name": "Key", "credential": {"response": {"clientDataJSON": 7}}, "transports": ["post"]}
    refusal = await client.refused("POST", "/admin/me/security-keys", 422, body)
    assert refusal["fields"][0]["field"] == "transports"
    assert (await client.get("/admin/me/security-keys"))["data"] == []
