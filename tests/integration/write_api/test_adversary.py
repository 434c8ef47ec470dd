"""What somebody tries who means harm: at the edge, at once, and as the role of the database itself."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import aiohttp
import psycopg
import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount
from psycopg.rows import dict_row

from tests.database import DatabaseServer
from tests.integration.write_api import world
from tests.integration.write_api.offices import Client, Reply, Writing

Admins = Callable[[str], Client]
Sql = psycopg.Connection[psycopg.rows.DictRow]

JSON = {"content-type": "application/json"}
ELSEWHERE = ("127.0.0.2", 0)
"""Another address of this machine."""


# --- at the edge


async def test_options_without_an_origin_are_no_defect(writing: Writing, anyone: Client) -> None:
    reply = await anyone.ask("OPTIONS", "/users/me")
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["x-request-id"] not in writing.said()


@pytest.mark.parametrize("name", ["Authorization", "Content-Type", "Idempotency-Key", "If-Match"])
async def test_a_header_that_decides_is_given_once(user: Client, stranger: Client, name: str) -> None:
    """Else a proxy might look at one of them, and we at the other."""
    headers = [("Authorization", f"Bearer {user.token}"), (name, "one"), (name, f"Bearer {stranger.token}")]
    async with user.session.get("/api/v1/users/me", headers=headers) as answer:
        assert (answer.status, (await answer.json())["field"]) == (400, name.lower())


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("Content-Length: " + "0" * 5_000 + "2", 413),
        ("Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff", 422),
        ("Content-Length: 30\r\n\r\n{", 422),
    ],
    ids=["absurd-length", "absurd-chunk", "client-that-goes"],
)
async def test_a_body_that_never_comes_is_no_defect(writing: Writing, head: str, status: int) -> None:
    mine = f"mine-{uuid4().hex}"
    reader, writer = await asyncio.open_connection("127.0.0.1", int(writing.url.rpartition(":")[2]))
    fixed = f"Host: x\r\nX-Request-Id: {mine}\r\nContent-Type: application/json"
    writer.write(f"POST /api/v1/auth/refresh HTTP/1.1\r\n{fixed}\r\n{head}\r\n\r\n".encode())
    if head.endswith("{"):
        writer.write_eof()
    first = await reader.readline()
    writer.close()
    assert first[9:12].decode() in {"", str(status)}
    assert mine not in writing.said()


async def test_nesting_is_bounded_before_anything_is_written_again(user: Client) -> None:
    """What is read at one depth of the stack may be too deep to be written at another."""
    for depth in (33, 940, *range(944, 954), 3_000):
        body = b'{"events": [{"event_type": "seen", "event_data": {"a": %s%s}}]}' % (
            b"[" * depth,
            b"]" * depth,
        )
        reply = await _posted(user, "/analytics/events", body)
        assert reply.status == 422, (depth, reply.body)
        assert reply.json["fields"][0]["field"] in {"events", ""}


async def test_the_character_that_postgresql_does_not_store_is_named_by_its_field(user: Client) -> None:
    version = (await user.ask("GET", "/users/me")).version
    refusal = await user.refused(
        "PATCH", "/users/me", 422, {"preferences": {"a": ["b\0"]}, "email": "a\0@b.example"}, If_Match=version
    )
    assert {fault["field"] for fault in refusal["fields"]} == {"preferences", "email"}


async def test_nobody_locks_the_owner_of_a_wallet_out_from_elsewhere(
    writing: Writing, anyone: Client
) -> None:
    account = Account.create()
    for _ in range(6):
        await _sign_in(anyone, account, "0x" + "00" * 65)
    assert (await _sign_in(anyone, account)).status == 429
    async with aiohttp.ClientSession(
        writing.url, connector=aiohttp.TCPConnector(local_addr=ELSEWHERE)
    ) as session:
        assert (await _sign_in(Client(session), account)).status == 201


# --- at once


async def test_of_two_who_bring_one_signature_at_once_one_is_signed_in(anyone: Client) -> None:
    account = Account.create()
    asked = await anyone.post("/auth/wallet/nonce", {"address": account.address})
    body = {"message": asked["message"], "signature": _signed(account, asked["message"])}
    replies = await asyncio.gather(*(anyone.ask("POST", "/auth/wallet/sign-in", body) for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [201, 401, 401, 401]


async def test_of_two_who_bring_one_refresh_token_at_once_one_gets_another_and_nobody_keeps_it(
    user: Client,
) -> None:
    body = {"refresh_token": user.refresh_token}
    replies = await asyncio.gather(*(user.ask("POST", "/auth/refresh", body) for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [201, 401, 401, 401]
    won = next(reply.json for reply in replies if reply.status == 201)
    await user.refused("POST", "/auth/refresh", 401, {"refresh_token": won["refresh_token"]})
    await Client(user.session, won["access_token"]).refused("GET", "/users/me", 401)


async def test_two_super_admins_who_disable_one_another_at_once_leave_one(
    embedded_home: DatabaseServer,
) -> None:
    dsn = embedded_home.create(template=embedded_home.template())
    try:
        made = [_super_admin(dsn) for _ in range(2)]
        outcomes = await asyncio.gather(
            *(asyncio.to_thread(_disable, dsn, me, other) for me, other in (made, made[::-1]))
        )
    finally:
        embedded_home.drop(dsn)
    assert sorted(outcomes, key=str) == [None, "admin_users_last"]


async def test_a_request_that_waited_for_an_erasure_puts_nothing_back(
    writing: Writing, user: Client, sql: Sql
) -> None:
    with psycopg.connect(writing.dsn) as erasing:
        erasing.execute("SET LOCAL session_replication_role = replica")
        erasing.execute(
            "UPDATE account.users SET status = 'closed', erased_at = now() WHERE id = %s", (user.id,)
        )
        with _acting(writing, "user", user.id) as writer:
            late = asyncio.create_task(asyncio.to_thread(_register_phone, writer, user.id))
            while not sql.execute(
                "SELECT FROM pg_locks WHERE pid = %s AND NOT granted", (writer.info.backend_pid,)
            ).fetchall():
                assert not late.done()
                await asyncio.sleep(0.01)
            erasing.commit()
            assert await late == 0


# --- as pend_writer, past the routes


def test_a_document_that_names_the_key_of_another_takes_only_its_own_with_it(
    writing: Writing, user: Client, stranger: Client, sql: Sql
) -> None:
    theirs = uuid4()
    sql.execute(
        "INSERT INTO data_keys (id, purpose, user_id, wrapped, master_key_id) VALUES (%s, 'document', %s, 'x', 'none')",
        (theirs, stranger.id),
    )
    with _acting(writing, "user", user.id) as writer:
        writer.execute(
            "INSERT INTO account.kyc_documents (user_id, document_type, original_filename, stored_filename, file_size,"
            " mime_type, file_hash, data_key_id) VALUES (%s, 'id', 'x', %s, 1, 'image/png', sha256(''), %s)",
            (user.id, str(uuid4()), theirs),
        )
        writer.execute("DELETE FROM account.kyc_documents WHERE user_id = %s", (user.id,))
        writer.commit()
    kept = sql.execute("DELETE FROM data_keys WHERE id = %s RETURNING destroyed_at", (theirs,)).fetchall()
    assert kept == [{"destroyed_at": None}]


def test_who_acts_claims_keys_of_their_own_alone(
    writing: Writing, user: Client, stranger: Client, sql: Sql
) -> None:
    key = str(uuid4())
    sql.execute(
        "INSERT INTO idempotency_keys (actor, key, request_hash, status, response) VALUES (%s, %s, sha256(''), 201, 'theirs')",
        (str(stranger.id), key),
    )
    with _acting(writing, "user", user.id) as writer:
        claimed = writer.execute(
            "SELECT is_new, response FROM account.claim_idempotency_key(%s, %s, sha256(''))",
            (str(stranger.id), key),
        ).fetchone()
        writer.execute(
            "SELECT account.keep_idempotent_answer(%s, %s, 201, '', 'mine')", (str(stranger.id), key)
        )
        writer.commit()
    assert claimed == {"is_new": True, "response": None}
    found = sql.execute("SELECT actor, response FROM idempotency_keys WHERE key = %s", (key,)).fetchall()
    assert {(row["actor"], row["response"]) for row in found} == {
        (str(user.id), b"mine"),
        (str(stranger.id), b"theirs"),
    }


@pytest.mark.parametrize("action", ["insert", "UPDATE", "delete"])
def test_a_change_that_none_was_is_no_row_of_the_trail(writing: Writing, user: Client, action: str) -> None:
    with _acting(writing, "user", user.id) as writer, pytest.raises(psycopg.errors.NotNullViolation):
        writer.execute("SELECT account.audit_access(%s, 'users', 'one', '{}')", (action,))


def test_who_may_raise_tiers_does_not_rewrite_why_a_user_is_suspended(
    writing: Writing, user: Client, admins: Admins
) -> None:
    with _acting(writing, "admin", admins("kyc_verifier").id) as writer:
        with pytest.raises(psycopg.Error) as refused:
            writer.execute("UPDATE account.users SET status_reason = 'fraud' WHERE id = %s", (user.id,))
        assert refused.value.diag.constraint_name == "users_permission"


@pytest.mark.parametrize("role", ["viewer", "super_admin"])
def test_nobody_hands_themselves_a_setup_token(writing: Writing, admins: Admins, role: str) -> None:
    """A session that was taken over would else be worth a password and a second factor."""
    me = admins(role).id
    with _acting(writing, "admin", me) as writer:
        with pytest.raises(psycopg.Error) as refused:
            writer.execute(
                "UPDATE account.admin_users SET setup_hash = %s, setup_expires_at = now() + interval '1 hour' WHERE id = %s",
                (secrets.token_bytes(32), me),
            )
        assert refused.value.diag.constraint_name == "admin_users_super_admin"


@pytest.mark.parametrize("column", ["expires_at", "requested_at", "status", "decided_by", "version"])
def test_who_asks_for_an_approval_does_not_say_how_long_it_waits(
    writing: Writing, user: Client, admins: Admins, column: str
) -> None:
    boss = admins("super_admin").id
    with _acting(writing, "admin", boss) as writer, pytest.raises(psycopg.errors.InsufficientPrivilege):
        writer.execute(
            f"INSERT INTO account.approvals (kind, resource_id, justification, requested_by, {column})"
            " VALUES ('erasure', %s, 'It is needed', %s, DEFAULT)".encode(),
            (user.id, boss),
        )


async def _posted(client: Client, path: str, body: bytes) -> Reply:
    headers = {"Authorization": f"Bearer {client.token}", **JSON}
    async with client.session.post(f"/api/v1{path}", data=body, headers=headers) as answer:
        return Reply(answer.status, answer.headers.copy(), await answer.read())


async def _sign_in(client: Client, account: LocalAccount, signature: str | None = None) -> Reply:
    asked = await client.post("/auth/wallet/nonce", {"address": account.address})
    body = {"message": asked["message"], "signature": signature or _signed(account, asked["message"])}
    return await client.ask("POST", "/auth/wallet/sign-in", body)


def _signed(account: LocalAccount, message: str) -> str:
    signed = account.sign_message(encode_defunct(text=message)).signature.hex()
    return f"0x{signed.removeprefix('0x')}"


@contextmanager
def _acting(writing: Writing, kind: str, who: UUID) -> Iterator[Sql]:
    """pend_writer as somebody, until the transaction ends."""
    with psycopg.connect(writing.dsn, row_factory=dict_row) as connection:
        connection.execute("SET ROLE pend_writer")
        connection.execute("SELECT account.enter(%s, %s, NULL, 'a request', '203.0.113.7')", (kind, who))
        yield connection
        connection.rollback()


def _super_admin(dsn: str) -> UUID:
    with world.superuser(dsn) as session:
        row = session.execute(
            "SELECT account.create_admin(%s, 'Somebody', 'super_admin', %s, '1 hour') AS id",
            (f"{uuid4()}@pend.example", secrets.token_bytes(32)),
        ).fetchone()
    assert row is not None
    id_: UUID = row["id"]
    return id_


def _disable(dsn: str, me: UUID, other: UUID) -> str | None:
    """The rule that said no."""
    with psycopg.connect(dsn) as connection:
        connection.execute("SET ROLE pend_writer")
        connection.execute("SELECT account.enter('admin', %s, NULL, 'a request', NULL)", (me,))
        try:
            connection.execute("UPDATE account.admin_users SET is_active = false WHERE id = %s", (other,))
            connection.execute("SELECT pg_sleep(0.05)")
        except psycopg.Error as error:
            return error.diag.constraint_name
    return None


def _register_phone(writer: Sql, user: UUID) -> int:
    """How many rows it changed."""
    return writer.execute(
        "UPDATE account.users SET phone_hash = %s WHERE id = %s", (secrets.token_bytes(32), user)
    ).rowcount
