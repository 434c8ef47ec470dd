"""How an administrator comes to be: invited, set up once, signed in."""

import hashlib
from collections.abc import Callable

import pyotp
import pytest

from tests.integration.write_api.administrators import (
    PASSWORD,
    Sql,
    admin_signed_in,
    email,
    ids_removed,
    invited,
    set_up,
)
from tests.integration.write_api.offices import Client

Admins = Callable[[str], Client]


async def test_the_whole_way_from_the_invitation_to_the_first_request(
    anyone: Client, admins: Admins, sql: Sql
) -> None:
    boss = admins("super_admin")
    id_, address, token = await invited(boss, "auditor")
    person = await set_up(anyone, id_, address, token)
    assert len(set(person.codes)) == 10
    me = await (await admin_signed_in(anyone, person, sql)).get("/admin/me")
    assert (me["email"], me["role"], me["has_totp"]) == (address, "auditor", True)
    assert "audit.read" in me["permissions"]
    assert (me["recovery_codes_left"], me["security_keys"]) == (10, 0)
    shown = await boss.get(f"/admin/admins/{id_}")
    assert (shown["is_set_up"], shown["setup_expires_at"]) == (True, None)


async def test_no_secret_of_the_setup_is_kept_readable(anyone: Client, admins: Admins, sql: Sql) -> None:
    id_, address, token = await invited(admins("super_admin"))
    person = await set_up(anyone, id_, address, token)
    row = sql.execute("SELECT * FROM admin_users WHERE id = %s", (id_,)).fetchone()
    assert row is not None
    assert row["password_hash"].startswith("$argon2id$")
    assert person.secret.encode() not in row["totp_secret"]
    said = sql.execute(
        "SELECT string_agg(l::text, ' ') AS said FROM admin_audit_logs AS l WHERE resource_id = %s",
        (str(id_),),
    ).fetchone()
    assert said is not None
    whole = said["said"] + str(
        sql.execute("SELECT * FROM admin_recovery_codes WHERE admin_id = %s", (id_,)).fetchall()
    )
    for secret in (token, hashlib.sha256(token.encode()).hexdigest(), PASSWORD, person.secret, *person.codes):
        assert secret not in whole
    assert row["password_hash"] not in whole


async def test_a_setup_token_is_used_up(anyone: Client, admins: Admins) -> None:
    id_, address, token = await invited(admins("super_admin"))
    person = await set_up(anyone, id_, address, token)
    body = {"setup_token": token, "password": PASSWORD}
    used = await anyone.refused("POST", "/auth/admin/setup", 401, body)
    unknown = await anyone.refused("POST", "/auth/admin/setup", 401, body | {"setup_token": "pend_setup_x"})
    assert ids_removed(used) == ids_removed(unknown)
    code = {"setup_token": token, "totp": pyotp.TOTP(person.secret).now()}
    await anyone.refused("POST", "/auth/admin/setup/confirm", 401, code)


async def test_an_expired_setup_token_is_like_an_unknown_one(
    anyone: Client, admins: Admins, sql: Sql
) -> None:
    id_, _, token = await invited(admins("super_admin"))
    sql.execute("UPDATE admin_users SET setup_expires_at = now() - interval '1 second' WHERE id = %s", (id_,))
    await anyone.refused("POST", "/auth/admin/setup", 401, {"setup_token": token, "password": PASSWORD})


async def test_a_wrong_code_does_not_end_the_setup(anyone: Client, admins: Admins, sql: Sql) -> None:
    id_, address, token = await invited(admins("super_admin"))
    await anyone.post("/auth/admin/setup", {"setup_token": token, "password": PASSWORD})
    await anyone.refused("POST", "/auth/admin/setup/confirm", 401, {"setup_token": token, "totp": "no"})
    unconfirmed = {"email": address, "password": PASSWORD}
    await anyone.refused("POST", "/auth/admin/sign-in", 401, unconfirmed)
    await admin_signed_in(anyone, await set_up(anyone, id_, address, token), sql)


@pytest.mark.parametrize(
    "password", ["short", "passwordpassword", "New Person 1", "a\x00quiet lorry of plums"]
)
async def test_a_weak_password_is_refused_by_name(anyone: Client, admins: Admins, password: str) -> None:
    _, _, token = await invited(admins("super_admin"))
    body = {"setup_token": token, "password": password}
    refusal = await anyone.refused("POST", "/auth/admin/setup", 422, body)
    assert [fault["field"] for fault in refusal["fields"]] == ["password"]
    assert password not in refusal["detail"]


async def test_nobody_is_invited_as_super_admin_or_twice(admins: Admins) -> None:
    boss = admins("super_admin")
    body = {"email": email(), "name": "New Person", "role": "super_admin"}
    assert (await boss.refused("POST", "/admin/admins", 422, body))["fields"][0]["field"] == "role"
    _, address, _ = await invited(boss)
    again = {"email": address.upper(), "name": "Another", "role": "viewer"}
    assert (await boss.refused("POST", "/admin/admins", 409, again))["rule"] == "admin_users_email_key"


async def test_an_e_mail_that_only_looks_like_one_is_refused(anyone: Client, admins: Admins) -> None:
    wrong = "\u0430dmin@pend.example"
    body = {"email": wrong, "name": "New Person", "role": "viewer"}
    refusal = await admins("super_admin").refused("POST", "/admin/admins", 422, body)
    assert refusal["fields"][0]["field"] == "email"
    sign_in = {"email": wrong, "password": PASSWORD}
    assert (await anyone.refused("POST", "/auth/admin/sign-in", 422, sign_in))["fields"][0][
        "field"
    ] == "email"


async def test_a_repeated_invitation_is_answered_with_the_same_token(admins: Admins) -> None:
    boss = admins("super_admin")
    body = {"email": email(), "name": "New Person", "role": "viewer"}
    first = await boss.post("/admin/admins", body, Idempotency_Key="invite-1")
    assert await boss.post("/admin/admins", body, Idempotency_Key="invite-1") == first
