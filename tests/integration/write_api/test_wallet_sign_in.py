"""Sign-in with a wallet: once for each nonce, for this domain and chain, and locked after failures."""

import psycopg
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount

from tests.integration.write_api.offices import Client, signed_in

Sql = psycopg.Connection[psycopg.rows.DictRow]


def _signature(account: LocalAccount, message: str) -> str:
    signed: bytes = account.sign_message(encode_defunct(text=message)).signature
    return f"0x{bytes(signed).hex()}"


async def test_a_nonce_signs_in_once(anyone: Client) -> None:
    account = Account.create()
    message = (await anyone.post("/auth/wallet/nonce", {"address": account.address}))["message"]
    body = {"message": message, "signature": _signature(account, message)}
    assert (await anyone.post("/auth/wallet/sign-in", body))["token_type"] == "Bearer"
    refusal = await anyone.refused("POST", "/auth/wallet/sign-in", 401, body)
    assert refusal["type"] == "/problems/sign-in-failed"


async def test_the_same_wallet_is_the_same_user(user: Client) -> None:
    again = await signed_in(user.session, user.account)
    assert again.id == user.id
    assert (await again.get("/users/me"))["login_count"] == 2


async def test_another_wallets_signature_is_refused_counted_and_noted(anyone: Client, sql: Sql) -> None:
    account, thief = Account.create(), Account.create()
    answers = []
    for _ in range(5):
        message = (await anyone.post("/auth/wallet/nonce", {"address": account.address}))["message"]
        body = {"message": message, "signature": _signature(thief, message)}
        answers.append(await anyone.refused("POST", "/auth/wallet/sign-in", 401, body))
    assert {answer["detail"] for answer in answers} == {answers[0]["detail"]}
    message = (await anyone.post("/auth/wallet/nonce", {"address": account.address}))["message"]
    locked = await anyone.refused(
        "POST", "/auth/wallet/sign-in", 429, {"message": message, "signature": _signature(account, message)}
    )
    assert 0 < locked["retry_after_s"] <= 60
    events = sql.execute(
        "SELECT severity, automatic_action_taken FROM security_events WHERE request_id = ANY (%s) ORDER BY timestamp",
        ([answer["request_id"] for answer in answers],),
    ).fetchall()
    assert [event["severity"] for event in events] == ["low"] * 4 + ["medium"]
    assert events[-1]["automatic_action_taken"] == "locked"


async def test_an_address_with_a_wrong_checksum_is_refused(anyone: Client) -> None:
    address = Account.create().address
    wrong = address[:2] + address[2:].swapcase()
    refusal = await anyone.refused("POST", "/auth/wallet/nonce", 422, {"address": wrong})
    assert refusal["fields"][0]["field"] == "address"
