from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from devnet.chain import Devnet
from devnet.server import DevnetServer

Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def server() -> AsyncIterator[DevnetServer]:
    async with DevnetServer(Devnet(5, history_blocks=30)) as started:
        yield started


@pytest.fixture
def post(http: aiohttp.ClientSession, server: DevnetServer) -> Ask:
    """Post a body to `server` and answer the decoded JSON."""

    async def post(body: Any) -> Any:
        async with http.post(server.http_url, json=body) as response:
            assert response.status == 200
            return await response.json()

    return post


@pytest.fixture
def ask(post: Ask) -> Ask:
    """Call one method of `server`."""

    async def ask(method: str, *params: Any) -> Any:
        return await post({"jsonrpc": "2.0", "id": 7, "method": method, "params": list(params)})

    return ask
