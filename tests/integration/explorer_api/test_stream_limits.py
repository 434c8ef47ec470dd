"""What clients may not do to a stream, and how they are told."""

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.integration.explorer_api.explorers import Explored, problem
from tests.integration.explorer_api.stream_clients import StreamProcess, client_of, stream_process
from tests.processes import eventually

QUEUE_BYTES = 64 * 1024
SUBSCRIPTIONS = 20


@pytest.fixture(scope="module")
def stream(explored: Explored, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StreamProcess]:
    with stream_process(
        explored.dsn,
        tmp_path_factory.mktemp("stream"),
        stream__queue_bytes_max=QUEUE_BYTES,
        stream__subscriptions_max=SUBSCRIPTIONS,
        stream__connections_per_client=8,
        stream__heartbeat_s=0.2,
        http__trusted_proxies="127.0.0.1/32",
    ) as started:
        yield started


def address(number: int) -> str:
    return f"address:0x{number:040x}"


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ("", "bad_message"),
        ("null", "bad_message"),
        ("[]", "bad_message"),
        ("{}", "bad_message"),
        ("[" * 5_000, "bad_message"),
        ('{"subscribe":"blocks"}', "bad_message"),
        ('{"subscribe":["blocks"],"ping":1}', "bad_message"),
        ('{"subscribe":["blocks"],"filter":1}', "bad_message"),
        ('{"resume":{"sequence":1}}', "bad_message"),
        ('{"resume":{"sequence":-1,"channels":["blocks"]}}', "bad_message"),
        ('{"resume":{"sequence":1e30,"channels":["blocks"]}}', "bad_message"),
        ('{"resume":{"sequence":1,"channels":["blocks"],"positions":{}}}', "bad_message"),
        ('{"subscribe":["block"]}', "unknown_channel"),
        ('{"subscribe":["address:0x12"]}', "unknown_channel"),
        ('{"subscribe":["address:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD1"]}', "unknown_channel"),
        ('{"subscribe":["pool:0x' + "00" * 20 + '"]}', "unknown_channel"),
        ('{"ping":"' + "x" * 101 + '"}', "bad_message"),
    ],
)
async def test_junk_is_named_and_the_connection_closed(stream: StreamProcess, sent: str, error: str) -> None:
    async with client_of(stream) as client:
        await client.socket.send_str(sent)
        code, said = await client.closed()
    assert code == 1008
    assert [message["error"] for message in said if message["type"] == "error"] == [error]
    assert said[-1]["detail"]


async def test_bytes_and_messages_without_measure_are_closed(stream: StreamProcess) -> None:
    async with client_of(stream) as client:
        await client.socket.send_bytes(b"\x00\xff")
        assert (await client.closed())[0] == 1003
    async with client_of(stream) as client:
        await client.socket.send_str(json.dumps({"subscribe": [address(n) for n in range(400)]}))
        assert (await client.closed())[0] == 1009
    before = stream.memory_bytes()
    async with client_of(stream) as client:
        with suppress(ConnectionError):  # closed before it was sent
            await client.socket.send_str(json.dumps({"subscribe": [address(n) for n in range(100_000)]}))
        with suppress(ConnectionError):
            await client.closed()
        assert {message["type"] for message in client.told} <= {"heartbeat"}
    assert stream.memory_bytes() - before < 16 * 1024 * 1024


async def test_subscriptions_of_one_socket_are_bounded(stream: StreamProcess) -> None:
    async with client_of(stream) as client:
        for number in range(SUBSCRIPTIONS):
            await client.subscribe(address(number))
        await client.subscribe(address(0), address(0))
        await client.send(unsubscribe=[address(0)])
        assert (await client.next("unsubscribed"))["channels"] == [address(0)]
        await client.subscribe("blocks")
        for number in range(100_000):
            try:
                await client.send(subscribe=[address(1_000 + number)])
            except ConnectionError:
                break
            if client.socket.closed or number > 1_000:
                break
        code, said = await client.closed()
        assert code == 1008
        assert said[-1]["error"] == "too_many_channels"
        assert str(SUBSCRIPTIONS) in said[-1]["detail"]


async def test_connections_of_one_client_are_bounded_whoever_else_comes(stream: StreamProcess) -> None:
    async with aiohttp.ClientSession(stream.url) as http:
        sockets = [
            await http.ws_connect("/api/v1/stream", headers={"X-Forwarded-For": "203.0.113.7"})
            for _ in range(8)
        ]
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect("/api/v1/stream", headers={"X-Forwarded-For": "203.0.113.7"})
        assert refused.value.status == 429
        assert refused.value.headers is not None
        assert int(refused.value.headers["Retry-After"]) > 0
        other = await http.ws_connect("/api/v1/stream", headers={"X-Forwarded-For": "203.0.113.8"})
        await other.close()
        await sockets.pop().close()

        async def admitted() -> bool:
            try:
                again = await http.ws_connect("/api/v1/stream", headers={"X-Forwarded-For": "203.0.113.7"})
            except aiohttp.WSServerHandshakeError:
                return False
            await again.close()
            return True

        await eventually(admitted, "a place is free again")
        for one in sockets:
            await one.close()


async def test_reader_that_does_not_read_is_dropped_with_a_reason_and_a_bounded_queue(
    stream: StreamProcess,
) -> None:
    before, dropped = stream.memory_bytes(), stream.metric("pend_stream_ended_total")
    async with client_of(stream) as quick:
        await quick.subscribe("blocks")
        loop = asyncio.get_running_loop()
        with _connected(stream.url, receive_bytes=4_096) as slow:
            await loop.sock_sendall(
                slow,
                b"GET /api/v1/stream HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
            )
            assert (await loop.sock_recv(slow, 4_096)).startswith(b"HTTP/1.1 101")
            ping = json.dumps({"ping": "x" * 90}).encode()
            masked = bytes((0x81, 0x80 | len(ping), 0, 0, 0, 0)) + ping
            while await asyncio.to_thread(stream.metric, "pend_stream_ended_total") == dropped:
                with suppress(ConnectionError):
                    await loop.sock_sendall(slow, masked * 1_000)
            said = b""
            with suppress(ConnectionError):
                while data := await loop.sock_recv(slow, 65_536):
                    said = said[-1_000:] + data
        await quick.send(ping=1)
        assert (await quick.next("pong"))["ping"] == 1
    assert b'"error":"too_slow"' in said
    assert (1013).to_bytes(2, "big") + b"too slow" in said
    assert stream.memory_bytes() - before < 16 * 1024 * 1024


async def test_heartbeats_come_on_a_quiet_stream(stream: StreamProcess) -> None:
    async with client_of(stream) as client:
        begun = await client.subscribe("blocks")
        first, second = await client.next("heartbeat"), await client.next("heartbeat")
        assert first["sequence"] == second["sequence"] == begun["sequence"]
        assert first["time"] < second["time"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "channels"),
        ("?channels=", "channels"),
        ("?channels=block", "channels"),
        ("?channels=" + ",".join(address(n) for n in range(SUBSCRIPTIONS + 1)), "channels"),
        ("?channels=blocks&sequence=-1", "sequence"),
        ("?channels=blocks&sequence=1e3", "sequence"),
        ("?channels=blocks&sequence=9223372036854775808", "sequence"),
        ("?channels=blocks&limit=1", "limit"),
    ],
)
async def test_events_with_wrong_parameters_name_them(stream: StreamProcess, query: str, field: str) -> None:
    async with aiohttp.ClientSession(stream.url) as http, http.get(f"/api/v1/stream{query}") as answer:
        assert answer.status == 400, await answer.text()
        assert answer.content_type == "application/problem+json"
        assert json.loads(await answer.read())["field"] == field


async def test_wrong_last_event_id_method_and_path_are_refused(stream: StreamProcess) -> None:
    async with aiohttp.ClientSession(stream.url) as http:
        for id_ in ("x", "1.x", "1.2.3", "-1", "²"):
            async with http.get("/api/v1/stream?channels=blocks", headers={"Last-Event-ID": id_}) as answer:
                assert answer.status == 400, id_
        async with http.post("/api/v1/stream?channels=blocks") as answer:
            assert answer.status == 405
        async with http.get("/api/v1/blocks") as answer:
            assert answer.status == 404
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect("/elsewhere")
        async with http.get("/ping") as answer:
            assert await answer.text() == "pong"


def _connected(url: str, receive_bytes: int) -> socket.socket:
    parts = urlsplit(url)
    connected = socket.socket()
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    connected.connect((parts.hostname, parts.port))
    connected.setblocking(False)
    return connected


async def test_one_port_serves_the_api_and_the_stream(explored: Explored, tmp_path: Path) -> None:
    with stream_process(explored.dsn, tmp_path, "serve", "--with-stream") as both:
        async with client_of(both) as client, aiohttp.ClientSession(both.url) as http:
            begun = await client.subscribe("blocks")
            async with http.get("/api/v1/blocks/latest") as answer:
                latest = await answer.json()
            assert latest["meta"]["sequence"] == begun["sequence"]
            assert latest["data"]["number"] == explored.head
            await problem(http, "/api/v1/stream", 400)
            async with http.get("/api/v1/stream?channels=blocks") as answer:
                assert answer.content_type == "text/event-stream"
                both.process.terminate()
                assert (await client.closed())[0] == 1012
        assert await asyncio.to_thread(both.process.wait, 15) == 0
