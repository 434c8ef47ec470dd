"""/api/v1/network, against the rows that it tells of."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest

from explorer_api.answers.envelope import Listed, One
from explorer_api.answers.network import FIGURES, Chart, Finality, Indexing, NetworkStats, Reorg
from tests.integration.explorer_api.explorers import Explored, explorer_process, get, problem, walk

Sql = psycopg.Connection[dict[str, Any]]

_COLUMNS = {
    "gas_used_ratio": "round(gas_used / gas_limit, 6)",
    "mean_block_time_s": "round(mean_block_time_s, 3)",
    "max_block_time_s": "interval_s_max",
}


async def test_stats_are_what_the_blocks_sum_up_to(
    api: aiohttp.ClientSession, sql: Sql, explored: Explored
) -> None:
    answer = await get(api, "/api/v1/network/stats", One[NetworkStats])
    stats = answer.data
    head = sql.execute("SELECT * FROM blocks WHERE number = %s", (explored.head,)).fetchone()
    assert head is not None
    assert (stats.head_number, stats.finalized_number) == (explored.head, explored.head)
    assert (stats.consensus, stats.head_timestamp) == ("qbft", head["timestamp"])
    pace = sql.execute(
        "SELECT extract(epoch FROM max(timestamp) - min(timestamp)) / 100 AS every, sum(gas_used)::numeric /"
        " sum(gas_limit) AS ratio FROM blocks WHERE number >= %s",
        (explored.head - 100,),
    ).fetchone()
    assert pace is not None
    assert stats.block_time_s == pytest.approx(float(pace["every"]), abs=0.001)
    assert stats.gas_used_ratio == pytest.approx(float(pace["ratio"]), abs=0.000001)
    total = sql.execute(
        "SELECT count(*) AS transactions, count(*) FILTER (WHERE status = 0) AS failed, sum(gas_used * "
        "effective_gas_price)::text AS fees FROM transactions"
    ).fetchone()
    assert total is not None
    assert stats.total is not None
    assert (stats.total.transactions, stats.total.failed_transactions, stats.total.fees) == (
        total["transactions"],
        total["failed"],
        total["fees"],
    )
    assert stats.total.blocks == explored.head + 1
    hour = sql.execute(
        "SELECT count(DISTINCT b.number) AS blocks, count(t.*) AS transactions FROM blocks AS b LEFT JOIN transactions"
        " AS t ON t.block_number = b.number WHERE date_trunc('hour', b.timestamp) = date_trunc('hour', %s::timestamptz)",
        (head["timestamp"],),
    ).fetchone()
    assert hour is not None
    assert stats.this_hour is not None
    assert (stats.this_hour.blocks, stats.this_hour.transactions) == (hour["blocks"], hour["transactions"])
    assert stats.this_hour.active_addresses is not None
    day = sql.execute(
        "SELECT count(*) AS blocks FROM blocks WHERE timestamp >= date_trunc('hour', %s::timestamptz) - interval '23 h'",
        (head["timestamp"],),
    ).fetchone()
    assert day is not None
    assert stats.last_24_hours is not None
    assert stats.last_24_hours.blocks == day["blocks"]
    assert answer.meta.complete is not None
    assert answer.meta.complete.to_block == explored.head


@pytest.mark.parametrize("interval", ["hour", "day"])
async def test_chart_of_each_figure_is_its_column(
    api: aiohttp.ClientSession, sql: Sql, interval: str
) -> None:
    table = "network_hourly" if interval == "hour" else "network_daily"
    for figure in FIGURES:
        column = _COLUMNS.get(figure, figure)
        rows = sql.execute(
            f"SELECT bucket, {column} AS value FROM {table} ORDER BY bucket".encode()
        ).fetchall()
        first = int(rows[0]["bucket"].timestamp())
        path = f"/api/v1/network/charts/{figure}?interval={interval}&from={first}"
        chart = (await get(api, path, One[Chart])).data
        assert (chart.figure, chart.interval) == (figure, interval)
        assert [point.time for point in chart.points] == [row["bucket"] for row in rows]
        for point, row in zip(chart.points, rows, strict=True):
            if row["value"] is None:
                assert point.value is None
            else:
                assert isinstance(point.value, str) == (figure == "fees")
                assert Decimal(str(point.value)) == row["value"]


async def test_chart_of_what_is_over_may_be_kept(api: aiohttp.ClientSession, sql: Sql) -> None:
    row = sql.execute("SELECT min(bucket) AS first, max(bucket) AS last FROM network_hourly").fetchone()
    assert row is not None
    first, last = int(row["first"].timestamp()), int(row["last"].timestamp())
    path = f"/api/v1/network/charts/transactions?from={first}"
    async with api.get(f"{path}&to={last}") as answer:
        assert answer.headers["Cache-Control"] == "public, max-age=1800"
        assert answer.headers["Pend-Finality"] == "final"
    for rest in ("", f"&to={last + 1}", f"&to={last + 3600}"):
        async with api.get(path + rest) as answer:
            assert answer.headers["Cache-Control"] == "no-cache", rest


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("charts/happiness", "figure"),
        ("charts/blocks?interval=week", "interval"),
        ("charts/blocks?from=0x10", "from"),
        ("charts/blocks?to=9999-12-31", "to"),
        ("charts/blocks?from=5&to=5", "to"),
        ("stats?interval=day", "interval"),
        ("reorgs?limit=0", "limit"),
    ],
)
async def test_network_with_wrong_parameters_names_them(
    api: aiohttp.ClientSession, path: str, field: str
) -> None:
    details = await problem(api, f"/api/v1/network/{path}", 400)
    assert details["field"] == field
    assert details["allowed"]


async def test_chart_of_too_many_points_says_how_many_are_given(api: aiohttp.ClientSession) -> None:
    details = await problem(api, "/api/v1/network/charts/blocks?from=2020-01-01&to=2025-01-01", 400)
    assert details["type"] == "/problems/range-too-wide"
    assert "10,000" in details["detail"]
    await get(api, "/api/v1/network/charts/blocks?from=2020-01-01&to=2025-01-01&interval=day", One[Chart])
    old = await get(api, "/api/v1/network/charts/blocks?from=1970-01-01", One[Chart])
    assert old.data.points == []


async def test_finality_and_indexing_of_a_whole_chain(
    api: aiohttp.ClientSession, sql: Sql, explored: Explored
) -> None:
    finality = (await get(api, "/api/v1/network/finality", One[Finality])).data
    assert (finality.finalized_number, finality.blocks_pending) == (explored.head, 0)
    assert finality.last_reorg_at is None
    indexing = (await get(api, "/api/v1/network/indexing", One[Indexing])).data
    assert [(each.from_block, each.to_block) for each in indexing.indexed] == [(0, explored.head)]
    assert indexing.gaps == []
    rows = sql.execute("SELECT * FROM derivations ORDER BY derivation").fetchall()
    assert [(d.name, d.from_block, d.to_block, d.lag_blocks) for d in indexing.derivations] == [
        (row["derivation"], row["first_block"], row["derived_to"], 0) for row in rows
    ]
    assert (await get(api, "/api/v1/network/reorgs", Listed[Reorg])).data == []


async def test_reorgs_gaps_and_what_is_set_aside(explored: Explored, tmp_path: Path) -> None:
    head = explored.head
    with explored.clone() as dsn:
        with psycopg.connect(dsn) as connection:
            connection.execute(
                "INSERT INTO chain.reorgs (ancestor_number, ancestor_hash, old_head_number, old_head_hash,"
                " new_head_number, new_head_hash, depth, transactions_removed, sequence)"
                " SELECT n, sha256('a'), n + 2, sha256('b'), n + 3, sha256('c'), 2, n, n FROM generate_series(1, 23) AS n"
            )
            row = connection.execute("SELECT first_parent_hash, last_hash FROM chain.coverage").fetchone()
            assert row is not None
            connection.execute("DELETE FROM chain.coverage")
            for blocks in ("[0,10)", "[20,30)", f"[31,{head}]"):
                connection.execute("INSERT INTO chain.coverage VALUES (%s, %s, %s)", (blocks, *row))
            connection.execute(
                "INSERT INTO chain.quarantined_blocks (number, kind, reason) VALUES (30, 'invalid', 'of http://secret')"
            )
            connection.execute("UPDATE chain.derivations SET derived_to = 9 WHERE derivation <> 'addresses'")
            connection.execute("UPDATE chain.derivations SET derived_to = -1 WHERE derivation = 'addresses'")
        with explorer_process(dsn, tmp_path) as serving:
            async with aiohttp.ClientSession(serving.url) as session:
                reorgs = await walk(session, "/api/v1/network/reorgs", Listed[Reorg], limit=5)
                finality = (await get(session, "/api/v1/network/finality", One[Finality])).data
                indexing = (await get(session, "/api/v1/network/indexing", One[Indexing])).data
                async with session.get("/api/v1/network/indexing") as answer:
                    assert "secret" not in await answer.text()
                details = await problem(session, "/api/v1/network/charts/blocks", 404)
    assert [(reorg.ancestor_number, reorg.depth) for reorg in reorgs] == [(n, 2) for n in range(23, 0, -1)]
    assert finality.last_reorg_depth == 2
    assert [(each.from_block, each.to_block) for each in indexing.indexed] == [(0, 9), (20, 29), (31, head)]
    assert [(each.from_block, each.to_block) for each in indexing.gaps] == [(10, 19), (30, 30)]
    assert [(each.number, each.kind) for each in indexing.quarantined] == [(30, "invalid")]
    lags = {each.name: (each.to_block, each.lag_blocks) for each in indexing.derivations}
    assert lags.pop("addresses") == (None, head + 1)
    assert set(lags.values()) == {(9, head - 9)}
    assert details["type"] == "/problems/not-derived"
