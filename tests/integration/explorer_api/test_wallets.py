"""/api/v1/wallets, against the rows that it tells of."""

from typing import Any

import aiohttp
import psycopg

from explorer_api.answers.envelope import Listed, One
from explorer_api.answers.wallets import Wallet
from tests.integration.explorer_api.explorers import Explored, get, problem, walk

Sql = psycopg.Connection[dict[str, Any]]


def _stored(sql: Sql) -> dict[str, dict[str, Any]]:
    rows = sql.execute(
        "SELECT a.*, f.timestamp AS first_seen, l.timestamp AS last_seen, n.balance"
        " FROM addresses a LEFT JOIN blocks f ON f.number = a.first_block"
        " LEFT JOIN blocks l ON l.number = a.last_block LEFT JOIN native_balances n USING (address)"
        " WHERE a.contract_block IS NULL"
    ).fetchall()
    return {"0x" + row["address"].hex(): row for row in rows}


async def test_wallets_are_every_address_that_is_no_contract(api: aiohttp.ClientSession, sql: Sql) -> None:
    stored = _stored(sql)
    oldest = sorted(stored, key=lambda address: (stored[address]["first_block"], address))
    listed = await walk(api, "/api/v1/wallets", Listed[Wallet], limit=7)
    assert [wallet.address for wallet in listed] == oldest[::-1]
    upwards = await walk(api, "/api/v1/wallets?order=oldest", Listed[Wallet], limit=9)
    assert upwards == listed[::-1]
    for wallet in listed:
        row = stored[wallet.address]
        assert (wallet.first_block, wallet.first_seen) == (row["first_block"], row["first_seen"])
        assert (wallet.last_block, wallet.last_seen) == (row["last_block"], row["last_seen"])
        counted = (wallet.transaction_count, wallet.sent_count, wallet.received_count)
        assert counted == (row["transaction_count"], row["sent_count"], row["received_count"])
        assert wallet.token_transfer_count == row["token_transfer_count"]
        assert (wallet.native.balance if wallet.native else None) == (
            None if row["balance"] is None else str(row["balance"])
        )
        assert wallet.tier is None
    assert any(wallet.native for wallet in listed)


async def test_wallet_is_the_one_of_the_list(api: aiohttp.ClientSession, explored: Explored) -> None:
    page = await get(api, "/api/v1/wallets?limit=1", Listed[Wallet])
    one = await get(api, f"/api/v1/wallets/{page.data[0].address}", One[Wallet])
    assert one.data == page.data[0]
    assert one.meta.complete is not None
    assert (one.meta.complete.from_block, one.meta.complete.to_block) == (0, explored.head)


async def test_wallet_that_is_none_is_refused(api: aiohttp.ClientSession, sql: Sql) -> None:
    row = sql.execute("SELECT address FROM addresses WHERE contract_block IS NOT NULL LIMIT 1").fetchone()
    assert row is not None
    details = await problem(api, f"/api/v1/wallets/0x{row['address'].hex()}", 404)
    assert "/api/v1/contracts/0x" in details["detail"]
    await problem(api, f"/api/v1/wallets/0x{'12' * 20}", 404)
    details = await problem(api, "/api/v1/wallets/0x12", 400)
    assert details["field"] == "address"
    details = await problem(api, "/api/v1/wallets?order=richest", 400)
    assert details["field"] == "order"
