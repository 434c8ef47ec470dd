"""/api/v1/addresses/{address}, against the rows that it tells of."""

from typing import Any

import aiohttp
import asyncpg
import msgspec
import psycopg
import pytest

from explorer_api.answers.addresses import Address, AddressCounters, HeldToken, ProxyTarget
from explorer_api.answers.envelope import Listed, One
from explorer_api.reading import queries
from tests.integration.explorer_api.explorers import Explored, get, problem, walk

Sql = psycopg.Connection[dict[str, Any]]
Row = dict[str, Any]

CHECKSUMMED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"  # of EIP-55


def text(value: bytes | None) -> str | None:
    return None if value is None else "0x" + value.hex()


def counters_of(row: Row) -> AddressCounters:
    return AddressCounters(
        address=str(text(row["address"])),
        seen=True,
        transactions=row["transaction_count"],
        sent=row["sent_count"],
        received=row["received_count"],
        created=row["created_count"],
        token_transfers=row["token_transfer_count"],
        logs=row["log_count"],
    )


async def test_every_address_is_what_blocks_say(api: aiohttp.ClientSession, sql: Sql) -> None:
    balances = {row["address"]: row for row in sql.execute("SELECT * FROM native_balances")}
    codes = {row["address"]: row for row in sql.execute("SELECT * FROM contract_codes")}
    rows = sql.execute("SELECT * FROM addresses ORDER BY address").fetchall()
    assert rows
    for row in rows:
        answer = await get(api, f"/api/v1/addresses/{text(row['address'])}", One[Address])
        told = answer.data
        assert told.seen
        assert told.counters == counters_of(row)
        assert (told.first_block, told.last_block) == (row["first_block"], row["last_block"])
        assert told.nonce == (None if row["nonce"] is None else str(row["nonce"]))
        balance = balances.get(row["address"])
        assert (told.native is None) == (balance is None)
        if told.native is not None and balance is not None:
            assert told.native.balance == str(balance["balance"])
            assert told.native.block_number == balance["block_number"]
            assert told.native.fresh
        code = codes.get(row["address"])
        assert (told.code is None) == (code is None)
        if told.code is not None and code is not None:
            assert (told.code.kind, told.code.code_size) == (code["kind"], code["code_size"])
            assert told.code.clone_of == text(code["clone_of"])
        assert answer.meta.complete is not None
        assert (answer.meta.complete.from_block, answer.meta.complete.to_block) == (
            0,
            answer.meta.block_number,
        )


async def test_counters_alone_are_those_of_the_summary(api: aiohttp.ClientSession, sql: Sql) -> None:
    for row in sql.execute("SELECT * FROM addresses ORDER BY transaction_count DESC LIMIT 5").fetchall():
        told = await get(api, f"/api/v1/addresses/{text(row['address'])}/counters", One[AddressCounters])
        assert told.data == counters_of(row)


async def test_contract_says_who_created_it_and_what_it_is(api: aiohttp.ClientSession, sql: Sql) -> None:
    rows = sql.execute(
        "SELECT a.*, x.hash FROM addresses AS a JOIN transactions AS x ON x.block_number = a.creation_block"
        " AND x.transaction_index = a.creation_transaction_index"
    ).fetchall()
    assert rows
    tokens = {row["token"]: row for row in sql.execute("SELECT * FROM token_metadata")}
    labelled = 0
    for row in rows:
        told = (await get(api, f"/api/v1/addresses/{text(row['address'])}", One[Address])).data
        assert told.is_contract
        assert told.creation is not None
        assert told.creation.creator == text(row["creator"])
        assert told.creation.block_number == row["creation_block"]
        assert told.creation.transaction_hash == text(row["hash"])
        token = tokens.get(row["address"])
        if token is not None and token["state"] == "read" and token["symbol"] is not None:
            assert told.token is not None
            assert (told.token.symbol, told.token.decimals) == (token["symbol"], token["decimals"])
            assert told.label == token["symbol"]
            labelled += 1
    assert labelled


PROXIES = """
    INSERT INTO chain.proxy_implementations (proxy, block_number, log_index, transaction_index, kind, target) VALUES
        ('\\xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 3, 0, 0, 'implementation', '\\x01'),
        ('\\xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 9, 1, 0, 'implementation', '\\x02'),
        ('\\xbb', 4, 0, 0, 'beacon', '\\xbc'),
        ('\\xbc', 5, 0, 0, 'implementation', '\\x03'),
        ('\\xcc', 4, 0, 0, 'beacon', '\\xcd');
    INSERT INTO chain.contract_codes
        (address, kind, code_hash, code_size, beacon_implementation, block_number, block_hash)
    VALUES ('\\xcd', 'contract', '', 1, '\\x04', 4, '');
    INSERT INTO chain.contract_abis (name, source, content, content_hash, address, added_version)
    VALUES ('treasury', 'command', '[]', '', '\\xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 1)
"""


async def test_proxy_says_what_it_points_to_and_an_abi_names_it(explored: Explored) -> None:
    with explored.clone() as dsn, psycopg.connect(dsn, autocommit=True) as clone:
        clone.execute(PROXIES.encode())
        connection = await asyncpg.connect(dsn)
        try:
            told = {}
            for proxy in (b"\xaa" * 20, b"\xbb", b"\xcc", b"\xbc"):
                row = await queries.select_address.one(connection, proxy, None)
                assert row is not None
                told[proxy] = msgspec.json.decode(row["data"], type=Address)
        finally:
            await connection.close()
    assert told[b"\xaa" * 20].proxy == ProxyTarget("implementation", "0x02", "0x02", 9)
    assert told[b"\xbb"].proxy == ProxyTarget("beacon", "0xbc", "0x03", 4)
    assert told[b"\xcc"].proxy == ProxyTarget("beacon", "0xcd", "0x04", 4)
    assert (told[b"\xaa" * 20].abis, told[b"\xaa" * 20].label) == (["treasury"], "treasury")
    assert told[b"\xbb"].label is None


async def test_address_that_no_block_names_has_zeros(api: aiohttp.ClientSession) -> None:
    nobody = "0x" + "12" * 20
    told = (await get(api, f"/api/v1/addresses/{nobody}", One[Address])).data
    assert (told.seen, told.is_contract, told.native, told.first_block) == (False, False, None, None)
    nothing = AddressCounters(nobody, False, 0, 0, 0, 0, 0, 0)
    assert told.counters == nothing
    assert (await get(api, f"/api/v1/addresses/{nobody}/counters", One[AddressCounters])).data == nothing
    for contents in ("transactions", "token-transfers", "tokens", "logs"):
        page = await get(api, f"/api/v1/addresses/{nobody}/{contents}", Listed[Any])
        assert (page.data, page.page.next, page.page.previous) == ([], None, None), contents


async def test_tokens_held_are_the_positive_balances(api: aiohttp.ClientSession, sql: Sql) -> None:
    holders = sql.execute(
        "SELECT holder FROM token_balances WHERE balance > 0 GROUP BY holder ORDER BY count(*) DESC LIMIT 4"
    ).fetchall()
    for holder in holders:
        rows = sql.execute(
            "SELECT b.*, m.symbol FROM token_balances AS b LEFT JOIN token_metadata AS m USING (token)"
            " WHERE holder = %(holder)s AND balance > 0 ORDER BY token, standard, token_id",
            holder,
        ).fetchall()
        path = f"/api/v1/addresses/{text(holder['holder'])}/tokens"
        told = await walk(api, path, Listed[HeldToken], limit=3)
        assert [
            (each.token.address, each.standard, each.token_id, each.balance, each.token.symbol)
            for each in told
        ] == [
            (
                text(row["token"]),
                f"ERC-{row['standard']}",
                None if row["standard"] == 20 else str(row["token_id"]),
                str(row["balance"]),
                row["symbol"],
            )
            for row in rows
        ]


@pytest.mark.parametrize(
    "contents",
    [
        "",
        "/counters",
        "/transactions",
        "/token-transfers",
        "/tokens",
        "/logs",
        "/internal-transfers",
        "/balance-history",
    ],
)
async def test_what_is_no_address_is_refused(api: aiohttp.ClientSession, contents: str) -> None:
    wrong = CHECKSUMMED.replace("A", "a", 1)
    for name in ("0x12", "vitalik.eth", "0x" + "g" * 40, "0x" + "0" * 41, "1;DROP", wrong):
        details = await problem(api, f"/api/v1/addresses/{name}{contents}", 400)
        assert details["field"] == "address", name


async def test_checksummed_address_is_the_same(api: aiohttp.ClientSession) -> None:
    told = await get(api, f"/api/v1/addresses/{CHECKSUMMED}", One[Address])
    assert told.data.address == CHECKSUMMED.lower()
    assert told == await get(api, f"/api/v1/addresses/{CHECKSUMMED.lower()}", One[Address])
