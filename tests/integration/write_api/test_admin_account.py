"""The account of an administrator in the administrator's own hands."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from tests.integration.write_api.administrators import (
    PASSWORD,
    Person,
    Sql,
    admin_signed_in,
    challenged,
    new_person,
)
from tests.integration.write_api.offices import Client

Admins = Callable[[str], Client]

NEW = "nine lamps over the harbour"


@pytest.fixture
async def person(anyone: Client, admins: Admins) -> Person:
    return await new_person(anyone, admins("super_admin"))


async def test_another_password_ends_every_other_session(anyone: Client, person: Person, sql: Sql) -> None:
    here, elsewhere = await admin_signed_in(anyone, person, sql), await admin_signed_in(anyone, person, sql)
    body = {"current": PASSWORD, "new": NEW}
    await here.post("/admin/me/password", body, 204, Idempotency_Key="p")
    await elsewhere.refused("GET", "/admin/me", 401)
    await here.get("/admin/me")
    await here.post("/admin/me/password", body, 204, Idempotency_Key="p")
    await anyone.refused("POST", "/auth/admin/sign-in", 401, {"email": person.email, "password": PASSWORD})
    person.password = NEW
    await challenged(anyone, person)


async def test_the_present_password_is_asked_for_and_guesses_lock(
    anyone: Client, person: Person, sql: Sql
) -> None:
    client = await admin_signed_in(anyone, person, sql)
    weak = {"current": PASSWORD, "new": "short"}
    refusal = await client.refused("POST", "/admin/me/password", 422, weak)
    assert refusal["fields"][0]["field"] == "new"
    for _ in range(5):
        await client.refused("POST", "/admin/me/password", 401, {"current": "wrong", "new": NEW})
    await client.refused("POST", "/admin/me/password", 429, {"current": PASSWORD, "new": NEW})
    await challenged(anyone, person)


async def test_new_recovery_codes_need_a_fresh_code_and_replace_the_old(
    anyone: Client, person: Person, sql: Sql
) -> None:
    client = await admin_signed_in(anyone, person, sql)
    await client.refused("POST", "/admin/me/recovery-codes", 401, {"totp": "000 00x"})
    code = person.code(sql)
    made = (await client.post("/admin/me/recovery-codes", {"totp": code}))["recovery_codes"]
    assert len({*made, *person.codes}) == 20
    await client.refused("POST", "/admin/me/recovery-codes", 401, {"totp": code})
    for recovery_code, status in ((person.codes[0], 401), (made[0], 201)):
        body = {
            "challenge_id": (await challenged(anyone, person))["challenge_id"],
            "recovery_code": recovery_code,
        }
        assert (await anyone.ask("POST", "/auth/admin/second-factor", body)).status == status


async def test_the_last_second_factor_stays(admins: Admins, sql: Sql) -> None:
    client = admins("viewer")
    keys = [
        sql.execute(
            "INSERT INTO admin_security_keys (admin_id, name, credential_id, public_key)"
            " VALUES (%s, 'k', %s, 'x') RETURNING id",
            (client.id, uuid4().bytes),
        ).fetchone()
        for _ in range(2)
    ]
    first, second = (key["id"] for key in keys if key is not None)
    assert (await client.ask("DELETE", f"/admin/me/security-keys/{first}")).status == 204
    refusal = await client.refused("DELETE", f"/admin/me/security-keys/{second}", 409)
    assert refusal["rule"] == "second_factor_last"
    assert len((await client.get("/admin/me/security-keys"))["data"]) == 1
    await admins("viewer").refused("DELETE", f"/admin/me/security-keys/{second}", 404)
