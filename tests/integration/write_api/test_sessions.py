"""Sessions: refresh tokens serve once, and what was ended is refused at once."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import aiohttp
import jwt
import psycopg
import pytest
from redis.asyncio import Redis

from tests.integration.write_api.offices import Client, Reply, Writing, signed_in, write_process
from write_api.credentials import refresh_tokens, signing_keys

Admins = Callable[[str], Client]
Sql = psycopg.Connection[psycopg.rows.DictRow]

ALWAYS_ENDED = "this session has ended; sign in again"


async def _refresh(client: Client, token: str, **headers: str) -> Reply:
    body = {"refresh_token": token}
    return await Client(client.session).ask("POST", "/auth/refresh", body, **headers)


async def _me(client: Client, token: str) -> int:
    return (await Client(client.session, token).ask("GET", "/users/me")).status


async def test_a_refresh_token_gives_the_next_pair_of_the_same_session(user: Client, sql: Sql) -> None:
    sql.execute(
        "UPDATE user_sessions SET expires_at = now() + interval '1 minute' WHERE id = %s", (user.session_id,)
    )
    reply = await _refresh(user, user.refresh_token)
    assert reply.status == 201, reply.body
    assert reply.json["session_id"] == str(user.session_id)
    assert reply.json["refresh_token"] != user.refresh_token
    assert await _me(user, reply.json["access_token"]) == 200
    assert (await _refresh(user, reply.json["refresh_token"])).status == 201
    row = sql.execute(
        "SELECT expires_at > now() + interval '1 hour' AS lives_on FROM user_sessions WHERE id = %s",
        (user.session_id,),
    ).fetchone()
    assert row is not None
    assert row["lives_on"]


async def test_an_administrators_token_is_exchanged_too(admins: Admins) -> None:
    viewer = admins("viewer")
    reply = await _refresh(viewer, viewer.refresh_token)
    assert reply.status == 201, reply.body
    again = Client(viewer.session, reply.json["access_token"])
    assert [each["is_current"] for each in (await again.get("/auth/sessions"))["data"]] == [True]


@pytest.mark.parametrize("who", ["user", "admin"])
async def test_an_old_refresh_token_ends_the_family_at_once(
    who: str, user: Client, admins: Admins, sql: Sql
) -> None:
    client = user if who == "user" else admins("auditor")
    latest = (await _refresh(client, client.refresh_token)).json
    thief = await _refresh(client, client.refresh_token)
    assert (thief.status, thief.json["type"]) == (401, "/problems/sign-in-failed")
    refusal = await Client(client.session, latest["access_token"]).refused("GET", "/auth/sessions", 401)
    assert refusal["detail"] == ALWAYS_ENDED
    assert (await _refresh(client, latest["refresh_token"])).status == 401
    assert (await _refresh(client, client.refresh_token)).status == 401
    events = sql.execute(
        "SELECT event_type, severity, automatic_action_taken, threat_indicators FROM security_events"
        " WHERE coalesce(user_id, admin_id) = %s",
        (client.id,),
    ).fetchall()
    assert events == [
        {
            "event_type": "refresh_token_reused",
            "severity": "high",
            "automatic_action_taken": "session_ended",
            "threat_indicators": {"session": str(client.session_id)},
        }
    ]


async def test_a_refresh_repeated_with_its_key_is_given_the_same_pair(user: Client) -> None:
    key = str(uuid4())
    first = await _refresh(user, user.refresh_token, Idempotency_Key=key)
    again = await _refresh(user, user.refresh_token, Idempotency_Key=key)
    assert (again.status, again.json) == (201, first.json)
    assert again.headers["idempotency-replayed"] == "true"
    assert await _me(user, first.json["access_token"]) == 200


@pytest.mark.parametrize(
    "token",
    ["", "x", "A" * 64, "\u00e9" * 64, refresh_tokens.new(UUID(int=7))],
    ids=["empty", "short", "zeros", "not ascii", "well made"],
)
async def test_a_refresh_token_that_is_none_of_ours_signs_nobody_in(anyone: Client, token: str) -> None:
    refusal = await anyone.refused("POST", "/auth/refresh", 401, {"refresh_token": token})
    assert refusal["type"] == "/problems/sign-in-failed"


async def test_a_guessed_secret_of_a_session_does_not_end_it(user: Client) -> None:
    assert user.session_id is not None
    assert (await _refresh(user, refresh_tokens.new(user.session_id))).status == 401
    assert (await _refresh(user, user.refresh_token)).status == 201


async def test_of_two_refreshes_at_once_one_is_reuse(user: Client) -> None:
    replies = await asyncio.gather(*(_refresh(user, user.refresh_token) for _ in range(2)))
    assert sorted(reply.status for reply in replies) == [201, 401]
    (given,) = (reply.json for reply in replies if reply.status == 201)
    assert await _me(user, given["access_token"]) == 401


async def test_who_signs_out_is_refused_at_once(user: Client, sql: Sql, redis_server: str) -> None:
    assert user.token is not None
    await user.post("/auth/sign-out", status=204)
    async with Redis.from_url(redis_server) as redis:
        assert await redis.get(f"pend:write:session:{user.session_id}") == b"ended"
    assert await _me(user, user.token) == 401
    assert (await _refresh(user, user.refresh_token)).status == 401
    row = sql.execute("SELECT ended_because FROM user_sessions WHERE id = %s", (user.session_id,)).fetchone()
    assert row == {"ended_because": "signed_out"}


async def test_sessions_are_listed_and_ended_by_who_opened_them(user: Client, stranger: Client) -> None:
    other = await signed_in(user.session, user.account)
    listed = (await user.get("/auth/sessions"))["data"]
    assert [(each["id"], each["is_current"]) for each in listed] == [
        (str(other.session_id), False),
        (str(user.session_id), True),
    ]
    theirs = {each["id"] for each in (await stranger.get("/auth/sessions"))["data"]}
    assert theirs == {str(stranger.session_id)}
    unknown = await stranger.refused("DELETE", f"/auth/sessions/{uuid4()}", 404)
    hidden = await stranger.refused("DELETE", f"/auth/sessions/{user.session_id}", 404)
    assert hidden["detail"] == unknown["detail"]
    page = await user.get("/auth/sessions?limit=1")
    rest = await user.get(f"/auth/sessions?limit=1&cursor={page['next']}")
    assert [each["id"] for each in page["data"] + rest["data"]] == [each["id"] for each in listed]
    assert (await user.ask("DELETE", f"/auth/sessions/{other.session_id}")).status == 204
    assert other.token is not None
    assert await _me(user, other.token) == 401
    assert len((await user.get("/auth/sessions"))["data"]) == 1
    await user.refused("DELETE", f"/auth/sessions/{other.session_id}", 404)


async def test_an_administrator_ends_another_session_of_their_own(admins: Admins) -> None:
    auditor, other = admins("auditor"), admins("auditor")
    await auditor.refused("DELETE", f"/auth/sessions/{other.session_id}", 404)
    listed = (await auditor.get("/auth/sessions"))["data"]
    assert [(each["address"], each["second_factor"]) for each in listed] == [("127.0.0.1", "totp")]
    assert (await auditor.ask("DELETE", f"/auth/sessions/{auditor.session_id}")).status == 204
    await auditor.refused("GET", "/auth/sessions", 401)


async def test_a_session_that_expired_is_over(user: Client, sql: Sql) -> None:
    assert user.token is not None
    sql.execute("UPDATE user_sessions SET expires_at = now() WHERE id = %s", (user.session_id,))
    assert await _me(user, user.token) == 401
    assert (await _refresh(user, user.refresh_token)).status == 401


async def test_a_suspended_user_is_refused_at_once(user: Client, sql: Sql) -> None:
    assert user.token is not None
    sql.execute("UPDATE users SET status = 'suspended' WHERE id = %s", (user.id,))
    assert await _me(user, user.token) == 401
    assert (await _refresh(user, user.refresh_token)).status == 401


async def test_nobody_has_no_sessions(anyone: Client) -> None:
    await anyone.refused("GET", "/auth/sessions", 401)
    await anyone.refused("POST", "/auth/sign-out", 401)


async def test_without_redis_the_database_ends_sessions_and_new_keys_sign_nobody_out(
    writing: Writing, tmp_path: Path
) -> None:
    own = tmp_path / "signing.json"
    old_kid = signing_keys.create(own, datetime.now(UTC))
    with write_process(writing.dsn, writing.keys, tmp_path, sign_in__keys_file=own) as process:
        async with aiohttp.ClientSession(process.url) as session:
            user = await signed_in(session)
            assert user.token is not None
            assert jwt.get_unverified_header(user.token)["kid"] == old_kid
            new_kid = signing_keys.rotate(own, 960, datetime.now(UTC))
            kid, refresh_token = old_kid, user.refresh_token
            while kid != new_kid:  # the file is looked at once a second
                latest = (await _refresh(user, refresh_token)).json
                refresh_token = latest["refresh_token"]
                kid = jwt.get_unverified_header(latest["access_token"])["kid"]
            assert await _me(user, user.token) == 200
            assert await _me(user, latest["access_token"]) == 200
            await user.post("/auth/sign-out", status=204)
            assert await _me(user, user.token) == 401
            assert await _me(user, latest["access_token"]) == 401
