"""/api/v1/events, against the logs that it tells of."""

from typing import Any

import aiohttp
import psycopg
import pytest

from explorer_api.answers.envelope import Listed
from explorer_api.answers.logs import Log
from tests.integration.explorer_api.explorers import Explored, explorer_process, get, problem, walk

Sql = psycopg.Connection[dict[str, Any]]

TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


def _logs(sql: Sql, condition: str = "true", *arguments: object) -> list[tuple[Any, ...]]:
    rows = sql.execute(
        "SELECT l.*, x.hash, x.timestamp, e.name, e.arguments FROM logs l"
        " JOIN transactions x USING (block_number, transaction_index)"
        f" LEFT JOIN decoded_events e USING (block_number, log_index) WHERE {condition}"
        " ORDER BY block_number DESC, log_index DESC",
        arguments,
    ).fetchall()
    return [
        (
            row["block_number"],
            row["log_index"],
            "0x" + row["hash"].hex(),
            row["timestamp"],
            "0x" + row["address"].hex(),
            [f"0x{row[f'topic{i}'].hex()}" for i in range(4) if row[f"topic{i}"] is not None],
            "0x" + row["data"].hex(),
            (row["name"], row["arguments"]) if row["name"] else None,
        )
        for row in rows
    ]


def _told(logs: list[Log]) -> list[tuple[Any, ...]]:
    return [
        (
            log.block_number,
            log.log_index,
            log.transaction_hash,
            log.timestamp,
            log.address,
            log.topics,
            log.data,
            (log.event.name, log.event.arguments) if log.event else None,
        )
        for log in logs
    ]


async def test_events_are_every_log_newest_first(api: aiohttp.ClientSession, sql: Sql) -> None:
    listed = await walk(api, "/api/v1/events", Listed[Log], limit=60)
    assert _told(listed) == _logs(sql)
    assert len(listed) > 300
    part = await walk(api, "/api/v1/events?from_block=30&to_block=60", Listed[Log], limit=23)
    assert _told(part) == _logs(sql, "l.block_number BETWEEN 30 AND 60")


async def test_events_of_a_contract_are_its_logs(api: aiohttp.ClientSession, sql: Sql) -> None:
    rows = sql.execute(
        "SELECT address, count(*) FROM logs GROUP BY address ORDER BY 2 DESC LIMIT 2"
    ).fetchall()
    for row in rows:
        path = f"/api/v1/events?address=0x{row['address'].hex()}"
        listed = await walk(api, path, Listed[Log], limit=31)
        assert _told(listed) == _logs(sql, "l.address = %s", row["address"])
        part = await walk(api, f"{path}&from_block=20&to_block=90", Listed[Log], limit=13)
        expected = _logs(sql, "l.address = %s AND l.block_number BETWEEN 20 AND 90", row["address"])
        assert _told(part) == expected


async def test_events_are_filtered_by_topics(api: aiohttp.ClientSession, sql: Sql) -> None:
    row = sql.execute(
        "SELECT address, topic2 FROM logs WHERE topic2 IS NOT NULL AND topic0 = %s"
        " GROUP BY 1, 2 ORDER BY count(*) DESC LIMIT 1",
        (bytes.fromhex(TRANSFER[2:]),),
    ).fetchone()
    assert row is not None
    topics = f"topic0={TRANSFER}&topic2=0x{row['topic2'].hex()}"
    condition, arguments = "l.topic0 = %s AND l.topic2 = %s", (bytes.fromhex(TRANSFER[2:]), row["topic2"])
    listed = await walk(api, f"/api/v1/events?{topics}", Listed[Log], limit=5)
    assert _told(listed) == _logs(sql, condition, *arguments)
    path = f"/api/v1/events?address=0x{row['address'].hex()}&{topics}"
    listed = await walk(api, path, Listed[Log], limit=3)
    assert _told(listed) == _logs(sql, f"{condition} AND l.address = %s", *arguments, row["address"])
    assert len(listed) > 3
    nothing = await get(api, f"/api/v1/events?topic3=0x{'00' * 32}", Listed[Log])
    assert (nothing.data, nothing.page.next, nothing.page.previous) == ([], None, None)


async def test_events_beyond_the_head_are_not_indexed(api: aiohttp.ClientSession, explored: Explored) -> None:
    details = await problem(api, f"/api/v1/events?from_block={explored.head + 1}", 404)
    assert details["type"] == "/problems/not-indexed"
    assert details["indexed_to"] == explored.head
    page = await get(api, f"/api/v1/events?from_block=100&to_block={2**63 - 1}&limit=1", Listed[Log])
    assert len(page.data) == 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("address=0x12", "address"),
        ("topic0=0x12", "topic0"),
        (f"topic3={'00' * 32}", "topic3"),
        ("from_block=-1", "from_block"),
        ("from_block=x", "from_block"),
        (f"to_block={2**63}", "to_block"),
        ("from_block=9&to_block=8", "to_block"),
        ("topic4=0x", "topic4"),
    ],
)
async def test_wrong_filter_is_named(api: aiohttp.ClientSession, query: str, field: str) -> None:
    assert (await problem(api, f"/api/v1/events?{query}", 400))["field"] == field


async def test_range_without_a_contract_is_bounded(
    explored: Explored, tmp_path_factory: Any, sql: Sql
) -> None:
    folder = tmp_path_factory.mktemp("explorer")
    with explorer_process(explored.dsn, folder, queries__range_blocks_max=40) as serving:
        async with aiohttp.ClientSession(serving.url) as api:
            details = await problem(api, "/api/v1/events?from_block=10&to_block=60", 400)
            assert details["type"] == "/problems/range-too-wide"
            for number in ("51", "40", "from_block=21&to_block=60"):
                assert number in details["detail"]
            within = await walk(api, "/api/v1/events?from_block=21&to_block=60", Listed[Log], limit=200)
            assert _told(within) == _logs(sql, "l.block_number BETWEEN 21 AND 60")
            newest = await walk(api, "/api/v1/events", Listed[Log], limit=200)
            assert _told(newest) == _logs(sql, "l.block_number > %s", explored.head - 40)
            contract = newest[0].address
            path = f"/api/v1/events?address={contract}&from_block=0&to_block={explored.head}"
            everything = await walk(api, path, Listed[Log], limit=500)
            assert len(everything) == len(_logs(sql, "l.address = %s", bytes.fromhex(contract[2:])))
