"""What an asset may say of itself, and the terms that are taken."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.integration.write_api.offers import CONTACT, TERMS, contract, described, drafted, offered
from tests.integration.write_api.offices import Client

Admins = Callable[[str], Client]
Sql = psycopg.Connection[psycopg.rows.DictRow]


@pytest.fixture
def manager(admins: Admins) -> Client:
    return admins("asset_manager")


@pytest.fixture
def approver(admins: Admins) -> Client:
    return admins("super_admin")


def _fields(refusal: Any) -> set[str]:
    return {fault["field"] for fault in refusal["fields"]}


@pytest.mark.parametrize(
    "wrong", ["1e78", "1" + "0" * 78, "-1", "0.1234567890123456789", "1e3", "0", "1,5", "NaN"]
)
async def test_wrong_amounts_are_named(manager: Client, wrong: str) -> None:
    draft = await drafted(manager)
    terms = dict.fromkeys(("token_price", "max_supply", "minimum_investment"), wrong)
    refusal = await described(manager, draft, terms, 422)
    assert _fields(refusal) == set(terms)


async def test_other_wrong_terms_are_all_named(manager: Client) -> None:
    investment, idea = await drafted(manager), await drafted(manager, type="interest")
    wrong = {
        "currency": "usd",
        "token_symbol": "A B",
        "token_decimals": 19,
        "lockup_period": -1,
        "min_tier_required": 6,
        "expected_roi": "1000",
        "token_price": "99999999999999999999",
        "max_supply": "1000",
        "jurisdiction": "Egypt\u202e",
        "agreement_hash": "0x12",
        "agreement_url": "http://pend.example/a.pdf",
        "legal_documents": [{"title": "", "url": "javascript:alert(1)"}],
    }
    refusal = await described(manager, investment, wrong, 422)
    expected = wrong.keys() - {"legal_documents", "token_price"} | {
        "legal_documents[0].title",
        "legal_documents[0].url",
    }
    assert _fields(refusal) == expected
    for terms, field in (
        (CONTACT | {"contact_value": "not an address"}, "contact_value"),
        (CONTACT | {"contact_format": "whatsapp"}, "contact_value"),
        ({"contact_format": "email"}, "contact_value"),
        ({"contact_value": "desk@pend.example"}, "contact_format"),
        ({"deadline": "2020-01-01T00:00:00Z"}, "deadline"),
        ({"deadline": "2030-01-01T00:00:00"}, "deadline"),
        ({"deadline": "9999-12-31T23:59:59-12:00"}, "deadline"),
        (TERMS, "token_price"),
        ({"minimum_investment": "5"}, "minimum_investment"),
        ({"colour": "blue"}, "colour"),
    ):
        assert field in _fields(await described(manager, idea, terms, 422))
    refusal = await described(manager, investment, CONTACT | {"soft_cap": "5"}, 422)
    assert _fields(refusal) == {"soft_cap", *CONTACT}
    assert (await manager.get(f"/assets/{idea['id']}"))["details"] is None


async def test_wrong_drafts_are_refused(manager: Client) -> None:
    for body, fields in (
        ({}, {"type", "title"}),
        ({"type": "loan", "title": " "}, {"type"}),
        ({"type": "investment", "title": " ", "image_url": "ftp://x/y"}, {"title", "image_url"}),
        ({"type": "investment", "title": "x" * 256}, {"title"}),
        ({"type": "investment", "title": "x", "contract_address": "0x" + "0" * 40}, {"contract_address"}),
        ({"type": "interest", "title": "x", "contract_address": contract()}, {"contract_address"}),
        ({"type": "interest", "title": "x", "metadata": {"a": "\0"}}, {"metadata"}),
        ({"type": "interest", "title": "x", "metadata": {"a": "x" * 9_000}}, {"metadata"}),
        ({"type": "interest", "title": "x", "status": "active"}, {"status"}),
    ):
        assert _fields(await manager.refused("POST", "/admin/assets", 422, body)) == fields


async def test_terms_come_back_as_they_were_sent(manager: Client) -> None:
    draft = await drafted(manager)
    terms = {
        "currency": "USDC",
        "token_symbol": "CAI",
        "token_price": "0.000000000000000001",
        "token_decimals": 6,
        "max_supply": "999999999999999999",
        "expected_roi": "7.25",
        "lockup_period": 365,
        "minimum_investment": "250.5",
        "deadline": "2099-05-06T07:08:09Z",
        "jurisdiction": "Egypt",
        "spv_name": "Cairo Tower SPV",
        "custody_type": "self",
        "min_tier_required": 3,
        "legal_documents": [
            {"title": "Prospectus", "url": "https://pend.example/p.pdf", "sha256": "0x" + "ab" * 32}
        ],
        "agreement_url": "https://pend.example/a.pdf",
        "agreement_hash": "0x" + "cd" * 32,
    }
    nothing = {"soft_cap": None, "contact_format": None, "contact_value": None}
    asset = await described(manager, draft, terms)
    assert asset["details"] == terms | nothing
    assert asset["metrics"]["cap"] == "0.999999999999999999"
    assert (await described(manager, asset, {}))["metrics"]["cap"] is None


async def test_a_cap_below_what_is_invested_is_refused(manager: Client, approver: Client, sql: Sql) -> None:
    asset = await offered(manager, approver)
    sql.execute(
        "UPDATE asset_metrics SET total_invested = 100, total_reserved = 25 WHERE asset_id = %s",
        (asset["id"],),
    )
    refusal = await described(manager, asset, {"token_price": "124.99", "max_supply": "1"}, 409)
    assert refusal["rule"] == "asset_metrics_within_cap"
    lowered = await described(manager, asset, {"token_price": "125", "max_supply": "1"})
    assert (lowered["metrics"]["cap"], lowered["metrics"]["total_invested"]) == ("125", "100")


async def test_performance_is_told_as_it_was_given(manager: Client) -> None:
    draft = await drafted(manager)
    path = f"/admin/assets/{draft['id']}/metrics"
    told = {"occupancy": "0.93", "years": [{"year": 2025, "yield": "7.10"}], "units": 2**70}
    reply = await manager.ask("PATCH", path, {"performance_data": told})
    assert (reply.status, reply.json["metrics"]["performance_data"]) == (200, told)
    deep: Any = {}
    for _ in range(40):
        deep = {"a": deep}
    wrong: Any
    for wrong in (deep, {"a": "x" * 40_000}, [], None):
        refusal = await manager.refused("PATCH", path, 422, {"performance_data": wrong})
        assert _fields(refusal) == {"performance_data"}
