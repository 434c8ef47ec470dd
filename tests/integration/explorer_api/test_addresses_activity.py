"""/api/v1/addresses/{address}/…: lists, against the rows that they tell of."""

from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest

from explorer_api.answers.addresses import AddressTransaction, BalanceChange
from explorer_api.answers.envelope import Listed
from explorer_api.answers.logs import Log
from explorer_api.answers.token_transfers import AddressTokenTransfer
from tests.integration.explorer_api.explorers import Explored, explorer_process, get, problem, walk

Sql = psycopg.Connection[dict[str, Any]]

ROLES = {"from": 1, "to": 2, "creator": 4, "created": 8}


def most(sql: Sql, table: str, column: str = "address", count: int = 3) -> list[bytes]:
    """The values that most rows of a table have."""
    query = f"SELECT {column} AS value FROM {table} GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {count}"
    return [row["value"] for row in sql.execute(query.encode())]


@pytest.mark.parametrize("role", [None, "from", "to", "creator", "created"])
async def test_transactions_are_those_it_took_part_in(
    api: aiohttp.ClientSession, sql: Sql, role: str | None
) -> None:
    mask = 0 if role is None else ROLES[role]
    owners = most(sql, f"address_transactions WHERE roles & {mask} = {mask}")
    assert owners
    for owner in owners:
        rows = sql.execute(
            "SELECT x.hash, a.roles FROM address_transactions AS a"
            " JOIN transactions AS x USING (block_number, transaction_index)"
            " WHERE address = %s AND roles & %s = %s ORDER BY block_number DESC, transaction_index DESC",
            (owner, mask, mask),
        ).fetchall()
        path = f"/api/v1/addresses/0x{owner.hex()}/transactions" + (f"?role={role}" if role else "")
        told = await walk(api, path, Listed[AddressTransaction], limit=7)
        assert [each.hash for each in told] == ["0x" + row["hash"].hex() for row in rows]
        assert [sum(ROLES[name] for name in each.roles) for each in told] == [row["roles"] for row in rows]


@pytest.mark.parametrize(("direction", "mask"), [(None, 0), ("out", 1), ("in", 2)])
async def test_token_transfers_are_those_it_took_part_in(
    api: aiohttp.ClientSession, sql: Sql, direction: str | None, mask: int
) -> None:
    for owner in most(sql, "address_token_transfers"):
        rows = sql.execute(
            "SELECT t.*, a.roles FROM address_token_transfers AS a"
            " JOIN token_transfers AS t USING (block_number, log_index, batch_index)"
            " WHERE a.address = %s AND a.roles & %s = %s"
            " ORDER BY block_number DESC, log_index DESC, batch_index DESC",
            (owner, mask, mask),
        ).fetchall()
        path = f"/api/v1/addresses/0x{owner.hex()}/token-transfers"
        path += f"?direction={direction}" if direction else ""
        told = await walk(api, path, Listed[AddressTokenTransfer], limit=6)
        assert [
            (each.block_number, each.log_index, each.batch_index, each.amount, each.direction)
            for each in told
        ] == [
            (
                row["block_number"],
                row["log_index"],
                row["batch_index"],
                str(row["amount"]),
                {1: "out", 2: "in", 3: "self"}[row["roles"]],
            )
            for row in rows
        ]


async def test_token_transfers_of_one_token(api: aiohttp.ClientSession, sql: Sql) -> None:
    pairs = sql.execute(
        "SELECT address, token, count(*) AS transfers FROM address_token_transfers GROUP BY 1, 2"
        " ORDER BY 3 DESC LIMIT 3"
    ).fetchall()
    for pair in pairs:
        path = f"/api/v1/addresses/0x{pair['address'].hex()}/token-transfers?token=0x{pair['token'].hex()}"
        told = await walk(api, path, Listed[AddressTokenTransfer], limit=4)
        assert len(told) == pair["transfers"]
        assert {each.token.address for each in told} == {"0x" + pair["token"].hex()}


async def test_logs_are_those_the_contract_emitted(api: aiohttp.ClientSession, sql: Sql) -> None:
    for owner in most(sql, "logs"):
        rows = sql.execute(
            "SELECT block_number, log_index, data FROM logs WHERE address = %s"
            " ORDER BY block_number DESC, log_index DESC",
            (owner,),
        ).fetchall()
        told = await walk(api, f"/api/v1/addresses/0x{owner.hex()}/logs", Listed[Log], limit=11)
        assert [(each.block_number, each.log_index, each.data) for each in told] == [
            (row["block_number"], row["log_index"], "0x" + row["data"].hex()) for row in rows
        ]
        events = sql.execute("SELECT count(*) AS events FROM decoded_events WHERE address = %s", (owner,))
        assert sum(each.event is not None for each in told) == events.fetchall()[0]["events"]


HISTORY = """
    SELECT t.block_number, t.log_index, t.batch_index, t.amount,
           sum(CASE WHEN t.to_address = %(address)s THEN t.amount ELSE 0 END
             - CASE WHEN t.from_address = %(address)s THEN t.amount ELSE 0 END)
           OVER (ORDER BY t.block_number, t.log_index, t.batch_index) AS balance
    FROM token_transfers AS t
    WHERE t.token = %(token)s AND %(address)s IN (t.from_address, t.to_address)
    ORDER BY t.block_number DESC, t.log_index DESC, t.batch_index DESC
"""


async def test_balance_history_is_the_running_sum_of_transfers(api: aiohttp.ClientSession, sql: Sql) -> None:
    pairs = sql.execute(
        "SELECT address, token FROM address_token_transfers GROUP BY 1, 2 ORDER BY count(*) DESC LIMIT 6"
    ).fetchall()
    for pair in pairs:
        rows = sql.execute(HISTORY, pair).fetchall()
        path = f"/api/v1/addresses/0x{pair['address'].hex()}/balance-history?token=0x{pair['token'].hex()}"
        told = await walk(api, path, Listed[BalanceChange], limit=3)
        assert [(each.block_number, each.log_index, each.amount, each.balance) for each in told] == [
            (row["block_number"], row["log_index"], str(row["amount"]), str(row["balance"])) for row in rows
        ]
        held = sql.execute(
            "SELECT sum(balance) AS held FROM token_balances WHERE holder = %(address)s AND token = %(token)s",
            pair,
        ).fetchone()
        assert held is not None
        assert told[0].balance == str(held["held"])


async def test_native_balance_history_is_not_invented(api: aiohttp.ClientSession) -> None:
    details = await problem(api, f"/api/v1/addresses/0x{'11' * 20}/balance-history", 501)
    assert "token=" in details["detail"]


async def test_wrong_filter_is_named(api: aiohttp.ClientSession) -> None:
    owner = f"/api/v1/addresses/0x{'11' * 20}"
    for path, field in (
        ("transactions?role=owner", "role"),
        ("token-transfers?direction=up", "direction"),
        ("token-transfers?token=0x1", "token"),
        ("balance-history?token=PUSD", "token"),
        ("logs?topic0=0x", "topic0"),
        ("tokens?limit=0", "limit"),
        ("internal-transfers?from=1", "from"),
    ):
        details = await problem(api, f"{owner}/{path}", 400)
        assert details["field"] == field, details


async def test_what_is_not_derived_is_refused(explored: Explored, tmp_path: Path) -> None:
    with explored.clone() as dsn, psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute("SELECT address FROM chain.address_token_transfers LIMIT 1").fetchone()
        assert row is not None
        owner = f"/api/v1/addresses/0x{row[0].hex()}"
        connection.execute(
            "UPDATE chain.derivations SET derived_to = 100 WHERE derivation = 'token_balances'"
        )
        connection.execute(
            "UPDATE chain.derivations SET derived_to = -1 WHERE derivation IN ('addresses', 'address_transactions')"
        )
        with explorer_process(dsn, tmp_path) as serving:
            async with aiohttp.ClientSession(serving.url) as api:
                for path in ("", "/counters", "/transactions"):
                    details = await problem(api, f"{owner}{path}", 404)
                    assert details["type"] == "/problems/not-derived", path
                details = await problem(api, f"{owner}/balance-history?token=0x{'11' * 20}", 404)
                assert details["type"] == "/problems/not-derived"
                page = await get(api, f"{owner}/token-transfers", Listed[AddressTokenTransfer])
                assert page.data


async def test_cursor_above_a_reorg_says_where_to_begin_anew(explored: Explored, tmp_path: Path) -> None:
    with explored.clone() as dsn, psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(
            "SELECT address, token FROM chain.address_token_transfers GROUP BY 1, 2 ORDER BY count(*) DESC LIMIT 1"
        ).fetchone()
        assert row is not None
        owner, token = (f"/api/v1/addresses/0x{address.hex()}" for address in row)
        paths = [
            f"{owner}/transactions?limit=1",
            f"{owner}/token-transfers?limit=1",
            f"{owner}/balance-history?token=0x{row[1].hex()}&limit=1",
            f"{token}/logs?limit=1",
            "/api/v1/transactions?limit=1",
            "/api/v1/blocks/119/transactions?limit=1",
        ]
        with explorer_process(dsn, tmp_path) as serving:
            async with aiohttp.ClientSession(serving.url) as api:
                cut = [f"{path}&cursor={await _next(api, path)}" for path in paths]
                connection.execute(
                    "UPDATE chain.chain_state SET outbox_sequence = outbox_sequence + 1;"
                    "INSERT INTO chain.reorgs (ancestor_number, ancestor_hash, old_head_number, old_head_hash,"
                    " new_head_number, new_head_hash, depth, sequence)"
                    " SELECT 5, '', 120, '', 120, '', 115, outbox_sequence FROM chain.chain_state"
                )
                for path in cut:
                    details = await problem(api, path, 409)
                    assert details["restart_block"] == 5, path


async def _next(api: aiohttp.ClientSession, path: str) -> str:
    page = await get(api, path, Listed[Any])
    assert page.page.next is not None
    return page.page.next
