"""The TypeScript client against a real explorer: pages, problems, and a stream that survives breaks."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from devnet.chain import Devnet
from devnet.server import DevnetServer
from evm.consensus import Consensus
from explorer_api.deprecation import Deprecation
from tests.broken_wire import Wire
from tests.integration.explorer_api.explorers import Explored, Serving
from tests.integration.explorer_api.stream_clients import Chain, stream_process
from tests.integration.explorer_api.typescript_clients import NodeClient, install, node_client, require_node
from tests.integration.indexer.daemons import daemon, fills

HISTORY = 12


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_node()
    folder = tmp_path_factory.mktemp("typescript")
    install(folder)
    return folder


@pytest.fixture
async def chain(embedded_database: str, redis_url: str) -> AsyncIterator[Chain]:
    devnet = Devnet(11, Consensus.CLIQUE, history_blocks=HISTORY, transactions_per_block=4)
    async with (
        DevnetServer(devnet) as server,
        daemon(embedded_database, server, redis__url=redis_url, follow__max_reorg_depth=8) as running,
    ):
        await fills(running, embedded_database)
        yield Chain(server, running, embedded_database, redis_url)


async def test_pages_problems_and_etags_are_what_the_api_says(
    installed: Path,
    serving: Serving,
    explored: Explored,
    sql: psycopg.Connection[dict[str, Any]],
) -> None:
    async with node_client(installed, serving.url) as client:
        [blocks] = await client.ask("pages", "pages", 50)
        stored = sql.execute("SELECT hash FROM blocks ORDER BY number DESC").fetchall()
        assert [block["hash"] for block in blocks] == ["0x" + row["hash"].hex() for row in stored]
        assert len(blocks) == explored.head + 1

        where = {"path": {"block": str(explored.head + 1)}}
        problem, after_s, said = await client.ask("problem", "answered", "/api/v1/blocks/{block}", where)
        assert (problem["status"], problem["indexed_to"], after_s) == (404, explored.head, None)
        assert said == f"404 {problem['title']}: {problem['detail']}"
        wrong = {"query": {"limit": 0}}
        problem, _, _ = await client.ask("problem", "answered", "/api/v1/blocks", wrong)
        assert (problem["status"], problem["field"]) == (400, "limit")

        where = {"path": {"block": "7"}}
        status, etag, data = await client.ask("get", "get", "/api/v1/blocks/{block}", where)
        assert (status, data["data"]["number"]) == (200, 7)
        again = await client.ask("get", "get", "/api/v1/blocks/{block}", where, {"If-None-Match": etag})
        assert again == [304, etag, None]

        sums = """
            SELECT encode(a.address, 'hex') AS address,
                   coalesce(sum(t.value) FILTER (WHERE t.from_address = a.address), 0)::text AS sent,
                   coalesce(sum(t.value) FILTER (WHERE t.to_address = a.address), 0)::text AS received
            FROM (SELECT from_address AS address FROM transactions WHERE status = 1
                  GROUP BY 1 ORDER BY sum(value) DESC LIMIT 1) AS a
            JOIN transactions AS t ON a.address IN (t.from_address, t.to_address)
            WHERE t.status = 1 GROUP BY 1
        """
        row = sql.execute(sums).fetchone()
        assert row is not None
        assert int(row["sent"]) > 2**53
        assert await client.ask("totals", "totals", "0x" + row["address"]) == [row["sent"], row["received"]]


async def test_headers_of_a_route_that_goes_away_are_read(installed: Path) -> None:
    since, sunset = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 6, 30, 12, tzinfo=UTC)
    going = Deprecation("/api/v1/old", since, sunset, "/api/v1/new")
    headers = [[name.decode(), value.decode()] for name, value in going.headers()]
    async with node_client(installed, "http://127.0.0.1") as client:
        [read] = await client.ask("deprecation", "deprecation", "/api/v1/old", headers)
        assert read == {
            "url": "/api/v1/old",
            "since": "2026-01-01T00:00:00.000Z",
            "sunset": "2027-06-30T12:00:00.000Z",
            "successor": "/api/v1/new",
        }
        assert await client.ask("deprecation", "deprecation", "/api/v1/new", []) == [None]


async def test_what_stands_before_the_explorer_refuses_in_its_own_words(
    installed: Path, serving: Serving
) -> None:
    async with node_client(installed, f"{serving.url}/elsewhere") as client:
        problem, _, _ = await client.ask("problem", "answered", "/api/v1/blocks", {})
        assert problem["status"] == 404


@pytest.mark.parametrize("injected", [True, False], ids=["ws", "global"])
async def test_stream_goes_on_after_a_break_as_if_there_was_none(
    installed: Path, chain: Chain, tmp_path: Path, *, injected: bool
) -> None:
    with stream_process(
        chain.dsn, tmp_path, "serve", "--with-stream", redis_url=chain.redis_url, stream__heartbeat_s=0.2
    ) as explorer:
        async with (
            Wire(urlsplit(explorer.url).port or 0) as wire,
            node_client(installed, explorer.url) as steady,
            node_client(installed, f"http://127.0.0.1:{wire.port}", injected=injected) as client,
        ):
            begun = chain.newest()
            for each in (steady, client):
                await each.do(
                    "open", {"channels": ["blocks", "transactions"], "after": begun, "pauseMaxMs": 100}
                )
                await each.message("subscribed")
            await chain.grow(2)
            told = await _until(client, chain.newest())
            await wire.cut()
            await client.state("waiting")
            await chain.grow()
            await chain.reorganise(2)
            await chain.grow()
            await wire.mend()
            told += await _until(client, chain.newest())
            assert told == await _until(steady, chain.newest())
            assert [one["data"]["depth"] for one in told if one["type"] == "reorg"] == [2]
            stored = chain.hashes()
            assert _standing(told) == {number: stored[number] for number in stored if number > HISTORY}


async def test_stream_goes_on_at_the_next_server_and_hands_over_a_resync(
    installed: Path, chain: Chain, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"redis_url": chain.redis_url, "stream__heartbeat_s": 0.2}
    with stream_process(chain.dsn, tmp_path, **settings) as first:
        async with node_client(installed, first.url) as client:
            await client.do("open", {"channels": ["blocks", "stats"], "pauseMaxMs": 100})
            await client.message("subscribed")
            await chain.grow()
            await _until(client, chain.newest())
            first.process.terminate()
            await client.message("closing")
            await client.state("waiting")
            first.process.wait()
            for _ in range(3):
                await chain.grow()
            port = urlsplit(first.url).port
            with stream_process(
                chain.dsn, tmp_path, stream__port=port, stream__replay_rows_max=2, **settings
            ):
                resync = await client.message("resync", "blocks")
                assert (resync["type"], resync["reason"]) == ("resync", "too_far_behind")
                assert resync["sequence"] == chain.newest()
                await chain.grow()
                assert (await client.message("blocks"))["data"]["from_block"] == max(chain.hashes())
                [position] = await client.ask("position", "position")
                assert set(position["channels"].values()) == {chain.newest()}


async def test_silent_connection_is_given_up_and_nothing_is_lost_or_told_twice(
    installed: Path, chain: Chain, tmp_path: Path
) -> None:
    with stream_process(chain.dsn, tmp_path, redis_url=chain.redis_url, stream__heartbeat_s=600) as stream:
        async with node_client(installed, stream.url) as client:
            await client.do("open", {"channels": ["blocks"], "silenceMs": 300, "pauseMaxMs": 50})
            numbers: list[int] = []
            for _ in range(3):
                await client.state("live")
                await client.state("waiting")
                await chain.grow()
                numbers += [(await client.message("blocks"))["data"]["from_block"]]
            assert numbers == list(range(HISTORY + 1, HISTORY + 4))


async def test_channels_come_and_go_and_a_refusal_ends_it(
    installed: Path, chain: Chain, tmp_path: Path
) -> None:
    [row] = chain.sql("SELECT address FROM chain.addresses ORDER BY sent_count DESC LIMIT 1")
    upper = f"address:0x{row['address'].hex().upper()}"
    with stream_process(
        chain.dsn, tmp_path, redis_url=chain.redis_url, stream__subscriptions_max=2
    ) as stream:
        async with node_client(installed, stream.url) as client:
            await client.do("open", {"channels": ["transactions"]})
            await client.message("subscribed")
            await client.do("subscribe", upper)
            assert (await client.message("subscribed"))["channels"] == [upper.lower()]
            await client.do("unsubscribe", "transactions")
            await client.message("unsubscribed")
            await chain.grow(4)
            heard = await client.message("transactions", "address")
            assert heard["channel"] == upper.lower()
            [position] = await client.ask("position", "position")
            assert list(position["channels"]) == [upper.lower()]
            await client.do("subscribe", "blocks", "stats")
            assert (await client.message("error"))["error"] == "too_many_channels"
            await client.state("closed")
        async with node_client(installed, stream.url) as again:
            begun = heard["sequence"] - 1
            await again.do("open", {"channels": [upper], "after": {"channels": {upper.lower(): begun}}})
            assert await again.message("address") == heard
            await again.do("close")
            await again.state("closed")


async def test_reorg_ends_paging_with_409_and_moves_the_latest_blocks(
    installed: Path, chain: Chain, tmp_path: Path
) -> None:
    with stream_process(chain.dsn, tmp_path, "serve", "--with-stream", redis_url=chain.redis_url) as explorer:
        async with node_client(installed, explorer.url) as client:
            await client.do("latest")
            [shown] = await client.said("latest")
            assert len(shown) == 10
            await client.do("begin", 2)
            assert [(await client.ask("next", "next"))[0]["number"] for _ in range(2)] == [
                HISTORY,
                HISTORY - 1,
            ]
            await chain.reorganise(4)
            problem, _, _ = await client.ask("problem", "next")
            assert (problem["status"], problem["restart_block"]) == (409, HISTORY - 4)
            await chain.grow()
            stored = chain.hashes()
            newest = [stored[number] for number in sorted(stored, reverse=True)[:10]]
            while [block["hash"] for block in shown] != newest:
                [shown] = await client.said("latest")


async def _until(client: NodeClient, sequence: int) -> list[dict[str, Any]]:
    """What a stream tells up to a sequence: once a heartbeat is there, all of it was told."""
    told: list[dict[str, Any]] = []
    while True:
        message, position = await client.said("message")
        if message["type"] == "heartbeat":
            if message["sequence"] >= sequence:
                return told
        elif message["type"] != "subscribed":
            told.append(message)
        if position is not None and "channel" in message:
            assert position["channels"][message["channel"]] == message["sequence"]


def _standing(told: list[dict[str, Any]]) -> dict[int, str]:
    """The chain as it was told, without what was taken back."""
    known: dict[int, str] = {}
    for message in told:
        if message["type"] == "reorg":
            ancestor = message["data"]["ancestor_number"]
            known = {number: hash_ for number, hash_ in known.items() if number <= ancestor}
        elif message["type"] == "blocks":
            known |= {block["number"]: block["hash"] for block in message["data"]["blocks"]}
    return known
