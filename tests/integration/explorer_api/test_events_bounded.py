"""Lists that look at so much for a page: they lose nothing, and open only the chunks of their bounds."""

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

import aiohttp
import asyncpg
import psycopg
import pytest

from explorer_api.pages import PageRequest
from explorer_api.reading import queries
from postgres.queries import Query
from tests.integration.explorer_api.explorers import Explored, explorer_process

Sql = psycopg.Connection[dict[str, Any]]

CHUNK_BLOCKS = 20
HIGHEST = 10_000
TRANSFER = bytes.fromhex("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")


async def _pages(query: Query, dsn: str, looked: int, keys: int, *after: Any, limit: int = 4) -> list[Any]:
    """Every row of a list by the query itself, looking at few logs for a page: there, and back again."""
    connection = await asyncpg.connect(dsn)
    kinds = (int,) * keys

    async def page(cursor: str | None) -> tuple[list[Any], Any]:
        request = PageRequest.of("list", limit, cursor, kinds)
        first, rest = request.arguments()[:5], request.arguments()[5:]
        row = await query.one(connection, *first, 0, HIGHEST, True, looked, *rest, *after)
        assert row is not None
        data = json.loads(row["data"])
        assert len(data) <= limit
        return data, request.page(row, block_key=0)

    try:
        data, ends = await page(None)
        pages = [data]
        while ends.next is not None:
            data, ends = await page(ends.next)
            pages.append(data)
        back = [pages[-1]]
        while ends.previous is not None:
            data, ends = await page(ends.previous)
            back.insert(0, data)
    finally:
        await connection.close()
    found = list(chain.from_iterable(pages))
    assert list(chain.from_iterable(back)) == found
    assert any(len(each) < limit for each in pages[:-1])
    return found


def _places(rows: list[Any], *keys: str) -> list[tuple[Any, ...]]:
    return [tuple(row[key] for key in keys) for row in rows]


@pytest.mark.parametrize("looked", [1, 5, 30])
async def test_page_that_looked_at_enough_goes_on_where_it_ended(
    explored: Explored, sql: Sql, looked: int
) -> None:
    row = sql.execute(
        "SELECT address, topic2 FROM logs WHERE topic0 = %s AND topic3 IS NULL GROUP BY 1, 2 ORDER BY count(*) DESC LIMIT 1",
        (TRANSFER,),
    ).fetchone()
    assert row is not None
    address, receiver = row["address"], row["topic2"]
    places = ("block_number", "log_index")
    wanted = sql.execute(
        "SELECT block_number, log_index FROM logs WHERE address = %s AND topic0 = %s AND topic2 = %s"
        " ORDER BY 1 DESC, 2 DESC",
        (address, TRANSFER, receiver),
    ).fetchall()
    assert wanted
    expected = [(each["block_number"], each["log_index"]) for each in wanted]
    topics = (TRANSFER, None, receiver, None)
    found = await _pages(queries.select_events_of_contract, explored.dsn, looked, 2, *topics, address)
    assert _places(found, *places) == expected
    if looked > 1:
        found = await _pages(queries.select_events_of_range, explored.dsn, looked, 2, *topics)
        assert set(expected) <= set(_places(found, *places))
    filters = ("Transfer", ["to"], ["0x" + receiver[12:].hex()], address)
    found = await _pages(queries.select_contract_events, explored.dsn, looked, 2, *filters)
    assert _places(found, *places) == expected


async def test_transfers_of_an_item_go_on_where_a_page_ended(explored: Explored, sql: Sql) -> None:
    rows = sql.execute(
        "SELECT block_number, log_index, batch_index, token FROM token_transfers"
        " WHERE token_id = 3 AND standard = 1155 ORDER BY 1 DESC, 2 DESC, 3 DESC"
    ).fetchall()
    token, word = rows[0]["token"], (3).to_bytes(32, "big")
    found = await _pages(queries.select_transfers_of_token, explored.dsn, 6, 3, 3, token, word)
    places = _places(found, "block_number", "log_index", "batch_index")
    assert places == [(row["block_number"], row["log_index"], row["batch_index"]) for row in rows]


async def test_answers_are_the_same_where_facts_are_chunked(
    api: aiohttp.ClientSession, chunked: str, sql: Sql, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = sql.execute("SELECT token, symbol FROM token_metadata").fetchall()
    token = {row["symbol"]: "0x" + row["token"].hex() for row in rows}
    pool = sql.execute("SELECT address FROM decoded_events WHERE name = 'Invested' LIMIT 1").fetchone()
    wallet = sql.execute("SELECT address FROM addresses WHERE contract_block IS NULL LIMIT 1").fetchone()
    assert pool is not None
    assert wallet is not None
    contract = f"/api/v1/contracts/0x{pool['address'].hex()}"
    paths = [
        "/api/v1/wallets?limit=500",
        f"/api/v1/wallets/0x{wallet['address'].hex()}",
        "/api/v1/tokens",
        f"/api/v1/tokens/{token['PUSD']}/transfers?limit=500",
        f"/api/v1/tokens/{token['PAST']}/transfers?token_id=2",
        f"/api/v1/tokens/{token['PAST']}/items",
        "/api/v1/contracts?limit=500",
        contract,
        f"{contract}/abi",
        f"{contract}/events?limit=500",
        f"{contract}/events?name=Invested&from_block=30&to_block=70",
        f"{contract}/interactions?limit=500",
        "/api/v1/events?limit=500",
        f"/api/v1/events?topic0=0x{TRANSFER.hex()}&from_block=11&to_block=99",
        f"/api/v1/events?address={token['PUSD']}&limit=500",
        "/api/v1/search?q=90",
        "/api/v1/search?q=pend",
    ]
    with explorer_process(chunked, tmp_path_factory.mktemp("explorer")) as serving:
        async with aiohttp.ClientSession(serving.url) as there:
            for path in paths:
                async with api.get(path) as plain, there.get(path) as answer:
                    body = await answer.json()
                    assert answer.status == 200, body
                    assert body["data"] == (await plain.json())["data"], path


async def test_only_the_chunks_of_the_bounds_are_opened(chunked: str, sql: Sql) -> None:
    row = sql.execute("SELECT address FROM logs GROUP BY 1 ORDER BY count(*) DESC LIMIT 1").fetchone()
    assert row is not None
    address = row["address"]
    scan = (25, False, None, None, None, 60, 79, False, 100)
    named = [61, 62]
    asked: list[tuple[Query, tuple[Any, ...]]] = [
        (queries.select_events_of_contract, (*scan, TRANSFER, None, None, None, address)),
        (queries.select_events_of_range, (*scan, TRANSFER, None, None, None)),
        (queries.select_contract_events, (*scan, "Transfer", [], [], address)),
        (queries.select_transfers_of_token, (*scan, None, None, address, None)),
        (queries.select_wallets, (25, False, None, None, None, False, named)),
        (queries.select_wallet, (address, named)),
        (queries.select_contracts, (25, False, None, None, None, False, named)),
        (queries.select_contract, (address, named, ["erc20"], ["[]"], 60, 79)),
        (queries.select_contract_abis, (address, named, ["erc20"], ["[]"], 60, 79)),
        (queries.select_contract_interactions, (25, False, None, None, None, address, named)),
        (queries.select_search, (5, "61", 61, None, None, None, None, "61", "61\U0010ffff")),
    ]
    connection = await asyncpg.connect(chunked, server_settings={"plan_cache_mode": "force_custom_plan"})
    try:
        for query, arguments in asked:
            plan = json.loads(await connection.fetchval(f"EXPLAIN (FORMAT JSON) {query.sql}", *arguments))
            opened = {name for name in _relations(plan) if name.startswith("_hyper_")}
            for hypertable in {name.split("_")[2] for name in opened}:
                chunks = {name for name in opened if name.split("_")[2] == hypertable}
                assert len(chunks) == 1, (query.name, chunks)
            assert opened, query.name
    finally:
        await connection.close()


def _relations(plan: Any) -> Iterator[str]:
    if isinstance(plan, dict):
        if "Relation Name" in plan:
            yield plan["Relation Name"]
        plan = list(plan.values())
    if isinstance(plan, list):
        for part in plan:
            yield from _relations(part)
