"""Pools, validators and figures of the network where facts are hypertables of many chunks."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import aiohttp
import asyncpg
import psycopg
import pytest

from explorer_api.reading import queries
from postgres.queries import Query
from tests.integration.explorer_api.explorers import explorer_process

Sql = psycopg.Connection[dict[str, Any]]

DAY = timedelta(days=365)


async def test_figures_are_the_same_where_facts_are_chunked(
    api: aiohttp.ClientSession, chunked: str, sql: Sql, tmp_path_factory: pytest.TempPathFactory
) -> None:
    found = sql.execute("SELECT pool FROM pools LIMIT 1").fetchone()
    proposer = sql.execute("SELECT proposer FROM consensus_rounds WHERE block_number = 9").fetchone()
    assert found is not None
    assert proposer is not None
    pool, validator = (f"0x{each.hex()}" for each in (found["pool"], proposer["proposer"]))
    paths = (
        "/api/v1/validators?block=11",
        "/api/v1/validators/rounds",
        f"/api/v1/validators/{validator}",
        f"/api/v1/validators/{validator}/blocks?limit=7",
        f"/api/v1/validators/{validator}/uptime",
        "/api/v1/network/stats",
        "/api/v1/network/charts/fees",
        "/api/v1/network/finality",
        "/api/v1/pools",
        f"/api/v1/pools/{pool}",
        f"/api/v1/pools/{pool}/investors",
        f"/api/v1/pools/{pool}/flows?limit=9",
        f"/api/v1/pools/{pool}/series?interval=hour",
    )
    with explorer_process(chunked, tmp_path_factory.mktemp("explorer")) as serving:
        async with aiohttp.ClientSession(serving.url) as there:
            for path in paths:
                async with api.get(path) as plain, there.get(path) as answer:
                    body = await answer.json()
                    assert answer.status == 200, body
                    assert body["data"] == (await plain.json())["data"], path


async def test_only_the_chunks_of_the_bounds_are_opened(chunked: str, sql: Sql) -> None:
    row = sql.execute("SELECT pool, first_block FROM pools LIMIT 1").fetchone()
    assert row is not None
    pool = row["pool"]
    asked: tuple[tuple[Query, tuple[Any, ...], int], ...] = (
        (queries.select_agreed_blocks, (25, False, None, None, None, [61, 62]), 1),
        (queries.select_agreed_blocks, (25, True, None, 60, pool, [61, 62]), 1),
        (queries.select_network_stats, (61, 79), 1),
        (queries.select_health, (1, 61), 1),
        (queries.select_pool, (pool, 61), 4),
        (queries.select_pool_investors, (25, False, None, None, None, pool, 61), 4),
        (queries.select_pool_flows, (25, False, None, None, None, pool, 61, 79), 1),
        (queries.select_pool_series, ("day", None, None, DAY, pool, 61), 4),
    )
    connection = await asyncpg.connect(chunked, server_settings={"plan_cache_mode": "force_custom_plan"})
    try:
        for query, arguments, most in asked:
            plan = json.loads(await connection.fetchval(f"EXPLAIN (FORMAT JSON) {query.sql}", *arguments))
            opened = {name for name in _relations(plan) if name.startswith("_hyper_")}
            assert opened, query.name
            for hypertable in {name.split("_")[2] for name in opened}:
                chunks = {name for name in opened if name.split("_")[2] == hypertable}
                assert len(chunks) <= most, (query.name, chunks)
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
