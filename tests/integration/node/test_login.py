"""Tokens over real HTTP: Besu's login, its expiry, tokens from settings and files."""

import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import web

from devnet.chain import Devnet
from node.errors import AccessDenied, NodeRefused, NodeUnreachable
from tests.integration.node.scripted_node import (
    Calls,
    Recorder,
    ScriptedNode,
    body,
    client_of,
    status,
)

CREDENTIALS: dict[str, Any] = {"username": "pend", "password": "secret"}


@pytest.fixture
def guarded(scripted: ScriptedNode) -> ScriptedNode:
    scripted.valid_tokens = set()
    return scripted


async def test_login_comes_before_the_first_question(guarded: ScriptedNode, chain: Devnet) -> None:
    async with client_of(guarded, **CREDENTIALS) as client:
        assert await client.chain_id() == chain.chain_id
        assert await client.head_number() == chain.head.header.number
    assert guarded.logins == 1
    assert guarded.requests == [("eth_chainId", 1), ("eth_blockNumber", 1)]


async def test_login_after_a_refused_token_happens_again(guarded: ScriptedNode, recorder: Recorder) -> None:
    async with client_of(guarded, observer=recorder, **CREDENTIALS) as client:
        await client.chain_id()
        guarded.valid_tokens = set()
        assert await client.head_number() == 24
    assert guarded.logins == 2
    assert [kind for _, _, kind in recorder.requests] == [None, "access_denied", None]
    assert recorder.retries == []


async def test_login_after_a_batch_refused_call_by_call_happens_again(
    guarded: ScriptedNode, chain: Devnet
) -> None:
    """Besu answers an expired token within a batch with 200 and -40100 for each call."""

    async def expired(_: web.Request, calls: Calls) -> web.StreamResponse:
        error = {"code": -40100, "message": "Unauthorized"}
        return web.json_response([{"jsonrpc": "2.0", "id": call["id"], "error": error} for call in calls])

    guarded.faults.append(expired)
    async with client_of(guarded, **CREDENTIALS) as client:
        fetched = await client.fetch_blocks([1, 2], full=False)
    assert [block.number for block in fetched] == [1, 2]
    assert guarded.logins == 2


async def test_login_before_a_token_expires_happens_again(guarded: ScriptedNode) -> None:
    """A token whose life is nearly over is renewed without being refused first."""

    def short_lived() -> web.Response:
        now = int(time.time())
        token = jwt.encode({"iat": now, "exp": now - 1, "n": guarded.logins}, "k" * 32, algorithm="HS256")
        guarded.valid_tokens = {token}
        return web.json_response({"token": token})

    guarded.login_answer = short_lived
    async with client_of(guarded, **CREDENTIALS) as client:
        await client.chain_id()
        source = client.endpoints[0]._tokens
        source._renew_at_s = time.monotonic()  # type: ignore[attr-defined]
        await client.chain_id()
    assert guarded.logins == 2
    assert guarded.requests == [("eth_chainId", 1)] * 2


async def test_login_with_a_wrong_password_is_denied_at_once(guarded: ScriptedNode) -> None:
    async with client_of(guarded, username="pend", password="wrong") as client:
        with pytest.raises(AccessDenied, match="check user name and password"):
            await client.chain_id()
    assert guarded.logins == 1


@pytest.mark.parametrize(
    ("answer", "raised", "said"),
    [
        (web.Response(status=404), AccessDenied, "rpc-http-authentication-enabled"),
        (web.Response(status=500), NodeRefused, "refused login with HTTP 500"),
        (web.Response(text="{}"), NodeRefused, "has no token"),
        (web.Response(text="hello"), NodeRefused, "has no token"),
    ],
    ids=["404", "500", "empty", "text"],
)
async def test_login_answered_with_nonsense_says_so(
    guarded: ScriptedNode, answer: web.Response, raised: type[Exception], said: str
) -> None:
    guarded.login_answer = lambda: web.Response(status=answer.status, body=answer.body)
    async with client_of(guarded, deadline_s=0.01, **CREDENTIALS) as client:
        with pytest.raises(raised, match=said):
            await client.chain_id()


async def test_login_at_nobody_is_unreachable(chain: Devnet, scripted: ScriptedNode) -> None:
    async with client_of(scripted, deadline_s=0.01, **CREDENTIALS) as client:
        await scripted.__aexit__()
        with pytest.raises(NodeUnreachable):
            await client.chain_id()
        await scripted.__aenter__()
        assert await client.chain_id() == chain.chain_id


async def test_token_of_the_settings_is_sent(guarded: ScriptedNode, chain: Devnet) -> None:
    guarded.valid_tokens = {"given"}
    async with client_of(guarded, jwt_token="given") as client:
        assert await client.chain_id() == chain.chain_id
    assert guarded.logins == 0


async def test_token_of_the_settings_refused_is_denied(guarded: ScriptedNode) -> None:
    async with client_of(guarded, jwt_token="old") as client:
        with pytest.raises(AccessDenied, match="the token is refused"):
            await client.chain_id()
    assert guarded.requests == [("eth_chainId", 1)]


async def test_token_file_is_read_again_when_its_token_is_refused(
    guarded: ScriptedNode, tmp_path: Path, chain: Devnet
) -> None:
    path = tmp_path / "token"
    path.write_text("first\n")
    guarded.valid_tokens = {"first"}
    async with client_of(guarded, jwt_token_file=path) as client:
        await client.chain_id()
        guarded.valid_tokens = {"second"}
        with pytest.raises(AccessDenied):
            await client.chain_id()
        path.write_text("second\n")
        assert await client.chain_id() == chain.chain_id


async def test_token_file_that_is_missing_is_named(guarded: ScriptedNode, tmp_path: Path) -> None:
    async with client_of(guarded, jwt_token_file=tmp_path / "absent") as client:
        with pytest.raises(AccessDenied, match="absent cannot be read"):
            await client.chain_id()


async def test_host_that_is_not_allowed_says_what_to_do(scripted: ScriptedNode) -> None:
    scripted.always = status(403, '{"message":"Host not authorized."}')
    async with client_of(scripted) as client:
        with pytest.raises(AccessDenied, match="--host-allowlist"):
            await client.chain_id()


async def test_token_needed_but_not_given_is_denied(scripted: ScriptedNode) -> None:
    scripted.always = body('{"jsonrpc":"2.0","id":null,"error":{"code":-40100,"message":"Unauthorized"}}')
    async with client_of(scripted) as client:
        with pytest.raises(AccessDenied, match="Unauthorized"):
            await client.chain_id()
