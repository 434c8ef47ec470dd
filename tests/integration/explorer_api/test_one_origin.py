"""One origin: the page, the API, the stream and the exports behind nginx as it is shipped."""

import asyncio
import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import psycopg
import pytest

from tests.integration.explorer_api.explorers import Explored, explorer_process, problem
from tests.integration.explorer_api.stream_clients import (
    StreamProcess,
    client_of,
    events,
    stream_process,
)
from tests.nginx import checked, nginx, require_nginx
from tests.processes import eventually

ALLOWED = 40
CONNECTIONS = 3
_OF_THE_CONNECTION = {"date", "server", "connection", "keep-alive", "x-request-id"}
_RUNNING = "SELECT wait_event FROM pg_stat_activity WHERE application_name = 'pend-explorer export'"


@dataclass(frozen=True, slots=True)
class Origin:
    """What clients see, and what is behind it."""

    url: str
    explorer: str
    stream: StreamProcess
    dsn: str
    folder: Path

    def client(self, address: str, url: str | None = None, **options: Any) -> aiohttp.ClientSession:
        """Who comes from an address of this host, of which 127.0.0.1 alone is a trusted proxy's."""
        connector = aiohttp.TCPConnector(local_addr=(address, 0))
        return aiohttp.ClientSession(url or self.url, connector=connector, **options)


@pytest.fixture(scope="module")
def origin(explored: Explored, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    require_nginx()
    behind: dict[str, Any] = {"http__trusted_proxies": "127.0.0.1/32"}
    folder = tmp_path_factory.mktemp("origin")
    with explored.clone() as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:  # exports of some 60 MB
            connection.execute("UPDATE chain.decoded_events SET arguments = to_jsonb(repeat('x', 100000))")
        limits: dict[str, Any] = {
            "limits__enabled": True,
            "limits__requests_per_minute": ALLOWED,
            "limits__burst_per_s": ALLOWED,
        }
        streaming: dict[str, Any] = {
            "stream__heartbeat_s": 0.2,
            "stream__connections_per_client": CONNECTIONS,
        }
        with (
            explorer_process(dsn, folder, **limits, **behind) as serving,
            stream_process(dsn, folder, **streaming, **behind) as stream,
            nginx(urlsplit(serving.url).netloc, urlsplit(stream.url).netloc, folder) as url,
        ):
            yield Origin(url, serving.url, stream, dsn, folder)


def test_shipped_file_is_one_that_nginx_takes(tmp_path: Path) -> None:
    done = checked(tmp_path, explorer="127.0.0.1:8080", stream="127.0.0.1:8081")
    assert done.returncode == 0, done.stderr
    assert "test is successful" in done.stderr
    assert "[warn]" not in done.stderr


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_page_and_answers_come_through_unchanged(origin: Origin, encoding: str) -> None:
    asked = {"Accept-Encoding": encoding}
    address = {"gzip": "127.0.0.11", "identity": "127.0.0.12"}[encoding]
    async with (
        origin.client(address, auto_decompress=False) as through,
        origin.client(address, origin.explorer, auto_decompress=False) as direct,
    ):
        for path in ("/", "/page/explorer.js", "/api/v1/blocks", "/api/v1/blocks/7", "/api/v1/network/stats"):
            async with through.get(path, headers=asked) as here, direct.get(path, headers=asked) as there:
                assert (here.status, await here.read()) == (200, await there.read())
                assert _headers(here) == _headers(there)
                assert here.headers.get("Content-Encoding", "identity") in {encoding, "identity"}
                etag = here.headers["ETag"]
            async with through.get(path, headers={**asked, "If-None-Match": etag}) as kept:
                assert (kept.status, await kept.read()) == (304, b"")
                assert kept.headers["ETag"] == etag
        async with through.get("/api/v1/blocks?limit=100", headers=asked) as answer:
            assert answer.headers.get("Content-Encoding", "identity") == encoding


async def test_refusals_are_the_explorers_own(origin: Origin) -> None:
    async with origin.client("127.0.0.13") as through:
        assert (await problem(through, "/api/v1/blocks/999999", 404))["indexed_to"] > 0
        assert (await problem(through, "/api/v1/blocks?limit=0", 400))["field"] == "limit"
        await problem(through, f"/api/v1/blocks?cursor={'x' * 9_000}", 414)
        async with through.post("/api/v1/blocks") as answer:
            assert answer.status == 405


@pytest.mark.parametrize(
    "target",
    [
        "/metrics",
        "/metrics?",
        "//metrics",
        "/./metrics",
        "/%6detrics",
        "/api/../metrics",
        "/api/v1/export/..%2f..%2f..%2fmetrics",
        "/api/v1/stream/../../../metrics",
        "/metrics/",
        "/METRICS",
    ],
)
def test_metrics_are_not_for_clients(origin: Origin, target: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(origin.url).netloc, source_address=("127.0.0.14", 0))
    connection.request("GET", target)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert b"pend_" not in body
    assert answer.status == 404


async def test_client_is_who_connects_and_cannot_name_itself(origin: Origin) -> None:
    async with origin.client("127.0.0.15") as one, origin.client("127.0.0.16") as other:
        await _exhaust(one, "203.0.113.{}")
        await problem(one, "/api/v1/blocks/1", 429)
        async with other.get("/api/v1/blocks/1") as answer:
            assert answer.status == 200
            assert int(answer.headers["RateLimit-Remaining"]) > 0


async def test_proxy_before_this_one_is_heard_when_it_is_trusted(origin: Origin) -> None:
    chain = "198.51.100.{}, 203.0.113.7"
    async with origin.client("127.0.0.1") as proxy:
        await _exhaust(proxy, chain)
        await problem(proxy, "/api/v1/blocks/1", 429, **{"X-Forwarded-For": "203.0.113.7"})
        async with proxy.get("/api/v1/blocks/1", headers={"X-Forwarded-For": "203.0.113.8"}) as answer:
            assert answer.status == 200


async def test_stream_comes_through_as_web_socket_and_as_events(origin: Origin) -> None:
    through = StreamProcess(origin.url, origin.stream.process, origin.stream.log)
    replay = {"resume": {"sequence": 0, "channels": ["blocks"]}}
    async with client_of(through) as client, client_of(origin.stream) as direct:
        for each in (client, direct):
            await each.send(**replay)
            await each.next("subscribed")
        assert client.on("blocks") == direct.on("blocks")
        assert client.on("blocks")
        await client.next("heartbeat")
        await client.until(0)
    async with origin.client("127.0.0.17") as http_client:
        path = "/api/v1/stream?channels=blocks&sequence=0"
        async with http_client.get(path) as answer:
            assert (answer.status, answer.content_type) == (200, "text/event-stream")
            told = []
            async for event in events(answer):
                if event.data["type"] == "subscribed":
                    break
                told.append(event.data)
            assert told == direct.on("blocks")
            # Few bytes at a time: kept back for more, they would not come.
            async with asyncio.timeout(30):
                for _ in range(2):
                    while not (await answer.content.readline()).startswith(b": "):
                        pass


async def test_connections_to_the_stream_are_counted_by_client(origin: Origin) -> None:
    async with origin.client("127.0.0.18") as one, origin.client("127.0.0.19") as other:
        sockets = [await one.ws_connect("/api/v1/stream") for _ in range(CONNECTIONS)]
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await one.ws_connect("/api/v1/stream", headers={"X-Forwarded-For": "203.0.113.9"})
        assert refused.value.status == 429
        sockets.append(await other.ws_connect("/api/v1/stream"))
        for socket in sockets:
            await socket.close()


async def test_export_is_streamed_and_a_slow_client_holds_it_back(origin: Origin) -> None:
    with psycopg.connect(origin.dsn, autocommit=True) as connection:

        def waits() -> bool:
            return ("ClientWrite",) in connection.execute(_RUNNING).fetchall()

        async with (
            origin.client("127.0.0.20", read_bufsize=2**12) as client,
            client.get("/api/v1/export/events.ndjson") as answer,
        ):
            assert answer.status == 200
            await answer.content.readany()
            # Nobody reads on, so PostgreSQL waits for us: what is between keeps next to nothing.
            await eventually(waits, "the query waits for its client")
            assert _kept(origin.folder) == []
            size, last = 0, b""
            while piece := await answer.content.readany():
                size += len(piece)
                last = (last + piece)[-300:]
            assert size > 20_000_000
            assert json.loads(last.splitlines()[-1])["end"] is True
            assert _kept(origin.folder) == []


async def test_client_that_goes_away_ends_the_query_of_its_export(origin: Origin) -> None:
    with psycopg.connect(origin.dsn, autocommit=True) as connection:
        async with origin.client("127.0.0.21", read_bufsize=2**12) as client:
            answer = await client.get("/api/v1/export/events.ndjson")
            await answer.content.readany()
            assert connection.execute(_RUNNING).fetchall()
            answer.close()
            await eventually(lambda: not connection.execute(_RUNNING).fetchall(), "the query is ended")


async def _exhaust(client: aiohttp.ClientSession, forwarded: str) -> None:
    """Ask until there is no more, each time under another name."""
    for number in range(1, 2 * ALLOWED + 2):
        headers = {"X-Forwarded-For": forwarded.format(number)}
        async with client.get("/api/v1/blocks/1", headers=headers) as answer:
            if answer.status == 429:
                return
            assert answer.status == 200
    pytest.fail("it was never refused")


def _headers(answer: aiohttp.ClientResponse) -> dict[str, str]:
    return {
        name.lower(): value
        for name, value in answer.headers.items()
        if name.lower() not in _OF_THE_CONNECTION and not name.lower().startswith("ratelimit-")
    }


def _kept(folder: Path) -> list[Path]:
    """Files in which nginx keeps what its clients have not read."""
    return [path for path in (folder / "proxy").rglob("*") if path.is_file()]
