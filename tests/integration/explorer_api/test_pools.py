"""/api/v1/pools, against the views over decoded events."""

from typing import Any

import aiohttp
import psycopg
import pytest

from explorer_api.answers.envelope import Listed, One
from explorer_api.answers.pools import Pool, PoolFlow, PoolPosition, PoolSeries
from tests.integration.explorer_api.explorers import Explored, get, problem, walk

Sql = psycopg.Connection[dict[str, Any]]


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _pools(sql: Sql) -> list[dict[str, Any]]:
    rows = sql.execute("SELECT * FROM pools ORDER BY first_block DESC, pool DESC").fetchall()
    assert len(rows) > 1
    return rows


async def test_pools_are_those_that_were_invested_in(
    api: aiohttp.ClientSession, sql: Sql, explored: Explored
) -> None:
    expected = [
        Pool(
            address=_hex(row["pool"]),
            title=None,
            status=None,
            invested=str(row["invested"]),
            withdrawn=str(row["withdrawn"]),
            balance=str(row["balance"]),
            wallet_count=row["wallet_count"],
            investor_count=row["investor_count"],
            investment_count=row["investment_count"],
            withdrawal_count=row["withdrawal_count"],
            first_block=row["first_block"],
            last_block=row["last_block"],
        )
        for row in _pools(sql)
    ]
    assert await walk(api, "/api/v1/pools", Listed[Pool], limit=1) == expected
    for pool in expected:
        one = await get(api, f"/api/v1/pools/{pool.address}", One[Pool])
        assert one.data == pool
        assert one.meta.complete is not None
        assert one.meta.complete.to_block == explored.head


async def test_investors_are_the_positions_by_balance(api: aiohttp.ClientSession, sql: Sql) -> None:
    for pool in _pools(sql):
        rows = sql.execute(
            "SELECT * FROM pool_positions WHERE pool = %s ORDER BY balance DESC, wallet DESC", (pool["pool"],)
        ).fetchall()
        path = f"/api/v1/pools/{_hex(pool['pool'])}/investors"
        assert await walk(api, path, Listed[PoolPosition], limit=2) == [
            PoolPosition(
                wallet=_hex(row["wallet"]),
                invested=str(row["invested"]),
                withdrawn=str(row["withdrawn"]),
                balance=str(row["balance"]),
                investment_count=row["investment_count"],
                withdrawal_count=row["withdrawal_count"],
                first_block=row["first_block"],
                last_block=row["last_block"],
            )
            for row in rows
        ]


async def test_flows_are_every_investment_and_withdrawal(api: aiohttp.ClientSession, sql: Sql) -> None:
    for pool in _pools(sql):
        rows = sql.execute(
            "SELECT f.*, t.hash FROM pool_flows AS f JOIN transactions AS t USING (block_number, transaction_index)"
            " WHERE pool = %s ORDER BY block_number DESC, log_index DESC",
            (pool["pool"],),
        ).fetchall()
        assert len(rows) == pool["investment_count"] + pool["withdrawal_count"]
        path = f"/api/v1/pools/{_hex(pool['pool'])}/flows"
        assert await walk(api, path, Listed[PoolFlow], limit=3) == [
            PoolFlow(
                kind=row["kind"],
                wallet=_hex(row["wallet"]),
                amount=str(row["amount"]),
                block_number=row["block_number"],
                log_index=row["log_index"],
                transaction_index=row["transaction_index"],
                transaction_hash=_hex(row["hash"]),
                timestamp=row["timestamp"],
                final=True,
            )
            for row in rows
        ]


@pytest.mark.parametrize("interval", ["hour", "day"])
async def test_series_sums_up_the_flows(api: aiohttp.ClientSession, sql: Sql, interval: str) -> None:
    for pool in _pools(sql):
        rows = sql.execute(
            "SELECT date_trunc(%s, timestamp, 'UTC') AS time,"
            " coalesce(sum(amount) FILTER (WHERE kind = 'investment'), 0) AS invested,"
            " coalesce(sum(amount) FILTER (WHERE kind = 'withdrawal'), 0) AS withdrawn, count(*) AS flows"
            " FROM pool_flows WHERE pool = %s GROUP BY 1 ORDER BY 1",
            (interval, pool["pool"]),
        ).fetchall()
        path = f"/api/v1/pools/{_hex(pool['pool'])}/series?interval={interval}"
        first = int(rows[0]["time"].timestamp())
        series = (await get(api, f"{path}&from={first}", One[PoolSeries])).data
        some = [point for point in series.points if point.investment_count + point.withdrawal_count]
        assert [
            (p.time, int(p.invested), int(p.withdrawn), p.investment_count + p.withdrawal_count) for p in some
        ] == [(row["time"], row["invested"], row["withdrawn"], row["flows"]) for row in rows]
        balance = 0
        for point in series.points:
            balance += int(point.invested) - int(point.withdrawn)
            assert int(point.balance) == balance
        assert balance == pool["balance"]
        if len(rows) > 1:  # what was in it before counts
            second = int(rows[1]["time"].timestamp())
            later = (await get(api, f"{path}&from={second}", One[PoolSeries])).data
            assert later.points == [p for p in series.points if p.time >= rows[1]["time"]]


async def test_pool_that_is_none_is_not_found(api: aiohttp.ClientSession, sql: Sql) -> None:
    token = sql.execute("SELECT token FROM tokens LIMIT 1").fetchone()
    assert token is not None
    for address in (_hex(token["token"]), f"0x{'ab' * 20}"):
        for path in ("", "/investors", "/series"):
            details = await problem(api, f"/api/v1/pools/{address}{path}", 404)
            assert details["type"] == "/problems/not-found"
        assert (await get(api, f"/api/v1/pools/{address}/flows", Listed[PoolFlow])).data == []


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/0x12", "address"),
        (f"/0x{'zz' * 20}/investors", "address"),
        (f"/0x{'ab' * 20}/flows?limit=1001", "limit"),
        (f"/0x{'ab' * 20}/series?interval=week", "interval"),
        (f"/0x{'ab' * 20}/series?from=2026-02-30", "from"),
        ("?order=balance", "order"),
    ],
)
async def test_pools_with_wrong_parameters_names_them(
    api: aiohttp.ClientSession, path: str, field: str
) -> None:
    details = await problem(api, f"/api/v1/pools{path}", 400)
    assert details["field"] == field
