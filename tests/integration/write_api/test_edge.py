"""What every request meets: headers, bounds, content types, correlation ids, CORS, idempotency, health."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import aiohttp
import psycopg
import pytest

from tests.integration.write_api.offices import Client, Writing, signed_in

Admins = Callable[[str], Client]
Sql = psycopg.Connection[psycopg.rows.DictRow]


async def test_answers_and_refusals_carry_the_headers_of_safety(user: Client, anyone: Client) -> None:
    for reply in (await user.ask("GET", "/users/me"), await anyone.ask("GET", "/users/me")):
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["x-frame-options"] == "DENY"
        assert "max-age=" in reply.headers["strict-transport-security"]
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        assert reply.headers["x-request-id"]
    assert (await anyone.ask("GET", "/users/me")).headers["www-authenticate"] == "Bearer"


async def test_a_correlation_id_of_the_caller_is_kept_up_to_the_audit_trail(user: Client, sql: Sql) -> None:
    mine = f"mine-{uuid4().hex}"
    before = await user.ask("GET", "/users/me")
    reply = await user.ask(
        "PATCH", "/users/me", {"country_code": "EG"}, If_Match=before.version, X_Correlation_Id=mine
    )
    assert reply.headers["x-request-id"] == mine
    rows = sql.execute("SELECT user_id FROM admin_audit_logs WHERE request_id = %s", (mine,)).fetchall()
    assert {row["user_id"] for row in rows} == {user.id}


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
async def test_other_content_types_than_json_are_refused(anyone: Client, kind: str) -> None:
    headers = {"content-type": kind} if kind else {}
    async with anyone.session.post(
        "/api/v1/auth/wallet/nonce",
        data=b'{"address": "0x"}',
        headers=headers,
        skip_auto_headers=["content-type"],
    ) as answer:
        assert answer.status == 415, await answer.text()


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b"[" * 100_00, b'{"address": NaN}', b'{"a":1}' * 2],
)
async def test_bodies_that_are_no_json_object_are_named(anyone: Client, body: bytes) -> None:
    async with anyone.session.post(
        "/api/v1/auth/wallet/nonce", data=body, headers={"content-type": "application/json"}
    ) as answer:
        assert answer.status == 422, await answer.text()


async def test_a_body_too_large_is_refused_by_its_length_and_as_it_comes(anyone: Client) -> None:
    refusal = await anyone.refused("POST", "/auth/wallet/nonce", 413, {"address": "x" * 70_000})
    assert "65536" in refusal["detail"]

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 16_384

    headers = {"content-type": "application/json"}
    try:
        async with anyone.session.post(
            "/api/v1/auth/wallet/nonce", data=endless(), headers=headers
        ) as answer:
            assert answer.status == 413
    except aiohttp.ClientError:
        pass  # the connection was closed while it was still sending
    assert (await anyone.ask("GET", "/ping")).status == 200


async def test_unknown_parameters_routes_and_methods_are_refused(user: Client) -> None:
    assert "of this route" in (await user.refused("GET", "/users/me?colour=blue", 400))["detail"]
    await user.refused("GET", "/nothing", 404)
    await user.refused("DELETE", "/users/me", 405)
    await user.refused("GET", f"/users/me?{'x' * 9_000}", 414)


async def test_pages_of_other_origins_read_nothing_unless_they_are_allowed(
    writing: Writing, anyone: Client
) -> None:
    reply = await anyone.ask("GET", "/health/live", Origin="https://evil.example")
    assert "access-control-allow-origin" not in reply.headers
    async with anyone.session.options(
        "/api/v1/users/me",
        headers={"origin": "https://evil.example", "access-control-request-method": "PATCH"},
    ) as answer:
        assert "access-control-allow-origin" not in answer.headers


async def test_a_cookie_signs_nobody_in(user: Client, anyone: Client) -> None:
    await anyone.refused("GET", "/users/me", 401, Cookie=f"token={user.token}; session={user.session_id}")


# --- idempotency


async def test_a_repeated_post_is_answered_the_same_and_done_once(anyone: Client, sql: Sql) -> None:
    key = str(uuid4())
    body = {"address": "0x" + "ab" * 20}
    first = await anyone.ask("POST", "/auth/wallet/nonce", body, Idempotency_Key=key)
    again = await anyone.ask("POST", "/auth/wallet/nonce", body, Idempotency_Key=key)
    assert (first.status, again.status) == (201, 201)
    assert again.body == first.body
    assert again.headers["idempotency-replayed"] == "true"
    kept = sql.execute(
        "SELECT count(*) AS n FROM challenges WHERE secret = %s", (first.json["nonce"].encode(),)
    ).fetchone()
    assert kept is not None
    assert kept["n"] == 1
    row = sql.execute("SELECT response FROM idempotency_keys WHERE key = %s", (key,)).fetchone()
    assert row is not None
    assert first.json["nonce"].encode() not in row["response"]


async def test_the_key_of_another_request_is_refused(anyone: Client) -> None:
    key = str(uuid4())
    await anyone.post("/auth/wallet/nonce", {"address": "0x" + "ab" * 20}, Idempotency_Key=key)
    refusal = await anyone.refused(
        "POST", "/auth/wallet/nonce", 422, {"address": "0x" + "cd" * 20}, Idempotency_Key=key
    )
    assert refusal["type"] == "/problems/idempotency-key-reused"


async def test_twenty_at_once_with_one_key_are_one(anyone: Client, sql: Sql) -> None:
    key = str(uuid4())
    body = {"address": "0x" + "ef" * 20}
    replies = await asyncio.gather(
        *(anyone.ask("POST", "/auth/wallet/nonce", body, Idempotency_Key=key) for _ in range(20))
    )
    assert {reply.status for reply in replies} == {201}
    assert len({reply.body for reply in replies}) == 1


async def test_a_refused_request_keeps_no_answer(anyone: Client) -> None:
    key = str(uuid4())
    await anyone.refused("POST", "/auth/wallet/nonce", 422, {"address": "no"}, Idempotency_Key=key)
    await anyone.post("/auth/wallet/nonce", {"address": "0x" + "ab" * 20}, Idempotency_Key=key)


async def test_keys_of_two_users_are_two(user: Client, stranger: Client) -> None:
    key = str(uuid4())
    mine = await user.ask(
        "POST", "/analytics/events", {"events": [{"event_type": "seen"}]}, Idempotency_Key=key
    )
    theirs = await stranger.ask(
        "POST", "/analytics/events", {"events": [{"event_type": "seen"}]}, Idempotency_Key=key
    )
    assert mine.status == theirs.status
    assert "idempotency-replayed" not in theirs.headers


async def test_an_absurd_key_is_refused(anyone: Client) -> None:
    await anyone.refused(
        "POST", "/auth/wallet/nonce", 400, {"address": "0x" + "ab" * 20}, Idempotency_Key="x" * 256
    )


# --- health


async def test_probes_and_metrics_need_nobody(anyone: Client, user: Client) -> None:
    await user.get("/users/me")
    assert (await anyone.ask("GET", "/ping")).body == b"pong"
    assert (await anyone.get("/health/live"))["status"] == "alive"
    assert (await anyone.get("/health/ready"))["status"] == "ready"
    report = await anyone.get("/api/v1/health")
    assert report["status"] == "healthy", report
    assert report["parts"]["storage"]["status"] == "healthy"
    exposition = (await anyone.ask("GET", "/metrics")).body.decode()
    assert 'pend_write_requests_total{route="/api/v1/users/me",source="database",status="200"}' in exposition


async def test_the_viewer_of_the_document_needs_no_other_host(anyone: Client) -> None:
    page = await anyone.ask("GET", "/docs")
    assert page.status == 200
    assert b"http://" not in page.body
    assert b"https://" not in page.body
    assert page.headers["content-security-policy"].count("script-src 'self'") == 1
    assert json.loads((await anyone.ask("GET", "/openapi.json")).body)["openapi"] == "3.1.0"


# --- tokens over HTTP


async def test_forged_tokens_sign_nobody_in(user: Client, anyone: Client, admins: Admins) -> None:
    assert user.token is not None
    head, claims, signature = user.token.split(".")
    jwks = (await anyone.ask("GET", "/jwks.json")).json
    public = base64.urlsafe_b64decode(jwks["keys"][0]["x"] + "==")

    def encoded(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    kid = json.loads(base64.urlsafe_b64decode(head + "=="))["kid"]
    none = f"{encoded({'alg': 'none', 'typ': 'at+jwt', 'kid': kid})}.{claims}."
    confused_head = encoded({"alg": "HS256", "typ": "at+jwt", "kid": kid})
    mac = hmac.new(public, f"{confused_head}.{claims}".encode(), hashlib.sha256).digest()
    confused = f"{confused_head}.{claims}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
    payload = json.loads(base64.urlsafe_b64decode(claims + "=="))
    swapped = f"{head}.{encoded({**payload, 'kind': 'admin'})}.{signature}"
    for token in (none, confused, swapped, user.token[:-4] + "AAAA", "x" * 5_000, "", "a.b.c"):
        forged = Client(user.session, token)
        refusal = await forged.refused("GET", "/users/me", 401)
        assert refusal["type"] == "/problems/not-signed-in"
        assert token not in json.dumps(refusal) or token == ""


async def test_basic_authorization_is_refused_clearly(anyone: Client) -> None:
    refusal = await anyone.refused("GET", "/users/me", 401, Authorization="Basic Zm9vOmJhcg==")
    assert "bearer" in refusal["detail"]


async def test_a_user_is_no_administrator_and_the_other_way_round(user: Client, admins: Admins) -> None:
    await user.refused("GET", "/admin/users", 403)
    await admins("viewer").refused("GET", "/users/me", 403)


async def test_sql_in_a_token_is_no_sql(writing: Writing, anyone: Client, user: Client) -> None:
    again = await signed_in(anyone.session, user.account)
    assert again.id == user.id
    for value in ("' OR true --", "00000000-0000-0000-0000-000000000000'; DROP TABLE account.users; --"):
        await user.refused("GET", f"/transactions/{value}", 404)
