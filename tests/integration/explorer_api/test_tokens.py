"""/api/v1/tokens, against the rows that it tells of."""

from typing import Any

import aiohttp
import psycopg
import pytest

from explorer_api.answers.envelope import Listed, One
from explorer_api.answers.tokens import Holder, Token, TokenSummary
from explorer_api.cursors import Cursor, encode
from tests.integration.explorer_api.explorers import Explored, get, problem, walk

Sql = psycopg.Connection[dict[str, Any]]


def _tokens(sql: Sql) -> list[dict[str, Any]]:
    return sql.execute(
        "SELECT k.*, m.symbol FROM tokens k LEFT JOIN token_metadata m USING (token)"
    ).fetchall()


def _token(sql: Sql, symbol: str) -> str:
    row = sql.execute("SELECT token FROM token_metadata WHERE symbol = %s", (symbol,)).fetchone()
    assert row is not None
    return f"0x{row['token'].hex()}"


@pytest.mark.parametrize(
    ("order", "column"),
    [("holders", "holder_count"), ("transfers", "transfer_count"), ("newest", "first_block")],
)
async def test_tokens_are_all_by_the_figure_asked_for(
    api: aiohttp.ClientSession, sql: Sql, order: str, column: str
) -> None:
    rows = sorted(_tokens(sql), key=lambda row: (row[column], row["token"], row["standard"]), reverse=True)
    listed = await walk(api, f"/api/v1/tokens?order={order}", Listed[TokenSummary], limit=3)
    assert [
        (token.address, token.standard, token.symbol, token.transfer_count, token.holder_count, token.minted)
        for token in listed
    ] == [
        (
            "0x" + row["token"].hex(),
            f"ERC-{row['standard']}",
            row["symbol"],
            row["transfer_count"],
            row["holder_count"],
            str(row["minted"]),
        )
        for row in rows
    ]


async def test_tokens_are_filtered_by_standard(api: aiohttp.ClientSession, sql: Sql) -> None:
    for standard in (20, 721, 1155):
        expected = {"0x" + row["token"].hex() for row in _tokens(sql) if row["standard"] == standard}
        listed = await get(api, f"/api/v1/tokens?standard={standard}&limit=1000", Listed[TokenSummary])
        assert {token.address for token in listed.data} == expected
        assert expected


async def test_token_says_what_its_contract_and_its_transfers_say(
    api: aiohttp.ClientSession, sql: Sql, explored: Explored
) -> None:
    address = _token(sql, "PUSD")
    answer = await get(api, f"/api/v1/tokens/{address}", One[Token])
    row = sql.execute(
        "SELECT * FROM token_metadata WHERE token = %s", (bytes.fromhex(address[2:]),)
    ).fetchone()
    assert row is not None
    metadata = answer.data.metadata
    assert metadata is not None
    assert (metadata.state, metadata.name, metadata.decimals) == ("read", "Pend Dollar", 6)
    assert metadata.total_supply == str(row["total_supply"])
    assert (metadata.block_number, metadata.block_hash) == (
        row["block_number"],
        "0x" + row["block_hash"].hex(),
    )
    (figures,) = answer.data.standards
    moved = sql.execute(
        "SELECT count(*) AS moved, sum(amount) FILTER (WHERE from_address = %s) AS minted"
        " FROM token_transfers WHERE token = %s",
        (bytes(20), bytes.fromhex(address[2:])),
    ).fetchone()
    assert moved is not None
    assert (figures.standard, figures.transfer_count) == ("ERC-20", moved["moved"])
    assert figures.minted == str(moved["minted"])
    assert answer.meta.complete is not None
    assert answer.meta.complete.to_block == explored.head


async def test_holders_of_erc20_are_the_largest_first_with_their_share(
    api: aiohttp.ClientSession, sql: Sql
) -> None:
    address = _token(sql, "PUSD")
    rows = sql.execute(
        "SELECT holder, balance, m.total_supply FROM token_balances b JOIN token_metadata m USING (token)"
        " WHERE token = %s AND balance > 0 ORDER BY balance DESC, holder",
        (bytes.fromhex(address[2:]),),
    ).fetchall()
    holders = await walk(api, f"/api/v1/tokens/{address}/holders", Listed[Holder], limit=3)
    assert [(each.holder, each.balance) for each in holders] == [
        ("0x" + row["holder"].hex(), str(row["balance"])) for row in rows
    ]
    assert holders[0].share == pytest.approx(float(rows[0]["balance"] / rows[0]["total_supply"]), abs=1e-8)
    assert sum(each.share or 0 for each in holders) == pytest.approx(1, abs=1e-6)


async def test_holders_of_items_are_every_holding(api: aiohttp.ClientSession, sql: Sql) -> None:
    for symbol, standard in (("PCERT", 721), ("PAST", 1155)):
        address = _token(sql, symbol)
        rows = sql.execute(
            "SELECT * FROM token_balances WHERE token = %s AND balance > 0 ORDER BY holder, token_id",
            (bytes.fromhex(address[2:]),),
        ).fetchall()
        path = f"/api/v1/tokens/{address}/holders"
        holders = await walk(api, path, Listed[Holder], limit=4)
        assert [(each.holder, each.token_id, each.balance, each.share) for each in holders] == [
            ("0x" + row["holder"].hex(), str(row["token_id"]), str(row["balance"]), None) for row in rows
        ]
        chosen = await get(api, f"{path}?standard={standard}&limit=1000", Listed[Holder])
        assert chosen.data == holders
        details = await problem(api, f"{path}?standard=20", 400)
        assert details["field"] == "standard"
        assert str(standard) in details["allowed"]


async def test_what_is_no_token_is_refused(api: aiohttp.ClientSession) -> None:
    nobody = f"/api/v1/tokens/0x{'12' * 20}"
    for part in ("", "/holders", "/transfers", "/items", "/items/1/owners", "/items/1/transfers", "/items/1"):
        details = await problem(api, nobody + part, 404)
        assert details["type"] == "/problems/not-found", part
    assert (await problem(api, "/api/v1/tokens/0x12", 400))["field"] == "address"
    assert (await problem(api, "/api/v1/tokens?order=price", 400))["field"] == "order"
    assert (await problem(api, "/api/v1/tokens?standard=777", 400))["field"] == "standard"
    assert (await problem(api, f"{nobody}/transfers?token_id=-1", 400))["field"] == "token_id"
    for item in ("-1", "0x1", "1.5", str(2**256), "9" * 200, "x"):
        assert (await problem(api, f"{nobody}/items/{item}", 400))["field"] == "token_id", item


async def test_cursor_that_nobody_cut_is_refused(api: aiohttp.ClientSession, sql: Sql) -> None:
    dollar, certificate = _token(sql, "PUSD"), _token(sql, "PCERT")
    for path, listing, keys in (
        ("/api/v1/tokens?", "tokens:holders:None", (1, "zz", 20)),
        (f"/api/v1/tokens/{dollar}/holders?", f"holders:{dollar[2:]}:20", ("'1'", "00" * 20)),
        (f"/api/v1/tokens/{dollar}/holders?", f"holders:{dollar[2:]}:20", ("NaN", "00" * 20)),
        (f"/api/v1/tokens/{certificate}/items?", f"items:{certificate[2:]}", ("1e9",)),
        ("/api/v1/wallets?", "wallets:newest", (1, "0x")),
        ("/api/v1/contracts?", "contracts:newest", (1, "")),
    ):
        forged = encode(Cursor(keys, backward=False, sequence=1, block=None), listing)
        details = await problem(api, f"{path}cursor={forged}", 400)
        assert details["type"] == "/problems/cursor-malformed", path
