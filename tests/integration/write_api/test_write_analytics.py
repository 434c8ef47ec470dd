"""Analytics: users see their own, administrators counts without persons."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.integration.write_api.offices import Client

Admins = Callable[[str], Client]
Sql = psycopg.Connection[psycopg.rows.DictRow]

_TODAY = datetime.now(UTC).date()


def _kind() -> str:
    """A type of events that no other test has."""
    return "kind_" + "".join(chr(ord("a") + int(digit, 16)) for digit in uuid4().hex)


async def test_events_are_shown_to_who_did_them_and_to_nobody_else(user: Client, stranger: Client) -> None:
    events = [{"event_type": "asset_viewed", "event_data": {"n": n}} for n in range(3)]
    assert await user.post("/analytics/events", {"events": events}) == {"events": 3}
    await user.post("/analytics/events", {"events": [{"event_type": "signed_up"}]})
    first = await user.get("/users/me/activity?limit=3")
    rest = await user.get(f"/users/me/activity?limit=3&cursor={first['next']}")
    assert len(first["data"]) == 3
    assert rest["next"] is None
    shown = first["data"] + rest["data"]
    assert shown[0]["event_type"] == "signed_up"
    assert sorted(each["event_data"]["n"] for each in shown[1:]) == [0, 1, 2]
    assert {each["session_id"] for each in shown} == {str(user.session_id)}
    only = await user.get("/users/me/activity?event_type=signed_up")
    assert [each["event_type"] for each in only["data"]] == ["signed_up"]
    assert (await stranger.get("/users/me/activity"))["data"] == []


async def test_what_is_counted_names_nobody(user: Client, stranger: Client, sql: Sql) -> None:
    kind, asset = _kind(), str(uuid4())
    data = {"asset_id": asset, "email": "canary@example.com", "note": "canary"}
    await user.post("/analytics/events", {"events": [{"event_type": kind, "event_data": data}]})
    await user.post("/analytics/events", {"events": [{"event_type": kind, "event_data": {"asset_id": 7}}]})
    await stranger.post("/analytics/events", {"events": [{"event_type": kind}]})
    rows = sql.execute(
        "SELECT visitor, event_data, session_id, extract(second FROM time) AS second FROM analytics_events"
        " WHERE event_type = %s ORDER BY event_data ? 'asset_id' DESC",
        (kind,),
    ).fetchall()
    assert [row["event_data"] for row in rows] == [{"asset_id": asset}, {}, {}]
    assert len({row["visitor"] for row in rows}) == 2
    assert {(row["session_id"], int(row["second"])) for row in rows} == {(None, 0)}


async def test_a_batch_is_taken_whole_or_not_at_all(user: Client) -> None:
    bad = [
        {"event_type": "fine"},
        {"event_type": "Not fine"},
        {"event_type": "large", "event_data": {"text": "x" * 2_048}},
        {"event_type": "nul", "event_data": {"text": "\0"}},
    ]
    refusal = await user.refused("POST", "/analytics/events", 422, {"events": bad})
    assert [fault["field"] for fault in refusal["fields"]] == [
        "events[1].event_type",
        "events[2].event_data",
        "events[3].event_data",
    ]
    wrong: list[Any] = [[], [{"event_type": "many"}] * 51, [{"event_data": {}}], [7], "x"]
    for events in wrong:
        await user.refused("POST", "/analytics/events", 422, {"events": events})
    assert (await user.get("/users/me/activity"))["data"] == []
    most = [{"event_type": "large", "event_data": {"text": "x" * 2_037}}] * 30
    assert (await user.post("/analytics/events", {"events": most}))["events"] == 30
    most = [{"event_type": "many"}] * 50
    assert (await user.post("/analytics/events", {"events": most}))["events"] == 50


async def test_events_are_counted_by_type_and_hour_or_day(
    user: Client, stranger: Client, admins: Admins, sql: Sql
) -> None:
    kind = _kind()
    await user.post("/analytics/events", {"events": [{"event_type": kind}] * 3})
    await stranger.post("/analytics/events", {"events": [{"event_type": kind}]})
    sql.execute(
        "INSERT INTO analytics_events (time, event_type, visitor) VALUES (%s, %s, %s), (%s, %s, %s)",
        (
            datetime(2020, 2, 1, 10, 59, tzinfo=UTC), kind, b"v" * 16,
            datetime(2020, 2, 1, 11, 0, tzinfo=UTC), kind, b"v" * 16,
        ),
    )  # fmt: skip
    viewer = admins("viewer")
    today = await viewer.get(f"/analytics/events?event_type={kind}&first_day={_TODAY}")
    assert [(each["event_type"], each["events"]) for each in today["data"]] == [(kind, 4)]
    past = f"/analytics/events?first_day=2020-02-01&last_day=2020-02-01&event_type={kind}"
    assert [each["events"] for each in (await viewer.get(past))["data"]] == [2]
    by_hour = (await viewer.get(f"{past}&by=hour"))["data"]
    assert [(each["begins_at"], each["events"]) for each in by_hour] == [
        ("2020-02-01T10:00:00Z", 1),
        ("2020-02-01T11:00:00Z", 1),
    ]
    visitors = await viewer.get("/analytics/visitors?first_day=2020-01-31&last_day=2020-02-01")
    assert visitors == {
        "first_day": "2020-01-31",
        "last_day": "2020-02-01",
        "data": [{"day": "2020-02-01", "visitors": 1, "events": 2}],
    }


async def test_growth_is_counted_by_day_and_tier(user: Client, admins: Admins, sql: Sql) -> None:
    sql.execute("UPDATE users SET created_at = '2019-05-05T23:59:59Z' WHERE id = %s", (user.id,))
    viewer = admins("viewer")
    growth = await viewer.get("/analytics/users?first_day=2019-05-05&last_day=2019-05-06")
    assert growth["data"] == [{"day": "2019-05-05", "tier": 0, "joined": 1}]
    assert (await viewer.get("/analytics/users?first_day=2019-05-06&last_day=2019-05-06"))["data"] == []


async def test_assets_are_listed_by_what_was_invested(admins: Admins, sql: Sql) -> None:
    category = _kind()
    viewer = admins("viewer")
    for number, amount in ((1, "5"), (2, "0.5"), (3, "5"), (4, "7.000000000000000001")):
        row = sql.execute(
            "INSERT INTO assets (type, title, category, status) VALUES ('interest', %s, %s, 'active') RETURNING id",
            (f"Asset {number}", category),
        ).fetchone()
        assert row is not None
        sql.execute("UPDATE asset_metrics SET total_invested = %s WHERE asset_id = %s", (amount, row["id"]))
    assert (await viewer.get(f"/analytics/assets?category={category}"))["data"] == []
    sql.execute("SELECT refresh_summaries()")
    amounts, cursor = [], ""
    while True:
        page = await viewer.get(f"/analytics/assets?category={category}&limit=1{cursor}")
        amounts += [each["total_invested"] for each in page["data"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert amounts == ["7.000000000000000001", "5", "5", "0.5"]


@pytest.mark.parametrize(
    "query",
    [
        "first_day=2020-02-02&last_day=2020-02-01",
        "first_day=2020-01-01&last_day=2020-04-02",
        "first_day=2999-01-01",
        "first_day=yesterday",
        "last_day=9999-12-31",
        "first_day=0001-01-01&last_day=0001-01-05&unknown=1",
        "by=hour&first_day=2020-01-01&last_day=2020-01-08",
        "by=minute",
        "event_type=DROP",
    ],
)
async def test_a_range_that_is_none_is_refused(admins: Admins, query: str) -> None:
    refusal = await admins("viewer").refused("GET", f"/analytics/events?{query}", 400)
    assert refusal["field"] in {"first_day", "last_day", "by", "event_type", "unknown"}


@pytest.mark.parametrize(
    "days", ["first_day=0001-01-01&last_day=0001-01-05", "last_day=0001-01-01", "last_day=9999-12-30"]
)
async def test_the_ends_of_time_are_days_too(admins: Admins, days: str) -> None:
    viewer = admins("viewer")
    for path in ("events", "visitors", "users"):
        assert (await viewer.get(f"/analytics/{path}?{days}"))["data"] == []


@pytest.mark.parametrize("path", ["events", "visitors", "assets", "users"])
async def test_counts_are_for_those_who_may(
    path: str, user: Client, anyone: Client, admins: Admins, sql: Sql
) -> None:
    await anyone.refused("GET", f"/analytics/{path}", 401)
    await user.refused("GET", f"/analytics/{path}", 403)
    refusal = await admins("kyc_verifier").refused("GET", f"/analytics/{path}", 403)
    assert refusal["rule"] == "analytics.read"
    await admins("viewer").refused("POST", "/analytics/events", 403, {"events": [{"event_type": "x"}]})


async def test_growth_counts_nothing_for_who_may_not_even_in_sql(user: Client, sql: Sql) -> None:
    with sql.transaction():
        sql.execute("SET LOCAL ROLE pend_writer")
        sql.execute("SELECT account.enter('user', %s, NULL, NULL, NULL)", (user.id,))
        found = sql.execute("SELECT * FROM account.user_growth('2000-01-01', '2100-01-01')").fetchall()
    assert found == []
