"""Pending transactions: from a real node that holds some, from one that does not tell, and without a node."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from explorer_api.answers.envelope import Listed, One
from explorer_api.answers.transactions import PendingTransaction
from tests.anvil import Anvil, require_anvil, running_anvil
from tests.integration.explorer_api.explorers import Explored, explorer_process, get, problem, record_example

RICH = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"  # unlocked and funded on anvil
PAID = "0x" + "c3" * 20


@pytest.fixture(scope="module")
def waiting_node() -> Iterator[Anvil]:
    """A node that makes no blocks, so that whatever it is sent waits."""
    with running_anvil(require_anvil(), arguments=("--no-mining",)) as node:
        yield node


@pytest.fixture
async def api_of_waiting(
    explored: Explored, waiting_node: Anvil, tmp_path: Path
) -> AsyncIterator[aiohttp.ClientSession]:
    with explorer_process(explored.dsn, tmp_path, node_url=waiting_node.http_url) as serving:
        async with aiohttp.ClientSession(serving.url) as api:
            yield api


async def send(node: Anvil, **transaction: str) -> str:
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "eth_sendTransaction",
        "params": [{"from": RICH, **transaction}],
    }
    async with aiohttp.ClientSession() as session, session.post(node.http_url, json=call) as answer:
        hash_: str = (await answer.json())["result"]
    return hash_


async def test_pending_transaction_is_told_as_the_node_has_it(
    api_of_waiting: aiohttp.ClientSession, waiting_node: Anvil
) -> None:
    first = await send(waiting_node, to=PAID, value="0x7b", gas="0x5208", nonce="0x0")
    second = await send(waiting_node, to=PAID, data="0xa9059cbb00", gas="0xffff", nonce="0x1")
    third = await send(waiting_node, data="0x6000", gas="0xffff", nonce="0x2")
    answer = await get(api_of_waiting, f"/api/v1/transactions/{first}", One[PendingTransaction])
    told = answer.data
    assert (told.hash, told.from_address, told.to_address) == (first, RICH, PAID)
    assert (told.nonce, told.value, told.gas_limit, told.input) == ("0", "123", 21_000, "0x")
    assert (told.selector, told.block_number) == (None, None)
    called = await get(api_of_waiting, f"/api/v1/transactions/{second}", One[PendingTransaction])
    assert (called.data.selector, called.data.input) == ("0xa9059cbb", "0xa9059cbb00")
    page = await get(api_of_waiting, "/api/v1/transactions/pending", Listed[PendingTransaction])
    assert [each.hash for each in page.data] == [first, second, third]
    assert page.data[0] == told
    assert (page.data[2].to_address, page.data[2].selector) == (None, None)
    short = await get(api_of_waiting, "/api/v1/transactions/pending?limit=1", Listed[PendingTransaction])
    assert [each.hash for each in short.data] == [first]
    async with api_of_waiting.get("/api/v1/transactions/pending") as live:
        assert "immutable" not in live.headers["cache-control"]
        record_example("listPendingTransactions", await live.read())


async def test_node_without_a_pool_of_transactions_is_not_supported(api: aiohttp.ClientSession) -> None:
    details = await problem(api, "/api/v1/transactions/pending", 501)
    assert "TXPOOL" in details["detail"]
    for query, field in (("limit=0", "limit"), ("cursor=x", "cursor")):
        refused: dict[str, Any] = await problem(api, f"/api/v1/transactions/pending?{query}", 400)
        assert refused["field"] == field


async def test_without_a_node_what_is_pending_is_not_known(explored: Explored, tmp_path: Path) -> None:
    unknown = f"/api/v1/transactions/0x{'77' * 32}"
    with explorer_process(explored.dsn, tmp_path) as serving:
        async with aiohttp.ClientSession(serving.url) as api:
            assert "no node is configured" in (await problem(api, unknown, 404))["detail"]
            assert "node.urls" in (await problem(api, "/api/v1/transactions/pending", 501))["detail"]


async def test_node_that_is_away_leaves_what_is_pending_unknown(explored: Explored, tmp_path: Path) -> None:
    unknown = f"/api/v1/transactions/0x{'77' * 32}"
    # Nobody listens on port 1.
    with explorer_process(explored.dsn, tmp_path, node_url="http://127.0.0.1:1") as serving:
        async with aiohttp.ClientSession(serving.url) as api:
            details = await problem(api, unknown, 404)
            assert "did not answer" in details["detail"]
            assert (await problem(api, "/api/v1/transactions/pending", 502))[
                "type"
            ] == "/problems/node-failed"
