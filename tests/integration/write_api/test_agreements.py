"""Agreements: the text names the document, the wallet signs it, and only then is invested."""

from uuid import uuid4

import psycopg
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount

from tests.integration.write_api.ledger import Offer, offer
from tests.integration.write_api.offices import Client, Writing, verified

Sql = psycopg.Connection[psycopg.rows.DictRow]
HASH = bytes(range(32))
URL = "https://pend.example/agreement.pdf"


def agreed(sql: Sql) -> Offer:
    return offer(sql, agreement_hash=HASH, agreement_url=URL)


def signature(account: LocalAccount | None, text: str) -> dict[str, str]:
    assert account is not None
    signed = account.sign_message(encode_defunct(text=text)).signature
    return {"signature": "0x" + signed.hex().removeprefix("0x")}


async def test_the_text_names_asset_and_document(user: Client, sql: Sql) -> None:
    what = agreed(sql)
    shown = await user.get(f"/assets/{what.id}/agreement")
    assert (shown["agreement_hash"], shown["agreement_url"], shown["is_signed"]) == (
        "0x" + HASH.hex(),
        URL,
        False,
    )
    for named in (str(what.id), "0x" + HASH.hex(), URL, "localhost:8090"):
        assert named in shown["text"]


async def test_signed_once_or_twice_is_the_same_and_opens_the_investment(
    user: Client, sql: Sql, writing: Writing
) -> None:
    verified(writing.dsn, user.id)
    what = agreed(sql)
    order = {"asset_id": str(what.id), "amount": "1", "currency": "PEND"}
    refusal = await user.refused("POST", "/investments", 409, order, Idempotency_Key=str(uuid4()))
    assert refusal["rule"] == "investments_agreement"
    path = f"/assets/{what.id}/agreement"
    text = (await user.get(path))["text"]
    first = await user.post(path, signature(user.account, text))
    assert await user.post(path, signature(user.account, text)) == first
    assert (first["signed_text"], first["agreement_hash"]) == (text, "0x" + HASH.hex())
    assert (await user.get(path))["is_signed"] is True
    assert [each["id"] for each in (await user.get("/agreements"))["data"]] == [first["id"]]
    assert (await user.post("/investments", order, Idempotency_Key=str(uuid4())))["status"] == "pending"


async def test_another_wallet_another_text_and_nonsense_are_refused(user: Client, sql: Sql) -> None:
    what, other = agreed(sql), agreed(sql)
    path = f"/assets/{what.id}/agreement"
    text = (await user.get(path))["text"]
    others = (await user.get(f"/assets/{other.id}/agreement"))["text"]
    for body in (
        signature(Account.create(), text),
        signature(user.account, others),
        {"signature": "0x"},
        {"signature": "0x" + "00" * 65},
        {"signature": "signed"},
    ):
        refusal = await user.refused("POST", path, 422, body)
        assert [fault["field"] for fault in refusal["fields"]] == ["signature"]
    assert (await user.get("/agreements"))["data"] == []


async def test_a_new_document_is_signed_anew(user: Client, stranger: Client, sql: Sql) -> None:
    what = agreed(sql)
    path = f"/assets/{what.id}/agreement"
    old = signature(user.account, (await user.get(path))["text"])
    await user.post(path, old)
    sql.execute("UPDATE asset_details SET agreement_hash = %s WHERE asset_id = %s", (bytes(32), what.id))
    assert (await user.get(path))["is_signed"] is False
    await user.refused("POST", path, 422, old)
    assert (await stranger.get("/agreements"))["data"] == []


async def test_without_an_agreement_there_is_nothing_to_sign(user: Client, sql: Sql) -> None:
    await user.refused("GET", f"/assets/{offer(sql).id}/agreement", 404)
    draft = offer(sql, status="draft", agreement_hash=HASH)
    await user.refused("GET", f"/assets/{draft.id}/agreement", 404)
