"""Phones are registered by who receives the code; neither number nor code is kept or logged."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import uuid4

import aiohttp
import psycopg
import pytest
from aiohttp import web

from tests.integration.write_api.offices import Client, Writing, signed_in, write_process

Admins = Callable[[str], Client]
Sql = psycopg.Connection[psycopg.rows.DictRow]

_SENT = re.compile(r"^to (\+[0-9]+): .*?([0-9]{6})", re.MULTILINE)
_numbers = iter(range(1_001_230_000, 1_001_239_999))


def _new_phone() -> str:
    """An Egyptian number that no other test has."""
    return f"+20{next(_numbers)}"


def _code(writing: Writing, phone: str) -> str:
    """What the console sender printed last for this phone."""
    codes = [str(code) for to, code in _SENT.findall(writing.said()) if to == phone]
    return codes[-1]


def _other(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


async def _asked(user: Client, phone: str) -> str:
    return str((await user.post("/users/me/phone", {"phone": phone}))["challenge_id"])


def _answer(challenge: str, code: str) -> dict[str, str]:
    return {"challenge_id": challenge, "code": code}


async def test_the_code_registers_the_phone_once(user: Client, writing: Writing, sql: Sql) -> None:
    phone = _new_phone()
    asked = await user.post("/users/me/phone", {"phone": phone})
    masked = f"+20***{phone[-4:]}"
    assert asked["phone_number_masked"] == masked
    body = _answer(asked["challenge_id"], _code(writing, phone))
    assert await user.post("/users/me/phone/verify", body) == {
        "phone_number_masked": masked,
        "country_code": "EG",
    }
    assert (await user.get("/users/me"))["phone_number_masked"] == masked
    row = sql.execute("SELECT phone_hash FROM users WHERE id = %s", (user.id,)).fetchone()
    assert row is not None
    assert len(row["phone_hash"]) == 32
    replayed = await user.refused("POST", "/users/me/phone/verify", 422, body)
    assert [fault["field"] for fault in replayed["fields"]] == ["code"]


async def test_neither_number_nor_code_is_kept_or_logged(user: Client, writing: Writing, sql: Sql) -> None:
    phone = _new_phone()
    challenge = await _asked(user, phone)
    code = _code(writing, phone)
    kept = sql.execute(
        "SELECT challenges::text AS kept FROM challenges WHERE id = %s", (challenge,)
    ).fetchone()
    assert kept is not None
    assert phone[3:] not in kept["kept"]
    assert f"*{phone[-4:]}" in kept["kept"]
    await user.refused("POST", "/users/me/phone/verify", 422, _answer(challenge, _other(code)))
    await user.post("/users/me/phone/verify", _answer(challenge, code))
    dump = sql.execute(
        "SELECT (SELECT string_agg(l::text, '') FROM admin_audit_logs AS l WHERE user_id = %(user)s)"
        " || (SELECT p::text FROM user_profiles AS p WHERE user_id = %(user)s) AS said",
        {"user": user.id},
    ).fetchone()
    assert dump is not None
    assert phone[3:] not in dump["said"]
    logged = [line for line in writing.said().splitlines() if not line.startswith("to +")]
    assert logged
    assert not any(phone[3:] in line or f'"{code}"' in line or f" {code}" in line for line in logged)


async def test_wrong_codes_use_the_challenge_up_and_lock_who_guesses(
    user: Client, writing: Writing, sql: Sql
) -> None:
    phone = _new_phone()
    challenge = await _asked(user, phone)
    code = _code(writing, phone)
    for left in (4, 3, 2, 1):
        refusal = await user.refused("POST", "/users/me/phone/verify", 422, _answer(challenge, _other(code)))
        assert f"{left} attempts are left" in refusal["detail"]
    last = await user.refused("POST", "/users/me/phone/verify", 422, _answer(challenge, _other(code)))
    assert "ask for a new one" in last["detail"]
    locked = await user.refused("POST", "/users/me/phone/verify", 429, _answer(challenge, code))
    assert 0 < locked["retry_after_s"] <= 60
    sql.execute("UPDATE sign_in_failures SET locked_until = NULL")
    await user.refused("POST", "/users/me/phone/verify", 422, _answer(challenge, code))
    assert (await user.get("/users/me"))["phone_number_masked"] is None
    events = sql.execute(
        "SELECT event_type, severity FROM security_events WHERE user_id = %s", (user.id,)
    ).fetchall()
    assert {(event["event_type"], event["severity"]) for event in events} == {("phone_code_failed", "medium")}


async def test_guesses_at_once_are_all_counted(user: Client, writing: Writing, sql: Sql) -> None:
    phone = _new_phone()
    challenge = await _asked(user, phone)
    code = int(_code(writing, phone))
    body = [_answer(challenge, f"{(code + offset) % 1_000_000:06}") for offset in range(1, 13)]
    replies = await asyncio.gather(*(user.ask("POST", "/users/me/phone/verify", each) for each in body))
    assert {reply.status for reply in replies} <= {422, 429}
    assert sql.execute("SELECT FROM challenges WHERE id = %s", (challenge,)).fetchone() is None


async def test_a_code_expires(user: Client, writing: Writing, sql: Sql) -> None:
    phone = _new_phone()
    challenge = await _asked(user, phone)
    sql.execute("UPDATE challenges SET expires_at = now() WHERE id = %s", (challenge,))
    await user.refused("POST", "/users/me/phone/verify", 422, _answer(challenge, _code(writing, phone)))


async def test_anothers_challenge_is_as_good_as_none(
    user: Client, stranger: Client, writing: Writing
) -> None:
    phone = _new_phone()
    challenge = await _asked(user, phone)
    code = _code(writing, phone)
    theirs = await stranger.refused("POST", "/users/me/phone/verify", 422, _answer(challenge, code))
    none = await stranger.refused("POST", "/users/me/phone/verify", 422, _answer(str(uuid4()), code))
    assert theirs["detail"] == none["detail"]


async def test_a_phone_belongs_to_one_account_and_only_its_holder_learns_that(
    user: Client, stranger: Client, writing: Writing
) -> None:
    phone = _new_phone()
    first = await user.ask("POST", "/users/me/phone", {"phone": phone})
    body = _answer(first.json["challenge_id"], _code(writing, phone))
    await user.post("/users/me/phone/verify", body)
    second = await stranger.ask("POST", "/users/me/phone", {"phone": phone})
    assert (second.status, second.json.keys()) == (first.status, first.json.keys())
    body = _answer(second.json["challenge_id"], _code(writing, phone))
    refusal = await stranger.refused("POST", "/users/me/phone/verify", 409, body)
    assert refusal["rule"] == "users_phone"
    assert str(user.id) not in str(refusal)
    assert (await stranger.get("/users/me"))["phone_number_masked"] is None
    await stranger.refused("POST", "/users/me/phone/verify", 422, body)


async def test_a_phone_is_not_flooded_whoever_asks(user: Client, stranger: Client) -> None:
    phone = _new_phone()
    for _ in range(5):
        await user.post("/users/me/phone", {"phone": phone})
    assert (
        0 < (await stranger.refused("POST", "/users/me/phone", 429, {"phone": phone}))["retry_after_s"] <= 60
    )
    await user.post("/users/me/phone", {"phone": _new_phone()})


async def test_a_repeated_request_sends_no_second_code(user: Client, writing: Writing) -> None:
    phone, key = _new_phone(), str(uuid4())
    first = await user.post("/users/me/phone", {"phone": phone}, Idempotency_Key=key)
    again = await user.post("/users/me/phone", {"phone": phone}, Idempotency_Key=key)
    assert again == first
    assert len([to for to, _ in _SENT.findall(writing.said()) if to == phone]) == 1


@pytest.mark.parametrize(
    "phone",
    ["", "0100 123 4567", "+20", "+20 100 123 456 78 90", "+1 555", "call me", "+20 100 123 4567;ext=1"],
)
async def test_what_is_no_phone_is_refused_by_name(user: Client, phone: str) -> None:
    refusal = await user.refused("POST", "/users/me/phone", 422, {"phone": phone})
    assert [fault["field"] for fault in refusal["fields"]] == ["phone"]


async def test_phone_and_code_are_taken_as_people_write_them(user: Client, writing: Writing) -> None:
    phone = _new_phone()
    arabic = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
    challenge = await _asked(user, f" +20 ({phone[3:6]}) {phone[6:]} ".translate(arabic))
    code = _code(writing, phone).translate(arabic)
    await user.post("/users/me/phone/verify", _answer(challenge, f"{code[:3]} {code[3:]}"))


@pytest.mark.parametrize(
    ("phone", "masked", "country"),
    [("+80012345678", "+800***5678", None), ("+3545812345", "+354***45", "IS")],
    ids=["of no country", "short"],
)
async def test_a_number_of_no_country_and_a_short_one_are_shown_masked(
    phone: str, masked: str, country: str | None, user: Client, writing: Writing
) -> None:
    challenge = await _asked(user, phone)
    shown = await user.post("/users/me/phone/verify", _answer(challenge, _code(writing, phone)))
    assert shown == {"phone_number_masked": masked, "country_code": country}


async def test_a_wrong_code_repeated_with_its_key_uses_one_attempt(user: Client, writing: Writing) -> None:
    phone, key = _new_phone(), str(uuid4())
    challenge = await _asked(user, phone)
    body = _answer(challenge, _other(_code(writing, phone)))
    first = await user.ask("POST", "/users/me/phone/verify", body, Idempotency_Key=key)
    again = await user.ask("POST", "/users/me/phone/verify", body, Idempotency_Key=key)
    assert (again.status, again.json) == (422, first.json)
    assert again.headers["content-type"] == "application/problem+json"
    assert "3 attempts are left" in (await user.ask("POST", "/users/me/phone/verify", body)).json["detail"]


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12345x", "½½½½½½", "1" * 100])
async def test_what_is_no_code_is_refused_and_uses_no_attempt(
    user: Client, writing: Writing, code: str
) -> None:
    await user.refused("POST", "/users/me/phone/verify", 422, _answer(str(uuid4()), code))
    refusal = await user.refused("POST", "/users/me/phone/verify", 422, _answer("nothing", "123456"))
    assert [fault["field"] for fault in refusal["fields"]] == ["challenge_id"]


async def test_administrators_and_nobody_have_no_phone_here(anyone: Client, admins: Admins) -> None:
    await anyone.refused("POST", "/users/me/phone", 401, {"phone": "+201001234567"})
    await admins("super_admin").refused("POST", "/users/me/phone", 403, {"phone": "+201001234567"})


@pytest.fixture
async def texts(unused_tcp_port: int) -> AsyncIterator[tuple[str, list[dict[str, str]], list[int]]]:
    """A service that sends texts: where it is, what it was given, and the answers it will give before 200."""
    taken: list[dict[str, str]] = []
    answers: list[int] = []

    async def take(request: web.Request) -> web.Response:
        assert request.headers["authorization"] == "Bearer texting"
        if answers:
            return web.Response(status=answers.pop())
        taken.append(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/texts", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    yield f"http://127.0.0.1:{unused_tcp_port}/texts", taken, answers
    await runner.cleanup()


async def test_a_service_sends_the_code_and_its_failure_is_said(
    writing: Writing, tmp_path: Path, texts: tuple[str, list[dict[str, str]], list[int]]
) -> None:
    url, taken, answers = texts
    sender = {"sender__kind": "http", "sender__url": url, "sender__token": "texting"}
    with write_process(writing.dsn, writing.keys, tmp_path, **sender) as process:
        async with aiohttp.ClientSession(process.url) as session:
            user, phone = await signed_in(session), _new_phone()
            answers.append(500)
            await user.refused("POST", "/users/me/phone", 503, {"phone": phone})
            challenge = await _asked(user, phone)
            (text,) = taken
            assert text["phone"] == phone
            found = re.search(r"\b[0-9]{6}\b", text["text"])
            assert found is not None
            await user.post("/users/me/phone/verify", _answer(challenge, found[0]))
        assert phone[3:] not in process.said()
        assert found[0] not in process.said()
