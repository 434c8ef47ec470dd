"""Lists of addresses look at so much for a page, lose nothing by it, and open only the chunks they must."""

import json
from collections.abc import Iterator
from decimal import Decimal
from itertools import chain
from pathlib import Path
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
Kinds = tuple[type[int] | type[str], ...]

PLACES = ("block_number", "log_index", "batch_index")


async def pages(dsn: str, query: Query, kinds: Kinds, *after: Any, limit: int = 4) -> list[Any]:
    """Every row of a list by the query itself: there, and back again; both ways must agree."""
    connection = await asyncpg.connect(dsn)

    async def page(cursor: str | None) -> tuple[list[Any], Any]:
        request = PageRequest.of("list", limit, cursor, kinds)
        first, keys = request.arguments()[:3], request.arguments()[3:]
        typed = [Decimal(key) if isinstance(key, str) else key for key in keys]
        row = await query.one(connection, *first, *typed, *after)
        assert row is not None
        return json.loads(row["data"]), request.page(row, block_key=0)

    try:
        data, ends = await page(None)
        there = [data]
        while ends.next is not None:
            data, ends = await page(ends.next)
            there.append(data)
        back = [there[-1]]
        while ends.previous is not None:
            data, ends = await page(ends.previous)
            back.insert(0, data)
    finally:
        await connection.close()
    rows = list(chain.from_iterable(there))
    assert list(chain.from_iterable(back)) == rows
    assert any(len(each) < limit for each in there[:-1]), "no page was short"
    return rows


@pytest.mark.parametrize("looked", [1, 2, 5])
async def test_transactions_of_a_rare_role_are_found_over_short_pages(
    explored: Explored, sql: Sql, looked: int
) -> None:
    row = sql.execute(
        "SELECT address FROM address_transactions WHERE roles & 4 = 4 GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
    ).fetchone()
    assert row is not None
    owner = row["address"]
    wanted = sql.execute(
        "SELECT block_number, transaction_index FROM address_transactions WHERE address = %s AND roles & 4 = 4"
        " ORDER BY 1 DESC, 2 DESC",
        (owner,),
    ).fetchall()
    found = await pages(explored.dsn, queries.select_address_transactions, (int, int), owner, 4, looked, None)
    assert [(row["block_number"], row["transaction_index"]) for row in found] == [
        (row["block_number"], row["transaction_index"]) for row in wanted
    ]


@pytest.mark.parametrize("looked", [1, 2, 5])
async def test_transfers_and_balances_of_a_rare_token_are_found_over_short_pages(
    explored: Explored, sql: Sql, looked: int
) -> None:
    row = sql.execute(
        "SELECT address, token FROM address_token_transfers AS a WHERE 2 < ("
        "SELECT count(DISTINCT o.token) FROM address_token_transfers AS o WHERE o.address = a.address)"
        " GROUP BY 1, 2 HAVING count(*) BETWEEN 3 AND 12 ORDER BY count(*) DESC, 1, 2 LIMIT 1"
    ).fetchone()
    assert row is not None
    owner, token = row["address"], row["token"]
    wanted = sql.execute(
        "SELECT t.*, sum(CASE a.roles WHEN 1 THEN -t.amount WHEN 2 THEN t.amount ELSE 0 END)"
        " OVER (ORDER BY block_number, log_index, batch_index) AS balance"
        " FROM address_token_transfers AS a JOIN token_transfers AS t USING (block_number, log_index, batch_index)"
        " WHERE a.address = %s AND t.token = %s ORDER BY block_number DESC, log_index DESC, batch_index DESC",
        (owner, token),
    ).fetchall()
    places = [tuple(row[key] for key in PLACES) for row in wanted]
    after = (owner, 0, token, looked, None)
    found = await pages(explored.dsn, queries.select_address_token_transfers, (int, int, int), *after)
    assert [tuple(row[key] for key in PLACES) for row in found] == places
    history = await pages(
        explored.dsn, queries.select_token_balance_history, (int, int, int, str, str), *after
    )
    assert [tuple(row[key] for key in PLACES) for row in history] == places
    assert [row["balance"] for row in history] == [str(row["balance"]) for row in wanted]


async def test_answers_are_the_same_where_facts_are_chunked(
    api: aiohttp.ClientSession, chunked: str, sql: Sql, tmp_path: Path
) -> None:
    row = sql.execute(
        "SELECT address, token FROM address_token_transfers GROUP BY 1, 2 ORDER BY count(*) DESC LIMIT 1"
    ).fetchone()
    failed = sql.execute("SELECT hash, timestamp FROM transactions WHERE status = 0 LIMIT 1").fetchone()
    assert row is not None
    assert failed is not None
    owner, token = (f"/api/v1/addresses/0x{row[name].hex()}" for name in ("address", "token"))
    transaction = f"/api/v1/transactions/0x{failed['hash'].hex()}"
    paths = [
        owner,
        token,
        f"{owner}/counters",
        f"{owner}/tokens",
        f"{owner}/transactions",
        f"{owner}/transactions?role=to&limit=3",
        f"{owner}/token-transfers?limit=1000",
        f"{owner}/token-transfers?direction=in",
        f"{owner}/balance-history?token=0x{row['token'].hex()}",
        f"{token}/logs?limit=1000",
        f"/api/v1/addresses/0x{'11' * 20}/transactions",
        transaction,
        f"{transaction}/logs",
        f"{transaction}/token-transfers",
        "/api/v1/transactions?limit=1000",
        "/api/v1/transactions?status=failed",
        "/api/v1/blocks/33/transactions",
        "/api/v1/blocks/latest/logs",
        f"/api/v1/blocks/by-time/{int(failed['timestamp'].timestamp())}",
    ]
    with explorer_process(chunked, tmp_path) as serving:
        async with aiohttp.ClientSession(serving.url) as there:
            for path in paths:
                async with api.get(path) as plain, there.get(path) as answer:
                    body = await answer.json()
                    assert answer.status == 200, body
                    assert body["data"] == (await plain.json())["data"], path
            async with there.get(f"/api/v1/transactions/0x{'77' * 32}") as answer:
                assert answer.status == 404


async def test_only_the_chunks_of_the_page_are_opened(chunked: str, sql: Sql) -> None:
    row = sql.execute(
        "SELECT x.hash, x.from_address, l.address FROM transactions AS x"
        " JOIN logs AS l USING (block_number, transaction_index) WHERE block_number = 61 LIMIT 1"
    ).fetchone()
    assert row is not None
    owner, token, hash_ = row["from_address"], row["address"], row["hash"]
    first, bounds, named = (25, False, None), (60, 79, False), [61, 62]
    asked: list[tuple[Query, tuple[Any, ...]]] = [
        (queries.select_transactions, (*first, None, None, *bounds, None, None)),
        (queries.select_transaction, (hash_, 61, 100)),
        (queries.select_transaction, (hash_, -1, 100)),
        (queries.select_block_transactions, (*first, None, None, 61, None)),
        (queries.select_block_logs, (*first, None, None, 61, None, hash_)),
        (queries.select_block_at, (61, 62, row_time(sql), True)),
        (queries.select_transaction_token_transfers, (*first, None, None, None, 61, hash_)),
        (queries.select_transaction_internal_transfers, (*first, None, None, 61, hash_)),
        (queries.select_address, (token, 61)),
        (queries.select_address_transactions, (*first, None, None, owner, 0, 100, named)),
        (queries.select_address_token_transfers, (*first, None, None, None, owner, 0, token, 100, named)),
        (
            queries.select_token_balance_history,
            (*first, None, None, None, None, None, owner, 0, token, 100, named),
        ),
        (queries.select_address_logs, (*first, None, None, *bounds, token)),
        (queries.select_address_internal_transfers, (*first, None, None, None, *bounds, owner)),
    ]
    connection = await asyncpg.connect(chunked, server_settings={"plan_cache_mode": "force_custom_plan"})
    try:
        for query, arguments in asked:
            plan = json.loads(await connection.fetchval(f"EXPLAIN (FORMAT JSON) {query.sql}", *arguments))
            opened = {name for name in relations(plan) if name.startswith("_hyper_")}
            for hypertable in {name.split("_")[2] for name in opened}:
                chunks = {name for name in opened if name.split("_")[2] == hypertable}
                assert len(chunks) == 1, (query.name, chunks)
    finally:
        await connection.close()


def row_time(sql: Sql) -> Any:
    row = sql.execute("SELECT timestamp FROM blocks WHERE number = 61").fetchone()
    assert row is not None
    return row["timestamp"]


def relations(plan: Any) -> Iterator[str]:
    if isinstance(plan, dict):
        if "Relation Name" in plan:
            yield plan["Relation Name"]
        plan = list(plan.values())
    if isinstance(plan, list):
        for part in plan:
            yield from relations(part)
