"""/api/v1/transactions/{hash}/…, against the rows that they tell of."""

from pathlib import Path
from typing import Any

import aiohttp
import psycopg

from explorer_api.answers.addresses import Address
from explorer_api.answers.envelope import Listed, One
from explorer_api.answers.internal_transfers import InternalTransfer
from explorer_api.answers.logs import Log
from explorer_api.answers.token_transfers import TokenTransfer
from explorer_api.answers.transactions import Transaction
from tests.integration.explorer_api.explorers import (
    Explored,
    explorer_process,
    get,
    problem,
    record_example,
    walk,
)

Sql = psycopg.Connection[dict[str, Any]]

BUSIEST = """
    SELECT x.hash, x.block_number, x.transaction_index FROM {fact} AS f
    JOIN transactions AS x USING (block_number, transaction_index)
    GROUP BY 1, 2, 3 ORDER BY count(*) DESC LIMIT 1
"""


def busiest(sql: Sql, fact: str) -> dict[str, Any]:
    """The transaction that has most rows of a fact."""
    row = sql.execute(BUSIEST.format(fact=fact).encode()).fetchone()
    assert row is not None
    return row


async def test_logs_are_those_of_the_transaction_in_their_order(api: aiohttp.ClientSession, sql: Sql) -> None:
    found = busiest(sql, "logs")
    rows = sql.execute(
        "SELECT * FROM logs WHERE block_number = %(block_number)s"
        " AND transaction_index = %(transaction_index)s ORDER BY log_index",
        found,
    ).fetchall()
    path = f"/api/v1/transactions/0x{found['hash'].hex()}/logs"
    told = await walk(api, path, Listed[Log], limit=1)
    assert [each.log_index for each in told] == [row["log_index"] for row in rows]
    assert {each.transaction_hash for each in told} == {"0x" + found["hash"].hex()}
    whole = await get(api, f"/api/v1/transactions/0x{found['hash'].hex()}", One[Transaction])
    assert told == whole.data.logs


async def test_token_transfers_are_those_of_the_transaction_in_their_order(
    api: aiohttp.ClientSession, sql: Sql
) -> None:
    found = busiest(sql, "token_transfers")
    rows = sql.execute(
        "SELECT * FROM token_transfers WHERE block_number = %(block_number)s"
        " AND transaction_index = %(transaction_index)s ORDER BY log_index, batch_index",
        found,
    ).fetchall()
    assert len(rows) > 2
    path = f"/api/v1/transactions/0x{found['hash'].hex()}/token-transfers"
    told = await walk(api, path, Listed[TokenTransfer], limit=2)
    assert [(each.log_index, each.batch_index, each.token_id, each.amount) for each in told] == [
        (row["log_index"], row["batch_index"], str(row["token_id"]), str(row["amount"])) for row in rows
    ]
    whole = await get(api, f"/api/v1/transactions/0x{found['hash'].hex()}", One[Transaction])
    assert told == whole.data.token_transfers


async def test_block_that_is_not_traced_is_no_empty_list(api: aiohttp.ClientSession, sql: Sql) -> None:
    found = busiest(sql, "logs")
    path = f"/api/v1/transactions/0x{found['hash'].hex()}"
    details = await problem(api, f"{path}/internal-transfers", 404)
    assert details["type"] == "/problems/not-derived"
    assert (await get(api, path, One[Transaction])).data.internal_transfers is None
    details = await problem(api, f"/api/v1/addresses/0x{'11' * 20}/internal-transfers", 501)
    assert "fetched.traces" in details["detail"]


PAYER, PAID = "0x" + "a1" * 20, "0x" + "b2" * 20
TRACES = """
    INSERT INTO chain.traced_blocks (block_number, block_hash, transfers, state, attempts)
    SELECT number, hash, 3, CASE WHEN number = 12 THEN 'failed' ELSE 'traced' END, 1
    FROM chain.blocks WHERE number BETWEEN 10 AND 40;
    UPDATE chain.fetch_progress SET first_block = 10, last_block = 40 WHERE fetched = 'internal_transfers';
    INSERT INTO chain.internal_transfers (
        block_number, transaction_index, trace_address, type, from_address, to_address, value, gas_used, error)
    SELECT number, 0, path, 'call', decode('{payer}', 'hex'), decode('{paid}', 'hex'), number * 10 ^ 18, 21000,
           CASE WHEN path = '{{0,1}}' THEN 'Reverted' END
    FROM chain.blocks CROSS JOIN (VALUES ('{{}}'::integer[]), ('{{0}}'), ('{{0,1}}')) AS v (path)
    WHERE number BETWEEN 10 AND 40 AND number % 5 = 0
"""


async def test_internal_transfers_of_traced_blocks(explored: Explored, tmp_path: Path) -> None:
    traces = TRACES.format(payer=PAYER[2:], paid=PAID[2:])
    with explored.clone() as dsn, psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(traces.encode())
        with explorer_process(dsn, tmp_path, queries__range_blocks_max=4) as serving:
            async with aiohttp.ClientSession(serving.url) as api:
                row = connection.execute(
                    "SELECT hash FROM chain.transactions WHERE block_number = 20 AND transaction_index = 0"
                ).fetchone()
                assert row is not None
                path = f"/api/v1/transactions/0x{row[0].hex()}"
                of_one = await walk(api, f"{path}/internal-transfers", Listed[InternalTransfer], limit=1)
                assert [each.trace_address for each in of_one] == [[], [0], [0, 1]]
                assert [each.error for each in of_one] == [None, None, "Reverted"]
                assert {each.value for each in of_one} == {str(20 * 10**18)}
                async with api.get(f"{path}/internal-transfers?limit=2") as answer:
                    record_example("listTransactionInternalTransfers", await answer.read())
                async with api.get(f"/api/v1/addresses/{PAID}/internal-transfers?limit=2") as answer:
                    record_example("listAddressInternalTransfers", await answer.read())
                whole = await get(api, path, One[Transaction])
                assert whole.data.internal_transfers == of_one
                for address in (PAYER, PAID):
                    list_path = f"/api/v1/addresses/{address}/internal-transfers"
                    told = await walk(api, list_path, Listed[InternalTransfer], limit=2)
                    assert [(each.block_number, each.trace_address) for each in told] == [
                        (number, trace)
                        for number in (40, 35, 30, 25, 20, 15, 10)
                        for trace in ([0, 1], [0], [])
                    ]
                none = await walk(
                    api,
                    f"/api/v1/addresses/0x{'11' * 20}/internal-transfers",
                    Listed[InternalTransfer],
                    limit=9,
                )
                assert none == []
                seen = await get(api, f"/api/v1/addresses/{PAYER}", One[Address])
                assert not seen.data.seen
        whole_range = tmp_path / "whole"
        whole_range.mkdir()
        with explorer_process(dsn, whole_range) as serving:
            async with aiohttp.ClientSession(serving.url) as api:
                page = await get(api, list_path, Listed[InternalTransfer])
                assert page.meta.complete is not None
                # Block 12 could not be traced: nothing is said of it and of those below.
                assert (page.meta.complete.from_block, page.meta.complete.to_block) == (13, 40)
