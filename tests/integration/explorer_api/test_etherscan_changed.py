"""Etherscan's answers where the database or the node is another one: ABIs, traces, gaps in what is known."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.integration.explorer_api.etherscans import Sql, ask, refusal, result, rows, text, value
from tests.integration.explorer_api.explorers import Explored, explorer_process

_ABI = [{"type": "event", "name": "Paid", "inputs": [], "anonymous": False}]
_PROXY, _CHILD, _CLONE = (bytes([each]) * 20 for each in (0xA1, 0xA2, 0xA3))


@pytest.fixture
def changed(explored: Explored) -> Iterator[tuple[str, Sql]]:
    """A copy, and a superuser's connection to it."""
    with (
        explored.clone() as dsn,
        psycopg.connect(
            dsn, autocommit=True, row_factory=psycopg.rows.dict_row, options="-c search_path=chain"
        ) as sql,
    ):
        yield dsn, sql


async def test_abi_is_the_registered_one_of_the_contract_its_factory_or_its_implementation(
    changed: tuple[str, Sql], tmp_path: Path
) -> None:
    dsn, sql = changed
    token = value(sql, "SELECT token FROM tokens WHERE standard = 20 ORDER BY transfer_count DESC LIMIT 1")
    removed = value(sql, "SELECT token FROM tokens WHERE standard = 721 LIMIT 1")
    add = (
        "INSERT INTO contract_abis (name, source, content, content_hash, address, added_version, removed_version)"
        " VALUES (%s, 'command', %s, '\\x00', %s, 1, %s) RETURNING id"
    )
    abi = value(sql, add, "payer", Jsonb(_ABI), token, None)
    value(sql, add, "gone", Jsonb([]), removed, 2)
    sql.execute(
        "INSERT INTO proxy_implementations VALUES (%s, 3, 1, 0, 'implementation', %s)", (_PROXY, token)
    )
    columns = [row["column_name"] for row in rows(sql, _COLUMNS, "factory_children")]
    child = {"child": _CHILD, "abi_id": abi, "block_number": 3, "log_index": 2, "factory": token}
    given = [child.get(name, 1) for name in columns]
    marks = ", ".join(["%s"] * len(given))
    sql.execute(f"INSERT INTO factory_children VALUES ({marks})".encode(), given)
    sql.execute(
        "INSERT INTO contract_codes (address, kind, code_hash, code_size, clone_of, block_number, block_hash)"
        " VALUES (%s, 'clone', '\\x00', 45, %s, 3, '\\x00')",
        (_CLONE, token),
    )
    with explorer_process(dsn, tmp_path) as serving:
        async with aiohttp.ClientSession(serving.url) as api:
            for address in (token, _PROXY, _CHILD, _CLONE):
                assert (
                    msgspec.json.decode(await result(api, "contract", "getabi", address=text(address)))
                    == _ABI
                )
            assert "not verified" in await refusal(api, "contract", "getabi", address=text(removed))
            (source,) = await result(api, "contract", "getsourcecode", address=text(_PROXY))
            assert (source["ContractName"], source["Proxy"]) == ("payer", "1")
            assert source["Implementation"] == text(token)
            (source,) = await result(api, "contract", "getsourcecode", address=text(removed))
            assert (source["ABI"], source["Proxy"]) == ("Contract source code not verified", "0")


async def test_internal_transfers_are_those_of_traced_blocks(
    changed: tuple[str, Sql], tmp_path: Path
) -> None:
    dsn, sql = changed
    who, other = b"\x01" * 20, b"\x02" * 20
    for number in (5, 6, 7):
        sql.execute(
            "INSERT INTO traced_blocks (block_number, block_hash, transfers, state, attempts)"
            " VALUES (%s, '\\x00', 2, 'traced', 1)",
            (number,),
        )
        for path, kind, receiver, error in (([0], "call", other, None), ([0, 1], "create", who, "reverted")):
            sql.execute(
                "INSERT INTO internal_transfers VALUES (%s, 1, %s, %s, %s, %s, 9000, 21, %s)",
                (number, path, kind, who if number < 7 else other, receiver, error),
            )
    hashes = {
        row["block_number"]: text(row["hash"])
        for row in rows(sql, "SELECT block_number, hash FROM transactions WHERE transaction_index = 1")
    }
    with explorer_process(dsn, tmp_path) as serving:
        async with aiohttp.ClientSession(serving.url) as api:
            listed = await result(api, "account", "txlistinternal", address=text(who), sort="desc")
            assert [(each["blockNumber"], each["traceId"]) for each in listed] == [
                ("7", "0_1"), ("6", "0_1"), ("6", "0"), ("5", "0_1"), ("5", "0"),
            ]  # fmt: skip
            assert [each["hash"] for each in listed[:2]] == [hashes[7], hashes[6]]
            made = listed[1]
            assert (made["to"], made["contractAddress"], made["type"]) == ("", text(who), "create")
            assert (made["isError"], made["errCode"], made["value"]) == ("1", "reverted", "9000")
            ranged = await result(api, "account", "txlistinternal", startblock=6, endblock=6)
            assert [each["traceId"] for each in ranged] == ["0", "0_1"]
            page = await result(api, "account", "txlistinternal", address=text(who), page=2, offset=2)
            assert [(each["blockNumber"], each["traceId"]) for each in page] == [("6", "0"), ("6", "0_1")]
            one = await result(api, "account", "txlistinternal", txhash=hashes[5])
            assert [each["to"] for each in one] == [text(other), ""]
            assert "not traced" in await refusal(api, "account", "txlistinternal", txhash=hashes[8])
            assert "not found" in await refusal(api, "account", "txlistinternal", txhash="0x" + "00" * 32)


async def test_without_the_node_what_is_stored_is_served_and_the_rest_refused(
    changed: tuple[str, Sql], tmp_path: Path
) -> None:
    dsn, sql = changed
    stored = rows(sql, "SELECT address, balance FROM native_balances ORDER BY balance DESC LIMIT 3")
    sql.execute("INSERT INTO unread_balances VALUES (%s, 120)", (stored[1]["address"],))
    sql.execute("UPDATE derivations SET derived_to = 100 WHERE derivation = 'address_transactions'")
    sql.execute("UPDATE derivations SET derived_to = first_block - 1 WHERE derivation = 'token_balances'")
    fresh, stale, unsure = (text(row["address"]) for row in stored)
    for node_url, said in (("http://127.0.0.1:1", "the node did not answer"), (None, "no node to ask")):
        folder = tmp_path / str(node_url is None)
        folder.mkdir()
        with explorer_process(dsn, folder, node_url=node_url, http__request_timeout_s=1) as serving:
            async with aiohttp.ClientSession(serving.url) as api:
                balance = await result(api, "account", "balance", address=fresh)
                assert balance == str(stored[0]["balance"])
                for module, action, parameters in (
                    ("account", "balance", {"address": stale}),
                    ("account", "balancemulti", {"address": f"{fresh},{stale}"}),
                    ("account", "balancehistory", {"address": fresh, "blockno": 3}),
                    ("account", "pendingtxlist", {"address": fresh}),
                    ("proxy", "eth_blockNumber", {}),
                ):
                    assert said in await refusal(api, module, action, **parameters), action
                sql.execute(
                    "UPDATE native_balances SET block_number = 100 WHERE address = %s",
                    (stored[2]["address"],),
                )
                sql.execute("UPDATE fetch_progress SET last_block = 100 WHERE fetched = 'native_balances'")
                assert said in await refusal(api, "account", "balance", address=unsure)
                sql.execute("UPDATE fetch_progress SET last_block = 120 WHERE fetched = 'native_balances'")
                query = f"/api?module=account&action=txlist&address={fresh}"
                async with api.get(query) as answer:
                    assert answer.headers["pend-complete"] == "0-100"
                refused = await refusal(api, "account", "tokenlist", address=fresh)
                assert "not derived yet" in refused


async def test_accounts_whose_balance_was_not_read_are_stale(
    changed: tuple[str, Sql], tmp_path: Path
) -> None:
    dsn, sql = changed
    sql.execute("DELETE FROM native_balances")
    with explorer_process(dsn, tmp_path) as serving:
        async with aiohttp.ClientSession(serving.url) as api:
            listed: list[dict[str, Any]] = (await ask(api, "account", "listaccounts")).result
            assert {(each["balance"], each["stale"]) for each in listed} == {("0", True)}


_COLUMNS = (
    "SELECT column_name FROM information_schema.columns WHERE table_schema = 'chain' AND table_name = %s"
    " ORDER BY ordinal_position"
)
