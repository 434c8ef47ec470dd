import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.redis import RedisSettings, RedisUnavailable, open_redis, ping
from tests.certificates import localhost_certificate


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Knows just enough: every command is answered, PING with PONG."""
    while head := await reader.readline():
        words = [(await reader.readline(), await reader.readline())[1].strip() for _ in range(int(head[1:]))]
        writer.write(b"+PONG\r\n" if words[0] == b"PING" else b"+OK\r\n")
        await writer.drain()
    writer.close()


@pytest.fixture
async def answering() -> AsyncIterator[int]:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return localhost_certificate(tmp_path)


@pytest.fixture
async def answering_tls(certificate: Path) -> AsyncIterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_ping_over_tls_trusts_the_authority_that_was_set(answering_tls: int, certificate: Path) -> None:
    settings = RedisSettings(
        url=f"rediss://localhost:{answering_tls}/0?protocol=2", tls_ca_file=str(certificate)
    )
    client = open_redis(settings)
    try:
        assert await ping(client, settings) >= 0
    finally:
        await client.aclose()


async def test_ping_over_tls_with_unknown_authority_is_refused(answering_tls: int) -> None:
    settings = RedisSettings(url=f"rediss://localhost:{answering_tls}/0?protocol=2")
    client = open_redis(settings)
    try:
        with pytest.raises(RedisUnavailable, match="certificate"):
            await ping(client, settings)
    finally:
        await client.aclose()


async def test_ping_server_that_answers_returns_seconds(answering: int) -> None:
    settings = RedisSettings(url=f"redis://127.0.0.1:{answering}/0?protocol=2")
    client = open_redis(settings)
    try:
        assert 0 <= await ping(client, settings) < settings.request_timeout_s
    finally:
        await client.aclose()


async def test_ping_nobody_listening_says_host_and_no_password() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, never listening: a connection is refused
        port = taken.getsockname()[1]
        settings = RedisSettings(url=f"redis://:geheim@127.0.0.1:{port}/0")
        client = open_redis(settings)
        try:
            with pytest.raises(RedisUnavailable) as raised:
                await ping(client, settings)
        finally:
            await client.aclose()
    assert raised.value.host == f"127.0.0.1:{port}"
    assert "geheim" not in str(raised.value) + repr(settings)


async def test_ping_server_that_never_answers_times_out() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        settings = RedisSettings(
            url=f"redis://127.0.0.1:{silent.getsockname()[1]}/0",
            connect_timeout_s=0.05,
            request_timeout_s=0.05,
        )
        client = open_redis(settings)
        try:
            with pytest.raises(RedisUnavailable):
                await ping(client, settings)
        finally:
            await client.aclose()
