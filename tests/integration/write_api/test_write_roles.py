"""Every route as nobody, a user and each role: who is let in is what docs/write-roles.md says."""

import asyncio
import secrets
from datetime import UTC, datetime
from uuid import UUID, uuid4

import aiohttp
import psycopg
import pytest
from eth_account import Account

from tests.integration.write_api.documented import ACCESSES, OPERATIONS, TABLE
from tests.integration.write_api.offices import Client, Reply, Writing, admin, signed_in
from write_api import role_table
from write_api.role_table import ROLES, Access

GRANTED = role_table.granted()
_TOLD = {
    name
    for name, (_, _, operation) in OPERATIONS.items()
    if "requestBody" in operation
    or any(each.get("required") and each["in"] == "query" for each in operation.get("parameters", []))
}
"""Operations that must be told something."""
_WITH_BODY = {name for name, (_, _, operation) in OPERATIONS.items() if "requestBody" in operation}
_MALFORMED = {400, 411, 415, 422, 428}
_ENDING = ("/sessions", "/auth/", "/password", "/account")
"""Routes that may end the session of who asks: each caller has a new one for them."""


def test_committed_table_is_what_the_code_makes() -> None:
    """After a change of routes or permissions: pend-write roles --write."""
    assert role_table.PAGE.read_text(encoding="utf-8") == TABLE


def test_roles_have_the_permissions_of_the_database(writing: Writing) -> None:
    with psycopg.connect(writing.dsn) as connection:
        found = connection.execute(
            "SELECT permission, array_agg(role) FROM account.admin_permissions WHERE role IS NOT NULL GROUP BY permission"
        ).fetchall()
    assert {permission: frozenset(roles) for permission, roles in found} == GRANTED


def test_every_permission_that_a_route_asks_for_is_given_to_a_role() -> None:
    asked = {each.permission for each in ACCESSES.values() if each.permission is not None}
    assert asked <= GRANTED.keys()


def _user_token(writing: Writing) -> str:
    session = uuid4()
    with psycopg.connect(writing.dsn, autocommit=True) as connection:
        row = connection.execute(
            "SELECT user_id FROM account.open_user_session(%s, %s, %s, 'test', '1 day')",
            (session, bytes.fromhex(Account.create().address[2:]), secrets.token_bytes(32)),
        ).fetchone()
    assert row is not None
    return writing.keys.tokens().issue(row[0], "user", session, 1, datetime.now(UTC))


def _tokens(writing: Writing, http: aiohttp.ClientSession) -> dict[str, str | None]:
    found: dict[str, str | None] = {"nobody": None, "user": _user_token(writing)}
    return found | {role: admin(http, writing.dsn, writing.keys, role).token for role in ROLES}


_kept: dict[str, dict[str, str | None]] = {}


@pytest.fixture
def callers(
    request: pytest.FixtureRequest, writing: Writing, http: aiohttp.ClientSession
) -> dict[str, Client]:
    """One of each kind; kept from one route to the next where no route ends their session."""
    access = ACCESSES[request.node.callspec.params["operation"]]
    if access.method != "GET" and any(part in access.path for part in _ENDING):
        tokens = _tokens(writing, http)
    else:
        tokens = _kept.get(writing.dsn) or _kept.setdefault(writing.dsn, _tokens(writing, http))
    return {who: Client(http, token) for who, token in tokens.items()}


async def _ask(client: Client, access: Access) -> Reply:
    path = access.path
    while "{" in path:
        head, _, rest = path.partition("{")
        path = f"{head}{uuid4()}{rest.partition('}')[2]}"
    body: dict[str, str] | None = {} if access.operation in _WITH_BODY else None
    return await client.ask(access.method, path, body, If_Match='"1"', Idempotency_Key=str(uuid4()))


@pytest.mark.parametrize("operation", sorted(ACCESSES))
async def test_route_is_for_those_whom_the_table_names(operation: str, callers: dict[str, Client]) -> None:
    access = ACCESSES[operation]
    replies = await asyncio.gather(*(_ask(client, access) for client in callers.values()))
    for who, reply in zip(callers, replies, strict=True):
        assert reply.status < 500, (who, reply.body.decode())
        rule = reply.json.get("rule") if reply.status == 403 else None
        turned_away = reply.status == 401 or (reply.status == 403 and rule in {"actor", access.permission})
        if access.allows(who, GRANTED):
            assert not turned_away or access.actor == "anyone", (who, reply.body.decode())
        elif who == "nobody":
            assert reply.status == 401, (who, reply.status)
        elif not turned_away:
            # What cannot be read is said before it is asked whose it is; nothing else.
            assert access.operation in _TOLD, (who, reply.body.decode())
            assert reply.status in _MALFORMED, (who, reply.body.decode())


async def test_token_in_another_scheme_signs_nobody_in(http: aiohttp.ClientSession) -> None:
    user = await signed_in(http)
    for scheme in ("Basic", "DPoP", "Cookie", "Digest"):
        given = f"{scheme:<6} {user.token}"
        refusal = await Client(http).refused("GET", "/users/me", 401, Authorization=given)
        assert "bearer" in refusal["detail"]


@pytest.mark.parametrize("kind", ["user", "admin"])
async def test_session_that_ended_in_the_database_is_refused(
    kind: str, http: aiohttp.ClientSession, writing: Writing
) -> None:
    """Its token is good, and nobody has told Redis."""
    who = await signed_in(http) if kind == "user" else admin(http, writing.dsn, writing.keys, "auditor")
    path = "/users/me" if kind == "user" else "/admin/audit"
    assert (await who.ask("GET", path)).status == 200
    _end(writing, kind, who.session_id)
    await who.refused("GET", path, 401)


def _end(writing: Writing, kind: str, session: UUID | None) -> None:
    with psycopg.connect(writing.dsn, autocommit=True) as connection:
        connection.execute(
            f"UPDATE account.{kind}_sessions SET version = 2 WHERE id = %s".encode(), (session,)
        )
