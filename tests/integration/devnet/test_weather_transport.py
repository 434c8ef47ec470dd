"""Each fault of a whole request and of a WebSocket is served as docs/devnet.md says."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from devnet.chain import Devnet
from devnet.login import Login
from devnet.server import DevnetServer
from devnet.weather.fault import Fault
from devnet.weather.kinds import STATUSES
from devnet.weather.networks import Lagging
from devnet.weather.sockets import SocketDropped, SocketFlood, SocketSilent
from devnet.weather.spells import Spell
from devnet.weather.transport import (
    BatchRefused,
    ConnectionDropped,
    CutShort,
    HtmlPage,
    HttpStatus,
    Oversize,
    Stalled,
    TokenExpired,
    Trickle,
    TruncatedJson,
    WrongContentType,
)

HEAD = {"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}
BLOCK = {"jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": ["0x9", True]}
NEW_HEADS = {"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]}


async def posted(http: aiohttp.ClientSession, server: DevnetServer, body: Any) -> bytes:
    async with http.post(server.http_url, json=body) as response:
        assert response.status == 200
        return await response.read()


async def truth(http: aiohttp.ClientSession, server: DevnetServer, fault: Fault, body: Any) -> bytes:
    """The true answer to `body`, after which `fault` strikes its first attempt."""
    answer = await posted(http, server, body)
    server.set_weather([Spell(fault, attempts=1)])
    return answer


@pytest.mark.parametrize("status", STATUSES)
async def test_http_status_is_answered_once_then_the_truth(
    http: aiohttp.ClientSession, server: DevnetServer, status: int
) -> None:
    answer = await truth(http, server, HttpStatus(status, retry_after_s=2), [HEAD])
    async with http.post(server.http_url, json=[HEAD]) as response:
        assert response.status == status
        assert response.headers["Retry-After"] == "2"
        assert response.content_type == "text/html"
        assert (response.headers.get("Connection") == "close") == (status == 504)
    assert await posted(http, server, [HEAD]) == answer


async def test_connection_is_dropped_without_an_answer(
    http: aiohttp.ClientSession, server: DevnetServer
) -> None:
    server.set_weather([Spell(ConnectionDropped(), strikes=1)])
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await http.post(server.http_url, json=HEAD)
    await posted(http, server, HEAD)
    server.set_weather([Spell(ConnectionDropped(), strikes=1)])
    async with http.ws_connect(server.ws_url) as socket:
        await socket.send_json(HEAD)
        assert (await socket.receive(timeout=10)).type is aiohttp.WSMsgType.CLOSE


async def test_batch_above_the_limit_is_refused_by_one_object(
    http: aiohttp.ClientSession, server: DevnetServer
) -> None:
    server.set_weather([Spell(BatchRefused(calls_max=2))])
    assert json.loads(await posted(http, server, [HEAD] * 3)) == {
        "jsonrpc": "2.0",
        "id": None,
        "error": {"code": -32005, "message": "Number of requests exceeds max batch size"},
    }
    assert len(json.loads(await posted(http, server, [HEAD] * 2))) == 2


async def test_oversize_answer_is_valid_json_of_that_size(
    http: aiohttp.ClientSession, server: DevnetServer
) -> None:
    answer = await truth(http, server, Oversize(mebibytes=3), BLOCK)
    swollen = await posted(http, server, BLOCK)
    assert len(swollen) == len(answer) + 3 * 1024 * 1024
    assert json.loads(swollen) == json.loads(answer)
    assert await posted(http, server, BLOCK) == answer


async def test_oversize_answer_outlives_a_reader_that_hangs_up(
    http: aiohttp.ClientSession, server: DevnetServer
) -> None:
    await truth(http, server, Oversize(), BLOCK)
    async with http.post(server.http_url, json=BLOCK) as response:
        await response.content.readexactly(1024)
        response.close()
    await posted(http, server, BLOCK)


async def test_truncated_json_ends_as_if_it_were_whole(
    http: aiohttp.ClientSession, server: DevnetServer
) -> None:
    answer = await truth(http, server, TruncatedJson(), BLOCK)
    assert await posted(http, server, BLOCK) == answer[: len(answer) // 2]
    assert await posted(http, server, BLOCK) == answer


async def test_cut_short_breaks_before_the_announced_length(
    http: aiohttp.ClientSession, server: DevnetServer
) -> None:
    answer = await truth(http, server, CutShort(), BLOCK)
    async with http.post(server.http_url, json=BLOCK) as response:
        assert response.content_length == len(answer)
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    assert await posted(http, server, BLOCK) == answer


async def test_trickle_is_the_truth_in_pieces_with_pauses(
    http: aiohttp.ClientSession, server: DevnetServer
) -> None:
    answer = await truth(http, server, Trickle(pieces=4, pause_s=0.05), BLOCK)
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await posted(http, server, BLOCK) == answer
    assert loop.time() - began >= 0.15
    server.set_weather([Spell(Trickle(pieces=2, pause_s=3600))])
    async with http.post(server.http_url, json=BLOCK) as response:
        await response.content.readexactly(len(answer) // 2)
        response.close()


async def test_stalled_request_is_not_answered(http: aiohttp.ClientSession, server: DevnetServer) -> None:
    server.set_weather([Spell(Stalled())])
    with pytest.raises(TimeoutError):
        await http.post(server.http_url, json=HEAD, timeout=aiohttp.ClientTimeout(total=0.05))
    server.set_weather([Spell(Stalled(wait_s=0.01))])
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await http.post(server.http_url, json=HEAD)


async def test_wrong_content_type_and_page_are_not_json_for_those_who_look(
    http: aiohttp.ClientSession, server: DevnetServer
) -> None:
    answer = await truth(http, server, WrongContentType(), HEAD)
    async with http.post(server.http_url, json=HEAD) as response:
        assert response.content_type == "text/html"
        assert await response.read() == answer
    await truth(http, server, HtmlPage(), HEAD)
    assert (await posted(http, server, HEAD)).startswith(b"<!doctype html>")


async def test_token_expires_early_until_the_next_login(http: aiohttp.ClientSession) -> None:
    async with DevnetServer(Devnet(), login=Login("indexer", "secret")) as server:

        async def logged_in() -> dict[str, str]:
            credentials = {"username": "indexer", "password": "secret"}
            async with http.post(f"{server.http_url}/login", json=credentials) as response:
                return {"Authorization": f"Bearer {(await response.json())['token']}"}

        async def status(headers: dict[str, str]) -> tuple[int, Any]:
            async with http.post(server.http_url, json=HEAD, headers=headers) as response:
                return response.status, (await response.json()).get("error")

        expired = (401, {"code": -40100, "message": "Unauthorized"})
        old, other = await logged_in(), await logged_in()
        weather = server.set_weather([Spell(TokenExpired(), requests=(2, 2))])
        assert await status(old) == (200, None)
        assert [await status(old), await status(old)] == [expired, expired]
        assert await status(other) == (200, None)
        assert await status(await logged_in()) == (200, None)
        assert weather.struck == {"token_expired": 1}
        async with http.get(server.ws_url.replace("ws:", "http:"), headers=old) as response:
            assert response.status == 401


async def subscribed(http: aiohttp.ClientSession, server: DevnetServer) -> aiohttp.ClientWebSocketResponse:
    socket = await http.ws_connect(server.ws_url)
    await socket.send_json(NEW_HEADS)
    await socket.receive_json(timeout=10)
    return socket


async def number(socket: aiohttp.ClientWebSocketResponse) -> int:
    return int((await socket.receive_json(timeout=10))["params"]["result"]["number"], 16)


async def test_socket_goes_silent_and_stays_open_until_reconnected(http: aiohttp.ClientSession) -> None:
    async with DevnetServer(Devnet(2)) as server:
        weather = server.set_weather([Spell(SocketSilent(), blocks=(2, 2))])
        socket = await subscribed(http, server)
        server.devnet.advance()
        assert await number(socket) == 1
        server.devnet.advance()
        server.devnet.advance()
        await socket.send_json(HEAD)
        with pytest.raises(TimeoutError):
            await socket.receive(timeout=0.1)
        assert not socket.closed
        assert weather.struck == {"socket_silent": 1}
        again = await subscribed(http, server)
        server.devnet.advance()
        assert await number(again) == 4
        await asyncio.gather(socket.close(), again.close())


async def test_socket_floods_with_the_same_head(http: aiohttp.ClientSession) -> None:
    async with DevnetServer(Devnet(2)) as server:
        server.set_weather([Spell(SocketFlood(times=50), blocks=(1, 1))])
        socket = await subscribed(http, server)
        server.devnet.advance()
        assert [await number(socket) for _ in range(50)] == [1] * 50
        server.devnet.advance()
        assert await number(socket) == 2
        await socket.close()


async def test_socket_is_dropped_instead_of_a_head(http: aiohttp.ClientSession) -> None:
    async with DevnetServer(Devnet(2)) as server:
        server.set_weather([Spell(SocketDropped(), strikes=1)])
        socket = await subscribed(http, server)
        server.devnet.advance()
        assert (await socket.receive(timeout=10)).type is aiohttp.WSMsgType.CLOSE
        again = await subscribed(http, server)
        server.devnet.advance()
        assert await number(again) == 2
        await again.close()


async def test_lagging_socket_announces_heads_late_and_each_once(http: aiohttp.ClientSession) -> None:
    async with DevnetServer(Devnet(2, "clique", history_blocks=5)) as server:
        server.set_weather([Spell(Lagging(2), blocks=(0, 9))])
        socket = await subscribed(http, server)
        server.devnet.advance()
        server.devnet.advance()  # the node at 5, as it said before
        server.devnet.advance()
        assert await number(socket) == 6
        change = server.devnet.reorg(1)  # 8 becomes another, 9 is new: 6 and 7 are shown
        assert await number(socket) == 7
        server.devnet.advance()  # beyond block 9 the node has caught up
        shown = [(await socket.receive_json(timeout=10))["params"]["result"]["hash"] for _ in range(3)]
        expected = [*change.added, server.devnet.head]
        assert shown == ["0x" + block.hash.hex() for block in expected]
        await socket.close()
