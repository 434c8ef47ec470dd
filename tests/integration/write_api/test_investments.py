"""Investing over HTTP: who may, how much, once for each key, and never a unit more than there is."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import aiohttp
import psycopg
import pytest

from tests.integration.write_api.ledger import Offer, clients, offer, one, settled, totals
from tests.integration.write_api.offices import Client, Writing, verified

Sql = psycopg.Connection[psycopg.rows.DictRow]
Admins = Callable[[str], Client]


def order(what: Offer, amount: object = "100", currency: str = "PEND") -> dict[str, object]:
    return {"asset_id": str(what.id), "amount": amount, "currency": currency}


def key() -> str:
    return str(uuid4())


async def invested(who: Client, what: Offer, amount: str = "100") -> Any:
    return await who.post("/investments", order(what, amount), Idempotency_Key=key())


async def no(who: Client, what: Offer, status: int, rule: str, **given: Any) -> None:
    refusal = await who.refused("POST", "/investments", status, order(what, **given), Idempotency_Key=key())
    assert refusal["rule"] == rule, refusal


@pytest.fixture
def rich(sql: Sql, writing: Writing, http: aiohttp.ClientSession) -> Client:
    """A verified investor without a limit."""
    return clients(sql, writing, http, 1)[0]


async def test_an_investment_begins_pending_with_its_movement(rich: Client, sql: Sql) -> None:
    what = offer(sql, lockup_period=10)
    reply = await rich.ask("POST", "/investments", order(what, "12.5"), Idempotency_Key=key())
    assert reply.status == 201, reply.body
    made = reply.json
    assert reply.headers["location"] == f"/api/v1/investments/{made['id']}"
    assert (made["status"], made["amount"], made["chain_amount"]) == ("pending", "12.5", "12500000")
    assert made["contract_address"].lower() == "0x" + what.pool.hex()
    assert (made["locked_until"], made["transaction_hash"]) == (None, None)
    assert totals(sql, what) == (0, Decimal("12.5"), 0)
    movement = await rich.get(f"/transactions/{made['transaction_id']}")
    assert (movement["kind"], movement["status"], movement["amount"]) == ("investment", "pending", "12.5")
    assert await rich.get(f"/investments/{made['id']}") == made


async def test_who_may_invest_in_what(rich: Client, user: Client, sql: Sql, writing: Writing) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    await no(user, offer(sql), 403, "investments_tier")
    verified(writing.dsn, user.id, tier=1)
    await no(user, offer(sql, min_tier_required=2), 403, "investments_tier")
    await no(user, offer(sql, max_supply=100_000), 403, "investments_tier_limit", amount="10000.1")
    await no(rich, offer(sql, status="paused"), 409, "investments_open")
    await no(rich, offer(sql, deadline=yesterday), 409, "investments_deadline")
    await no(rich, offer(sql), 422, "investments_currency", currency="EUR")
    await no(rich, offer(sql), 422, "investments_decimals", amount="1.0000001")
    await no(rich, offer(sql, minimum_investment=10), 422, "investments_minimum", amount="9.99")
    await no(rich, offer(sql, agreement_hash=bytes(32)), 409, "investments_agreement")
    await no(rich, offer(sql), 409, "asset_metrics_within_cap", amount="1000.000001")
    with sql.transaction():
        sql.execute("SET LOCAL session_replication_role = replica")
        sql.execute("UPDATE users SET kyc_verified_at = NULL WHERE id = %s", (rich.id,))
    await no(rich, offer(sql), 403, "investments_kyc")


async def test_a_draft_and_an_asset_that_is_not_there_are_the_same(rich: Client, sql: Sql) -> None:
    draft = offer(sql, status="draft")
    details = {
        (await rich.refused("POST", "/investments", 404, order(what), Idempotency_Key=key()))["detail"]
        for what in (draft, Offer(uuid4(), b""))
    }
    assert details == {"there is no such asset"}


@pytest.mark.parametrize(
    "amount",
    ["1" + "0" * 78, "-1", "0." + "0" * 18 + "1", "1e3", 12.5, "0", "", "ten", "1,000", "٣", "NaN", None],
)
async def test_an_amount_that_is_none_is_named(rich: Client, amount: object) -> None:
    body = {"asset_id": str(uuid4()), "amount": amount, "currency": "PEND"}
    refusal = await rich.refused("POST", "/investments", 422, body, Idempotency_Key=key())
    assert [fault["field"] for fault in refusal["fields"]] == ["amount"]


async def test_a_key_is_needed_and_gives_the_same_answer_again(rich: Client, sql: Sql) -> None:
    what, mine = offer(sql), key()
    await rich.refused("POST", "/investments", 400, order(what))
    first = await rich.post("/investments", order(what), Idempotency_Key=mine)
    again = await rich.ask("POST", "/investments", order(what), Idempotency_Key=mine)
    assert (again.status, again.json) == (201, first)
    refusal = await rich.refused("POST", "/investments", 422, order(what, "101"), Idempotency_Key=mine)
    assert refusal["type"] == "/problems/idempotency-key-reused"
    assert totals(sql, what) == (0, 100, 0)


async def test_a_refused_request_leaves_its_key_free(rich: Client, sql: Sql) -> None:
    what, mine = offer(sql, status="paused"), key()
    await rich.refused("POST", "/investments", 409, order(what), Idempotency_Key=mine)
    sql.execute("UPDATE assets SET status = 'active' WHERE id = %s", (what.id,))
    assert (await rich.post("/investments", order(what), Idempotency_Key=mine))["status"] == "pending"


async def test_twenty_at_once_with_one_key_make_one_investment(rich: Client, sql: Sql) -> None:
    what, mine = offer(sql), key()
    replies = await asyncio.gather(
        *(rich.post("/investments", order(what), Idempotency_Key=mine) for _ in range(20))
    )
    assert len({reply["id"] for reply in replies}) == 1
    assert totals(sql, what) == (0, 100, 0)


async def test_a_hundred_investors_in_the_last_units_take_exactly_what_there_is(
    sql: Sql, writing: Writing, http: aiohttp.ClientSession
) -> None:
    what = offer(sql, max_supply=25)
    crowd = clients(sql, writing, http, 100)
    replies = await asyncio.gather(
        *(who.ask("POST", "/investments", order(what, "2"), Idempotency_Key=key()) for who in crowd)
    )
    statuses = [reply.status for reply in replies]
    assert (statuses.count(201), statuses.count(409)) == (12, 88)
    assert {reply.json["rule"] for reply in replies if reply.status == 409} == {"asset_metrics_within_cap"}
    assert totals(sql, what) == (0, 24, 0)


async def test_one_investor_at_once_stays_within_the_tier(
    sql: Sql, writing: Writing, http: aiohttp.ClientSession
) -> None:
    (who,) = clients(sql, writing, http, 1, tier=1)
    offers = [offer(sql, max_supply=100_000) for _ in range(8)]
    replies = await asyncio.gather(
        *(who.ask("POST", "/investments", order(what, "3000"), Idempotency_Key=key()) for what in offers)
    )
    assert sorted(reply.status for reply in replies) == [201] * 3 + [403] * 5


async def test_a_cancelled_one_gives_its_place_back(rich: Client, stranger: Client, sql: Sql) -> None:
    what = offer(sql)
    made = await invested(rich, what, "1000")
    path = f"/transactions/{made['transaction_id']}"
    await stranger.refused("POST", f"{path}/cancel", 404, {})
    assert (await rich.post(f"{path}/cancel", status=200))["failure_reason"] == "cancelled"
    assert (await rich.get(f"/investments/{made['id']}"))["status"] == "failed"
    assert totals(sql, what) == (0, 0, 0)
    assert (await rich.refused("POST", f"{path}/cancel", 409, {}))["allowed_transitions"] == []
    trail = one(
        sql,
        "SELECT actor, user_id FROM admin_audit_logs WHERE resource_id = %s AND action = 'update'",
        made["transaction_id"],
    )
    assert (trail["actor"], trail["user_id"]) == ("user", rich.id)


async def test_a_hash_is_told_while_it_is_pending_and_then_the_chain_decides(
    rich: Client, stranger: Client, sql: Sql
) -> None:
    what = offer(sql)
    made, other = await invested(rich, what), await invested(rich, what)
    path, sent = f"/transactions/{made['transaction_id']}", {"transaction_hash": "0x" + "ab" * 32}
    await stranger.refused("POST", f"{path}/hash", 404, sent)
    wrong = await rich.refused("POST", f"{path}/hash", 422, {"transaction_hash": "0xab"})
    assert [fault["field"] for fault in wrong["fields"]] == ["transaction_hash"]
    assert (await rich.post(f"{path}/hash", sent, status=200))["transaction_hash"] == "0x" + "ab" * 32
    refusal = await rich.refused("POST", f"{path}/cancel", 409, {})
    assert (refusal["rule"], refusal["allowed_transitions"]) == ("transactions_sent", ["confirmed", "failed"])
    settled(sql, made["transaction_id"])
    refusal = await rich.refused("POST", f"{path}/hash", 409, sent)
    assert refusal["rule"] == "transactions_settled"
    taken = (await rich.get(path))["transaction_hash"]
    refusal = await rich.refused(
        "POST", f"/transactions/{other['transaction_id']}/hash", 409, {"transaction_hash": taken}
    )
    assert refusal["rule"] == "transactions_hash_taken"


async def test_what_is_anothers_is_not_there(rich: Client, stranger: Client, sql: Sql) -> None:
    made = await invested(rich, offer(sql))
    for path in (f"/investments/{made['id']}", f"/transactions/{made['transaction_id']}"):
        await stranger.refused("GET", path, 404)
    assert (await stranger.get("/investments"))["data"] == (await stranger.get("/transactions"))["data"] == []
    withdrawal = f"/investments/{made['id']}/withdrawals"
    await stranger.refused("POST", withdrawal, 404, {"amount": "1"}, Idempotency_Key=key())


async def test_lists_are_paged_and_filtered(rich: Client, admins: Admins, sql: Sql) -> None:
    first, second = offer(sql), offer(sql)
    made = [await invested(rich, what, "1") for what in (first, second, first)]
    settled(sql, made[1]["transaction_id"])
    newest_first = [each["id"] for each in reversed(made)]
    auditor = admins("auditor")
    for who, path in ((rich, "/investments?"), (auditor, f"/admin/investments?user={rich.id}&")):
        page = await who.get(f"{path}limit=2")
        rest = await who.get(f"{path}limit=2&cursor={page['next']}")
        assert [each["id"] for each in page["data"] + rest["data"]] == newest_first
        assert rest["next"] is None
        of_asset = await who.get(f"{path}asset={first.id}")
        assert [each["id"] for each in of_asset["data"]] == [newest_first[0], newest_first[2]]
        confirmed = await who.get(f"{path}status=confirmed")
        assert [each["id"] for each in confirmed["data"]] == [newest_first[1]]
    by_asset = await auditor.get(f"/admin/investments?asset={second.id}&status=confirmed")
    assert [each["user_id"] for each in by_asset["data"]] == [str(rich.id)]
    for filters in ("", "?status=pending"):
        shown = (await auditor.get(f"/admin/investments{filters}"))["data"]
        assert newest_first[0] in {each["id"] for each in shown}
    movements = await rich.get(f"/transactions?investment={made[0]['id']}&kind=investment&status=pending")
    assert [each["id"] for each in movements["data"]] == [made[0]["transaction_id"]]
    await admins("viewer").refused("GET", "/admin/investments", 403)
    await rich.refused("GET", "/admin/investments", 403)


async def test_the_portfolio_is_live_beside_its_summary(rich: Client, sql: Sql) -> None:
    what = offer(sql)
    assert (await rich.get("/users/me/portfolio"))["positions"] == []
    made, _ = await invested(rich, what, "30"), await invested(rich, what, "5")
    settled(sql, made["transaction_id"])
    sql.execute("SELECT refresh_summaries()")
    portfolio = await rich.get("/users/me/portfolio")
    (position,) = portfolio["positions"]
    assert (position["asset_id"], position["invested"], position["pending"]) == (str(what.id), "30", "5")
    assert (portfolio["summary"]["total_invested"], portfolio["summary"]["total_assets"]) == ("30", 1)
