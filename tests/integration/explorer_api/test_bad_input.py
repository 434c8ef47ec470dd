"""What must never be answered with a 5xx, a hang or a growing process: generated and hand-made nonsense."""

import asyncio
import json
import random
import urllib.parse
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from tests.integration.explorer_api.explorers import Serving
from tests.integration.explorer_api.test_openapi import DOCUMENT, OPERATIONS

SCHEMA: Any = schemathesis.openapi.from_dict(DOCUMENT)
_MIB = 1024 * 1024


_CHECKED = {"response_schema_conformance", "content_type_conformance"}
schemathesis.checks.load_all_checks()
_CHECKS = [check for check in schemathesis.checks.CHECKS.get_all() if check.__name__ in _CHECKED]


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_operation_answers_what_it_documents_whatever_it_is_asked(name: str, serving: Serving) -> None:
    path, _ = OPERATIONS[name]

    @given(case=SCHEMA[path]["get"].as_strategy())
    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
    def answers(case: Any) -> None:
        response = case.call(base_url=serving.url, timeout=30)
        # 501 is what a node without such methods, or a network without traces, leaves to say.
        assert response.status_code < 500 or response.status_code == 501, f"{case.path}: {response.text}"
        case.validate_response(response, checks=_CHECKS)

    answers()


_NONSENSE = (
    "0",
    "-1",
    "00",
    "1e9",
    "0x",
    "0X" + "aa" * 32,
    "0x" + "aa" * 31,
    "0x" + "AA" * 32,
    "0x" + "gg" * 32,
    str(2**63),
    str(2**256),
    "9" * 400,
    "' OR 1=1 --",
    "1; DROP TABLE chain.blocks",
    "$1",
    "%00",
    "\x00",
    "\x01\x02",
    "\u202e\ufeff",
    "🦀",
    "../../etc/passwd",
    "{}",
    "null",
    "NaN",
    "true",
    "latest'",
)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
async def test_nonsense_in_any_place_is_a_clear_refusal(name: str, api: aiohttp.ClientSession) -> None:
    path, operation = OPERATIONS[name]
    if operation["responses"].get("200", {}).get("content", {}).keys() & {"text/event-stream"}:
        pytest.skip("a stream answers without end; test_stream*.py gives it nonsense")
    parameters = operation.get("parameters", [])
    rng = random.Random(name)
    for nonsense in _NONSENSE:
        target, query = path, []
        for parameter in parameters:
            if parameter["in"] == "path":
                target = target.replace(f"{{{parameter['name']}}}", urllib.parse.quote(nonsense, safe=""))
            elif rng.random() < 0.5:
                query.append(f"{parameter['name']}={urllib.parse.quote(nonsense, safe='')}")
        asked = target + ("?" + "&".join(query) if query else "")
        async with api.get(asked, allow_redirects=False) as answer:
            body = await answer.read()
            assert answer.status < 500 or answer.status == 501, f"{asked}: {body.decode()}"
            if answer.status >= 400 and answer.content_type == "application/problem+json":
                details = json.loads(body)
                assert details["detail"]
                assert not {"SELECT ", "Traceback", "asyncpg", "127.0.0.1"} & set(details["detail"].split())


async def test_request_that_is_too_large_is_refused_or_closed(serving: Serving) -> None:
    host, port = serving.url.removeprefix("http://").split(":")
    before = _rss_bytes(serving)
    for _ in range(3):
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(b"GET /api/v1/blocks?cursor=")
            for _ in range(160):
                writer.write(b"a" * 65_536)
                await writer.drain()
            writer.write(b" HTTP/1.1\r\nHost: x\r\n\r\n")
            await writer.drain()
            async with asyncio.timeout(30):
                status = (await reader.readline()).split()[1:2]
            assert status in ([b"414"], [b"400"], [b"431"], [])
        except (ConnectionError, OSError):
            pass  # closed while it was still sending
        finally:
            writer.close()
    async with aiohttp.ClientSession(serving.url) as api:
        async with api.get("/api/v1/blocks?cursor=" + "a" * 20_000) as answer:
            assert answer.status == 414
        async with api.post("/api/v1/blocks", data=b"x" * 200_000) as answer:
            assert answer.status in {405, 413}
        async with api.get("/ping") as answer:
            assert answer.status == 200
    assert _rss_bytes(serving) - before < 40 * _MIB


async def test_clients_that_never_finish_a_request_do_not_keep_others_waiting(serving: Serving) -> None:
    host, port = serving.url.removeprefix("http://").split(":")
    slow = [await asyncio.open_connection(host, int(port)) for _ in range(300)]
    try:
        for _, writer in slow:
            writer.write(b"GET /api/v1/blocks HTTP/1.1\r\nHost: x\r\nX-Drip: ")
            await writer.drain()
        async with aiohttp.ClientSession(serving.url) as api:
            for number in range(20):
                async with api.get(f"/api/v1/blocks/{number}") as answer:
                    assert answer.status == 200
    finally:
        for _, writer in slow:
            writer.close()


def _rss_bytes(serving: Serving) -> int:
    """Of the server and its workers."""
    pids = [serving.process.pid]
    for task in Path(f"/proc/{serving.process.pid}/task").iterdir():
        pids += [int(child) for child in (task / "children").read_text().split()]
    return sum(
        int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
        for pid in pids
        if Path(f"/proc/{pid}/statm").exists()
    )
