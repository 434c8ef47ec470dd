"""Withdrawing: what is confirmed and not locked, and never more than is there."""

import asyncio
from typing import Any
from uuid import uuid4

import aiohttp
import psycopg
import pytest

from tests.integration.write_api.ledger import Offer, clients, offer, settled, totals
from tests.integration.write_api.offices import Client, Writing

Sql = psycopg.Connection[psycopg.rows.DictRow]


@pytest.fixture
def rich(sql: Sql, writing: Writing, http: aiohttp.ClientSession) -> Client:
    return clients(sql, writing, http, 1)[0]


async def held(sql: Sql, who: Client, what: Offer, amount: str = "100") -> Any:
    """A confirmed investment."""
    body = {"asset_id": str(what.id), "amount": amount, "currency": "PEND"}
    made = await who.post("/investments", body, Idempotency_Key=str(uuid4()))
    settled(sql, made["transaction_id"])
    return made


async def no(who: Client, investment: Any, status: int, rule: str, amount: str = "1") -> None:
    refusal = await who.refused(
        "POST",
        f"/investments/{investment['id']}/withdrawals",
        status,
        {"amount": amount},
        Idempotency_Key=str(uuid4()),
    )
    assert refusal["rule"] == rule, refusal


async def withdrawn(who: Client, investment: Any, amount: str) -> Any:
    return await who.post(
        f"/investments/{investment['id']}/withdrawals", {"amount": amount}, Idempotency_Key=str(uuid4())
    )


async def test_a_withdrawal_waits_and_then_goes_from_the_totals(rich: Client, sql: Sql) -> None:
    what = offer(sql)
    investment = await held(sql, rich, what)
    out = await withdrawn(rich, investment, "40")
    assert (out["kind"], out["status"], out["investment_id"]) == ("withdrawal", "pending", investment["id"])
    shown = await rich.get(f"/investments/{investment['id']}")
    assert (shown["withdrawing"], shown["withdrawn"], shown["status"]) == ("40", "0", "confirmed")
    assert totals(sql, what) == (100, 0, 1)
    settled(sql, out["id"])
    assert totals(sql, what) == (60, 0, 1)
    settled(sql, (await withdrawn(rich, investment, "60"))["id"])
    assert (await rich.get(f"/investments/{investment['id']}"))["status"] == "refunded"
    assert totals(sql, what) == (0, 0, 0)


async def test_one_that_failed_can_be_asked_for_again(rich: Client, sql: Sql) -> None:
    investment = await held(sql, rich, offer(sql))
    settled(sql, (await withdrawn(rich, investment, "100"))["id"], "reverted")
    assert (await withdrawn(rich, investment, "100"))["status"] == "pending"


async def test_what_may_not_be_withdrawn(rich: Client, sql: Sql) -> None:
    what = offer(sql)
    body = {"asset_id": str(what.id), "amount": "1", "currency": "PEND"}
    pending = await rich.post("/investments", body, Idempotency_Key=str(uuid4()))
    await no(rich, pending, 409, "transactions_confirmed")
    await no(rich, await held(sql, rich, offer(sql, lockup_period=3)), 409, "transactions_lockup")
    confirmed = await held(sql, rich, what)
    await no(rich, confirmed, 422, "investments_decimals", "1.0000001")
    await no(rich, confirmed, 409, "investments_not_overdrawn", "100.000001")
    wrong = await rich.refused(
        "POST", f"/investments/{confirmed['id']}/withdrawals", 422, {"amount": "-1"}, Idempotency_Key="x"
    )
    assert [fault["field"] for fault in wrong["fields"]] == ["amount"]
    await rich.refused("POST", f"/investments/{confirmed['id']}/withdrawals", 400, {"amount": "1"})


async def test_many_at_once_never_overdraw(rich: Client, sql: Sql) -> None:
    investment = await held(sql, rich, offer(sql))
    path = f"/investments/{investment['id']}/withdrawals"
    replies = await asyncio.gather(
        *(rich.ask("POST", path, {"amount": "7"}, Idempotency_Key=str(uuid4())) for _ in range(30))
    )
    statuses = [reply.status for reply in replies]
    assert (statuses.count(201), statuses.count(409)) == (14, 16)
    assert (await rich.get(f"/investments/{investment['id']}"))["withdrawing"] == "98"


async def test_a_cancelled_withdrawal_is_free_again(rich: Client, sql: Sql) -> None:
    investment = await held(sql, rich, offer(sql))
    out = await withdrawn(rich, investment, "100")
    await rich.post(f"/transactions/{out['id']}/cancel", status=200)
    shown = await rich.get(f"/investments/{investment['id']}")
    assert (shown["withdrawing"], shown["status"]) == ("0", "confirmed")
