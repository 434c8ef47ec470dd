"""/api/v1/tokens/{address}/transfers and …/items, against the rows that they tell of."""

from itertools import groupby
from typing import Any

import aiohttp
import psycopg

from explorer_api.answers.envelope import Listed, One
from explorer_api.answers.token_transfers import TokenTransfer
from explorer_api.answers.tokens import ItemOwner, TokenItem
from tests.integration.explorer_api.explorers import get, problem, walk

Sql = psycopg.Connection[dict[str, Any]]


def _token(sql: Sql, symbol: str) -> bytes:
    row = sql.execute("SELECT token FROM token_metadata WHERE symbol = %s", (symbol,)).fetchone()
    assert row is not None
    return bytes(row["token"])


def _transfers(sql: Sql, token: bytes, token_id: int | None = None) -> list[dict[str, Any]]:
    return sql.execute(
        "SELECT h.*, x.hash, x.timestamp FROM token_transfers h"
        " JOIN transactions x USING (block_number, transaction_index)"
        " WHERE token = %(token)s AND (%(id)s::numeric IS NULL OR token_id = %(id)s)"
        " ORDER BY block_number DESC, log_index DESC, batch_index DESC",
        {"token": token, "id": token_id},
    ).fetchall()


def _shown(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [
        (
            row["block_number"],
            row["log_index"],
            row["batch_index"],
            "0x" + row["hash"].hex(),
            row["timestamp"],
            f"ERC-{row['standard']}",
            "0x" + row["from_address"].hex(),
            "0x" + row["to_address"].hex(),
            None if row["token_id"] is None else str(row["token_id"]),
            str(row["amount"]),
        )
        for row in rows
    ]


def _told(transfers: list[TokenTransfer]) -> list[tuple[Any, ...]]:
    return [
        (
            each.block_number,
            each.log_index,
            each.batch_index,
            each.transaction_hash,
            each.timestamp,
            each.standard,
            each.from_address,
            each.to_address,
            each.token_id,
            each.amount,
        )
        for each in transfers
    ]


async def test_transfers_of_a_token_are_all_of_them_newest_first(
    api: aiohttp.ClientSession, sql: Sql
) -> None:
    for symbol, limit in (("PUSD", 50), ("PAST", 3), ("PCERT", 7)):
        token = _token(sql, symbol)
        listed = await walk(
            api, f"/api/v1/tokens/0x{token.hex()}/transfers", Listed[TokenTransfer], limit=limit
        )
        rows = _transfers(sql, token)
        assert _told(listed) == _shown(rows)
        assert listed
        assert {each.token.symbol for each in listed} == {symbol}
        assert all(each.final for each in listed)
    assert any(row["batch_index"] for row in _transfers(sql, _token(sql, "PAST")))


async def test_transfers_of_an_item_are_those_of_its_id(api: aiohttp.ClientSession, sql: Sql) -> None:
    token = _token(sql, "PAST")
    path = f"/api/v1/tokens/0x{token.hex()}"
    listed = await walk(api, f"{path}/transfers?token_id=3", Listed[TokenTransfer], limit=5)
    assert _told(listed) == _shown(_transfers(sql, token, 3))
    assert listed
    again = await get(api, f"{path}/items/3/transfers?limit=1000", Listed[TokenTransfer])
    assert again.data == listed
    nothing = await get(api, f"{path}/transfers?token_id={2**256 - 1}", Listed[TokenTransfer])
    assert nothing.data == []
    assert nothing.page.next is None


async def test_items_are_every_one_that_somebody_holds(api: aiohttp.ClientSession, sql: Sql) -> None:
    for symbol, standard in (("PCERT", "ERC-721"), ("PAST", "ERC-1155")):
        token = _token(sql, symbol)
        rows = sql.execute(
            "SELECT * FROM token_balances WHERE token = %s AND balance > 0 ORDER BY token_id, holder",
            (token,),
        ).fetchall()
        path = f"/api/v1/tokens/0x{token.hex()}/items"
        items = await walk(api, path, Listed[TokenItem], limit=3)
        expected = [(int(item), list(held)) for item, held in groupby(rows, lambda row: row["token_id"])]
        assert [int(item.token_id) for item in items] == [token_id for token_id, _ in expected]
        for item, (token_id, held) in zip(items, expected, strict=True):
            owners = [("0x" + row["holder"].hex(), str(row["balance"])) for row in held]
            assert item.standard == standard
            assert [(each.holder, each.balance) for each in item.owners] == owners[:5]
            assert item.more_owners == (len(owners) > 5)
            one = await get(api, f"{path}/{token_id}", One[TokenItem])
            assert [(each.holder, each.balance) for each in one.data.owners] == owners
            assert not one.data.more_owners
            all_of_them = await walk(api, f"{path}/{token_id}/owners", Listed[ItemOwner], limit=2)
            assert all_of_them == one.data.owners


async def test_item_that_nobody_holds_and_token_without_items_are_refused(
    api: aiohttp.ClientSession, sql: Sql
) -> None:
    details = await problem(api, f"/api/v1/tokens/0x{_token(sql, 'PCERT').hex()}/items/999999", 404)
    assert "/items/999999/transfers" in details["detail"]
    await problem(api, f"/api/v1/tokens/0x{_token(sql, 'PUSD').hex()}/items", 404)
