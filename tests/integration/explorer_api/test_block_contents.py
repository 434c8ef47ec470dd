"""/api/v1/blocks/{block}/… and by time, against the rows that they tell of."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import psycopg
import pytest

from explorer_api.answers.blocks import BlockSummary
from explorer_api.answers.envelope import Listed, One
from explorer_api.answers.logs import Log
from explorer_api.answers.transactions import TransactionSummary
from tests.integration.explorer_api.explorers import Explored, explorer_process, get, problem, walk

Sql = psycopg.Connection[dict[str, Any]]


async def test_transactions_of_a_block_are_in_their_order(api: aiohttp.ClientSession, sql: Sql) -> None:
    block = sql.execute("SELECT * FROM blocks WHERE transaction_count > 4 ORDER BY number LIMIT 1").fetchone()
    assert block is not None
    rows = sql.execute(
        "SELECT hash FROM transactions WHERE block_number = %s ORDER BY transaction_index", (block["number"],)
    ).fetchall()
    for name in (str(block["number"]), "0x" + block["hash"].hex()):
        told = await walk(api, f"/api/v1/blocks/{name}/transactions", Listed[TransactionSummary], limit=2)
        assert [each.hash for each in told] == ["0x" + row["hash"].hex() for row in rows]


async def test_logs_of_a_block_are_in_their_order(api: aiohttp.ClientSession, sql: Sql) -> None:
    block = sql.execute("SELECT * FROM blocks ORDER BY log_count DESC, number LIMIT 1").fetchone()
    assert block is not None
    rows = sql.execute(
        "SELECT l.*, x.hash FROM logs AS l JOIN transactions AS x USING (block_number, transaction_index)"
        " WHERE l.block_number = %s ORDER BY l.log_index",
        (block["number"],),
    ).fetchall()
    assert len(rows) == block["log_count"] > 3
    told = await walk(api, f"/api/v1/blocks/0x{block['hash'].hex()}/logs", Listed[Log], limit=3)
    assert [(each.log_index, each.transaction_hash, each.address) for each in told] == [
        (row["log_index"], "0x" + row["hash"].hex(), "0x" + row["address"].hex()) for row in rows
    ]


@pytest.mark.parametrize("tag", ["latest", "finalized"])
async def test_tag_names_the_block_at_the_head(
    api: aiohttp.ClientSession, explored: Explored, tag: str
) -> None:
    told = await walk(api, f"/api/v1/blocks/{tag}/transactions", Listed[TransactionSummary], limit=2)
    by_number = await get(api, f"/api/v1/blocks/{explored.head}/transactions", Listed[TransactionSummary])
    assert told == by_number.data
    logs = await get(api, f"/api/v1/blocks/{tag}/logs", Listed[Log])
    assert {log.block_number for log in logs.data} <= {explored.head}


async def test_empty_block_has_an_empty_list(api: aiohttp.ClientSession) -> None:
    page = await get(api, "/api/v1/blocks/0/transactions", Listed[TransactionSummary])
    assert (page.data, page.page.next, page.page.previous) == ([], None, None)


async def test_contents_of_a_block_that_is_not_there(api: aiohttp.ClientSession, explored: Explored) -> None:
    for contents in ("transactions", "logs"):
        details = await problem(api, f"/api/v1/blocks/{explored.head + 1}/{contents}", 404)
        assert (details["indexed_from"], details["indexed_to"]) == (0, explored.head)
        details = await problem(api, f"/api/v1/blocks/0x{'00' * 32}/{contents}", 404)
        assert details["type"] == "/problems/not-found"
        for name in ("-1", "0x12", "newest", "1e3"):
            details = await problem(api, f"/api/v1/blocks/{name}/{contents}", 400)
            assert details["field"] == "block"


def nearest(sql: Sql, moment: Any, closest: str) -> int | None:
    if closest == "before":
        query = "SELECT max(number) AS number FROM blocks WHERE timestamp <= %s"
    else:
        query = "SELECT min(number) AS number FROM blocks WHERE timestamp >= %s"
    row = sql.execute(query.encode(), (moment,)).fetchone()
    assert row is not None
    number: int | None = row["number"]
    return number


async def by_time(api: aiohttp.ClientSession, moment: str, closest: str) -> BlockSummary:
    path = f"/api/v1/blocks/by-time/{quote(moment)}?closest={closest}"
    return (await get(api, path, One[BlockSummary])).data


@pytest.mark.parametrize("closest", ["before", "after"])
async def test_block_by_time_is_the_nearest_on_its_side(
    api: aiohttp.ClientSession, sql: Sql, explored: Explored, closest: str
) -> None:
    times = sql.execute("SELECT number, timestamp FROM blocks WHERE number > 0 ORDER BY number").fetchall()
    # Block 0 is often of another century.
    for row in times[1:-1:6]:
        for moment in (row["timestamp"], row["timestamp"] - timedelta(milliseconds=1)):
            told = await by_time(api, moment.isoformat(), closest)
            assert told.number == nearest(sql, moment, closest), moment
    seconds = int(times[40]["timestamp"].timestamp())
    assert (await by_time(api, str(seconds), closest)).number == times[40]["number"]
    late, early = (
        times[-1]["timestamp"] + timedelta(days=1),
        times[0]["timestamp"] - timedelta(days=40_000 // 365),
    )
    if closest == "before":
        assert (await by_time(api, late.isoformat(), closest)).number == explored.head
    else:
        assert (await by_time(api, early.isoformat(), closest)).number == nearest(sql, early, closest)


async def test_time_with_no_block_on_its_side_is_not_found(api: aiohttp.ClientSession) -> None:
    for path in ("by-time/0001-01-01T00:00:00Z", "by-time/9999-01-01?closest=after"):
        details = await problem(api, f"/api/v1/blocks/{path}", 404)
        assert details["type"] == "/problems/not-found"


async def test_block_by_time_across_a_gap(explored: Explored, tmp_path: Path) -> None:
    gap = """
        DELETE FROM chain.blocks WHERE number BETWEEN 50 AND 59;
        DELETE FROM chain.network_hourly;
        DELETE FROM chain.coverage;
        INSERT INTO chain.coverage (blocks, first_parent_hash, last_hash)
        SELECT int8range(r.first, r.last, '[]'), f.parent_hash, l.hash
        FROM (VALUES (0, 49), (60, 120)) AS r (first, last)
        JOIN chain.blocks AS f ON f.number = r.first JOIN chain.blocks AS l ON l.number = r.last
    """
    with explored.clone() as dsn, psycopg.connect(dsn, autocommit=True) as connection:
        times: dict[int, Any] = dict(
            connection.execute("SELECT number, timestamp FROM chain.blocks").fetchall()
        )
        connection.execute(gap)
        with explorer_process(dsn, tmp_path) as serving:
            async with aiohttp.ClientSession(serving.url) as api:
                for number in (1, 20, 49, 60, 61, 90, 120):
                    for closest in ("before", "after"):
                        told = await get_status(api, times[number].isoformat(), closest)
                        unknown = (number == 49 and closest == "before") or (
                            number == 60 and closest == "after"
                        )
                        assert told == ("/problems/not-indexed" if unknown else number)
                assert await get_status(api, times[55].isoformat(), "before") == "/problems/not-indexed"


async def get_status(api: aiohttp.ClientSession, moment: str, closest: str) -> Any:
    async with api.get(f"/api/v1/blocks/by-time/{quote(moment)}?closest={closest}") as answer:
        body = await answer.json(content_type=None)
        return body["data"]["number"] if answer.status == 200 else body["type"]


async def test_what_is_no_time_is_refused(api: aiohttp.ClientSession) -> None:
    for moment in ("yesterday", "-1", "1e9", "2026-13-01", "99999999999999", "0x10"):
        details = await problem(api, f"/api/v1/blocks/by-time/{moment}", 400)
        assert details["field"] == "timestamp", moment
    details = await problem(api, "/api/v1/blocks/by-time/1?closest=near", 400)
    assert details["field"] == "closest"
