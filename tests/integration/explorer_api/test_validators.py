"""/api/v1/validators, against the rows that it tells of."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import psycopg
import pytest

from explorer_api.answers.envelope import Listed, One
from explorer_api.answers.validators import AgreedBlock, Uptime, Validator, ValidatorSet
from tests.integration.explorer_api.explorers import Explored, explorer_process, get, problem, walk

Sql = psycopg.Connection[dict[str, Any]]


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _validators(sql: Sql) -> list[str]:
    rows = sql.execute("SELECT validators FROM validators ORDER BY from_block DESC LIMIT 1").fetchall()
    return [_hex(each) for each in rows[0]["validators"]]


async def test_validator_set_is_the_one_of_the_block(
    api: aiohttp.ClientSession, sql: Sql, explored: Explored
) -> None:
    latest = await get(api, "/api/v1/validators", One[ValidatorSet])
    assert latest.data.validators == _validators(sql)
    assert len(latest.data.validators or []) == 4
    assert latest.data.block_number == explored.head
    assert latest.meta.complete is not None
    assert latest.meta.complete.to_block == explored.head
    early = await get(api, "/api/v1/validators?block=7", One[ValidatorSet])
    row = sql.execute(
        "SELECT * FROM validators WHERE from_block <= 7 ORDER BY from_block DESC LIMIT 1"
    ).fetchone()
    assert row is not None
    assert early.data.validators == [_hex(each) for each in row["validators"]]
    assert (early.data.block_number, early.data.from_block) == (7, row["from_block"])


async def test_validator_set_of_another_block_is_refused(
    api: aiohttp.ClientSession, explored: Explored
) -> None:
    details = await problem(api, f"/api/v1/validators?block={explored.head + 1}", 404)
    assert details["type"] == "/problems/not-derived"
    assert details["indexed_to"] == explored.head
    for block in ("finalised", "-1", "0x10", "9223372036854775808"):
        assert (await problem(api, f"/api/v1/validators?block={block}", 400))["field"] == "block"


async def test_validator_is_the_sum_of_its_hours(api: aiohttp.ClientSession, sql: Sql) -> None:
    for address in _validators(sql):
        validator = (await get(api, f"/api/v1/validators/{address}", One[Validator])).data
        raw = bytes.fromhex(address[2:])
        row = sql.execute(
            "SELECT min(block_number) AS first, max(block_number) AS last FROM consensus_rounds WHERE proposer = %s",
            (raw,),
        ).fetchone()
        assert row is not None
        assert (validator.first_proposed, validator.last_proposed) == (row["first"], row["last"])
        assert validator.is_validator
        for duty, hours in ((validator.last_day, 24), (validator.last_30_days, 720)):
            totals = sql.execute(
                "SELECT coalesce(sum(blocks_proposed), 0) AS blocks_proposed, coalesce(sum(blocks_sealed), 0)"
                " AS blocks_sealed, coalesce(sum(blocks_in_set), 0) AS blocks_in_set, coalesce(sum(proposals_missed),"
                " 0) AS proposals_missed FROM validator_hourly WHERE validator = %s AND hour > (SELECT max(hour) FROM"
                " validator_hourly) - make_interval(hours => %s)",
                (raw, hours),
            ).fetchone()
            assert totals is not None
            assert {name: getattr(duty, name) for name in totals} == totals


async def test_validator_that_never_was_one_is_not_found(api: aiohttp.ClientSession) -> None:
    details = await problem(api, f"/api/v1/validators/0x{'ab' * 20}", 404)
    assert details["type"] == "/problems/not-found"
    for path in ("", "/uptime", "/blocks"):
        assert (await problem(api, f"/api/v1/validators/0x12{path}", 400))["field"] == "address"


@pytest.mark.parametrize("interval", ["hour", "day"])
async def test_uptime_is_every_hour_of_the_span(api: aiohttp.ClientSession, sql: Sql, interval: str) -> None:
    address = _validators(sql)[1]
    rows = sql.execute(
        "SELECT date_trunc(%s, hour, 'UTC') AS time, sum(blocks_proposed) AS proposed, sum(blocks_sealed) AS sealed"
        " FROM validator_hourly WHERE validator = %s GROUP BY 1 ORDER BY 1",
        (interval, bytes.fromhex(address[2:])),
    ).fetchall()
    path = f"/api/v1/validators/{address}/uptime?interval={interval}"
    first, last = rows[0]["time"], rows[-1]["time"]
    uptime = await get(api, f"{path}&from={int(first.timestamp())}", One[Uptime])
    assert [(p.time, p.blocks_proposed, p.blocks_sealed) for p in uptime.data.points] == [
        (row["time"], row["proposed"], row["sealed"]) for row in rows
    ]
    ended = await get(api, f"{path}&from={int(first.timestamp())}&to={int(last.timestamp())}", One[Uptime])
    assert [p.time for p in ended.data.points] == [row["time"] for row in rows[:-1]]
    newest = await get(api, path, One[Uptime])
    length = timedelta(days=7) if interval == "hour" else timedelta(days=365)
    assert newest.data.from_ is not None
    assert newest.data.to is not None
    assert newest.data.to - newest.data.from_ == length
    assert [p.time for p in newest.data.points] == [
        row["time"] for row in rows if row["time"] >= _floor(newest.data.from_, interval)
    ]


def _floor(moment: datetime, interval: str) -> datetime:
    floored = moment.replace(minute=0, second=0, microsecond=0)
    return floored if interval == "hour" else floored.replace(hour=0)


async def test_uptime_of_what_is_over_may_be_kept(api: aiohttp.ClientSession, sql: Sql) -> None:
    row = sql.execute("SELECT min(hour) AS first, max(hour) AS last FROM validator_hourly").fetchone()
    assert row is not None
    path = f"/api/v1/validators/{_validators(sql)[0]}/uptime?from={int(row['first'].timestamp())}"
    async with api.get(f"{path}&to={int(row['last'].timestamp())}") as answer:
        assert answer.headers["Cache-Control"] == "public, max-age=1800"
    async with api.get(f"{path}&to={int(row['last'].timestamp()) + 3600}") as answer:
        assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("interval=minute", "interval"),
        ("from=yesterday", "from"),
        ("to=2026-13-01", "to"),
        ("from=1969-01-01", "from"),
        ("from=2026-01-02&to=2026-01-01", "to"),
        ("since=1", "since"),
    ],
)
async def test_uptime_of_what_is_no_span_is_refused(
    api: aiohttp.ClientSession, query: str, field: str
) -> None:
    details = await problem(api, f"/api/v1/validators/0x{'ab' * 20}/uptime?{query}", 400)
    assert details["field"] == field
    assert details["allowed"]


async def test_uptime_of_too_many_hours_is_refused(api: aiohttp.ClientSession) -> None:
    path = f"/api/v1/validators/0x{'ab' * 20}/uptime"
    details = await problem(api, f"{path}?from=2020-01-01&to=2026-01-01", 400)
    assert details["type"] == "/problems/range-too-wide"
    assert "10,000" in details["detail"]
    await get(api, f"{path}?from=2020-01-01&to=2026-01-01&interval=day", One[Uptime])


async def test_blocks_of_validators_are_every_block_with_how_it_was_agreed(
    api: aiohttp.ClientSession, sql: Sql, explored: Explored
) -> None:
    proposers: Counter[int] = Counter()
    for address in _validators(sql):
        blocks = await walk(api, f"/api/v1/validators/{address}/blocks", Listed[AgreedBlock], limit=7)
        numbers = [block.number for block in blocks]
        assert numbers == sorted(numbers, reverse=True)
        proposers.update(numbers)
        for block in blocks:
            row = sql.execute(
                "SELECT r.*, b.hash, b.timestamp FROM consensus_rounds AS r JOIN blocks AS b ON b.number ="
                " r.block_number WHERE r.block_number = %s",
                (block.number,),
            ).fetchone()
            assert row is not None
            assert (block.hash, block.timestamp) == (_hex(row["hash"]), row["timestamp"])
            assert (block.proposer, block.round, block.proven) == (address, row["round"], row["proven"])
            assert block.committers == [_hex(each) for each in row["committers"]]
    genesis = sql.execute("SELECT proposer FROM consensus_rounds WHERE block_number = 0").fetchone()
    assert genesis is not None
    expected = range(0 if _hex(genesis["proposer"]) in _validators(sql) else 1, explored.head + 1)
    assert sorted(proposers) == list(expected)
    assert set(proposers.values()) == {1}
    nobody = await get(api, f"/api/v1/validators/0x{'ab' * 20}/blocks", Listed[AgreedBlock])
    assert (nobody.data, nobody.page.next) == ([], None)


async def test_rounds_are_the_blocks_that_took_more_than_one(api: aiohttp.ClientSession, sql: Sql) -> None:
    rows = sql.execute(
        "SELECT block_number, round, missed FROM consensus_rounds WHERE round > 0 ORDER BY block_number DESC"
    ).fetchall()
    assert len(rows) > 3
    blocks = await walk(api, "/api/v1/validators/rounds", Listed[AgreedBlock], limit=2)
    assert [(block.number, block.round, block.missed) for block in blocks] == [
        (row["block_number"], row["round"], [_hex(each) for each in row["missed"]]) for row in rows
    ]


async def test_validators_before_they_are_derived_are_refused(explored: Explored, tmp_path: Any) -> None:
    with explored.clone() as dsn:
        with psycopg.connect(dsn) as connection:
            connection.execute("UPDATE chain.derivations SET derived_to = first_block + 49")
        with explorer_process(dsn, tmp_path) as serving:
            async with aiohttp.ClientSession(serving.url) as session:
                found = await get(session, "/api/v1/validators", One[ValidatorSet])
                assert found.data.block_number == 49
                details = await problem(session, "/api/v1/validators?block=50", 404)
                assert (details["type"], details["indexed_to"]) == ("/problems/not-derived", 49)
                with psycopg.connect(dsn) as connection:
                    connection.execute("DELETE FROM chain.derivations")
                details = await problem(session, "/api/v1/validators/rounds", 404)
                assert details["type"] == "/problems/not-derived"
