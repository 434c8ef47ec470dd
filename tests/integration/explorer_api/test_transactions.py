"""/api/v1/transactions, against the rows that it tells of."""

from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest

from explorer_api.answers.envelope import Listed, One
from explorer_api.answers.transactions import Transaction, TransactionSummary
from tests.integration.explorer_api.explorers import Explored, explorer_process, get, problem, walk

Sql = psycopg.Connection[dict[str, Any]]
Row = dict[str, Any]


def text(value: bytes | None) -> str | None:
    return None if value is None else "0x" + value.hex()


def rows_of(sql: Sql, where: str = "true") -> list[Row]:
    query = f"SELECT * FROM transactions WHERE {where} ORDER BY block_number DESC, transaction_index DESC"
    return sql.execute(query.encode()).fetchall()


def agrees(told: TransactionSummary, row: Row) -> bool:
    return (
        told.hash == text(row["hash"])
        and (told.block_number, told.transaction_index) == (row["block_number"], row["transaction_index"])
        and (told.from_address, told.to_address) == (text(row["from_address"]), text(row["to_address"]))
        and told.contract_address == text(row["contract_address"])
        and (told.nonce, told.value) == (str(row["nonce"]), str(row["value"]))
        and told.fee == str(row["gas_used"] * row["effective_gas_price"])
        and told.status == {1: "succeeded", 0: "failed"}[row["status"]]
        and told.timestamp == row["timestamp"]
        and told.final
    )


async def test_transactions_are_all_of_them_newest_first(api: aiohttp.ClientSession, sql: Sql) -> None:
    told = await walk(api, "/api/v1/transactions", Listed[TransactionSummary], limit=97)
    rows = rows_of(sql)
    assert len(told) == len(rows)
    assert all(agrees(each, row) for each, row in zip(told, rows, strict=True))
    named = sql.execute("SELECT count(*) AS named FROM decoded_calls WHERE name IS NOT NULL").fetchone()
    assert named is not None
    assert sum(each.method is not None for each in told) == named["named"] > 0


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("status=failed", "status = 0"),
        ("status=succeeded", "status = 1"),
        ("contract_creation=true", "to_address IS NULL"),
        ("contract_creation=false&status=failed", "to_address IS NOT NULL AND status = 0"),
        ("from_block=30&to_block=41", "block_number BETWEEN 30 AND 41"),
        ("from_block=100&status=failed", "block_number >= 100 AND status = 0"),
        ("to_block=3", "block_number <= 3"),
    ],
)
async def test_filter_keeps_those_it_names(
    api: aiohttp.ClientSession, sql: Sql, query: str, where: str
) -> None:
    told = await walk(api, f"/api/v1/transactions?{query}", Listed[TransactionSummary], limit=8)
    rows = rows_of(sql, where)
    assert rows
    assert [each.hash for each in told] == [text(row["hash"]) for row in rows]


async def test_filtered_page_looks_at_so_many_blocks_and_goes_on(
    explored: Explored, sql: Sql, tmp_path: Path
) -> None:
    with explorer_process(explored.dsn, tmp_path, queries__range_blocks_max=3) as serving:
        async with aiohttp.ClientSession(serving.url) as api:
            path = "/api/v1/transactions?contract_creation=true"
            told = await walk(api, path, Listed[TransactionSummary], limit=5)
            page = await get(api, f"{path}&from_block=20&to_block=22", Listed[TransactionSummary])
    assert [each.hash for each in told] == [text(row["hash"]) for row in rows_of(sql, "to_address IS NULL")]
    assert page.page.next is None


async def test_transaction_by_hash_has_receipt_and_what_it_did(api: aiohttp.ClientSession, sql: Sql) -> None:
    for row in rows_of(sql, "block_number % 9 = 1"):
        answer = await get(api, f"/api/v1/transactions/{text(row['hash'])}", One[Transaction])
        told, at = answer.data, (row["block_number"], row["transaction_index"])
        assert agrees(told, row)
        assert told.input == text(row["input"])
        assert (told.r, told.s, told.v) == (text(row["r"]), text(row["s"]), str(row["v"]))
        assert told.cumulative_gas_used == row["cumulative_gas_used"]
        assert told.revert_reason == text(row["revert_reason"])
        within = "WHERE block_number = %s AND transaction_index = %s"
        logs = sql.execute(f"SELECT * FROM logs {within} ORDER BY log_index".encode(), at).fetchall()
        assert [(log.log_index, log.address, log.data) for log in told.logs] == [
            (log["log_index"], text(log["address"]), text(log["data"])) for log in logs
        ]
        assert [log.topics for log in told.logs] == [
            [text(topic) for name in ("topic0", "topic1", "topic2", "topic3") if (topic := log[name])]
            for log in logs
        ]
        events = sql.execute(f"SELECT * FROM decoded_events {within}".encode(), at).fetchall()
        assert {log.log_index: log.event.arguments for log in told.logs if log.event} == {
            event["log_index"]: event["arguments"] for event in events
        }
        transfers = sql.execute(
            f"SELECT * FROM token_transfers {within} ORDER BY log_index, batch_index".encode(), at
        ).fetchall()
        assert [
            (moved.log_index, moved.token.address, moved.standard, moved.to_address, moved.amount)
            for moved in told.token_transfers
        ] == [
            (
                each["log_index"],
                text(each["token"]),
                f"ERC-{each['standard']}",
                text(each["to_address"]),
                str(each["amount"]),
            )
            for each in transfers
        ]


async def test_token_transfer_says_what_its_token_is_called(api: aiohttp.ClientSession, sql: Sql) -> None:
    row = sql.execute(
        "SELECT x.hash, m.* FROM token_transfers AS t JOIN token_metadata AS m ON m.token = t.token"
        " JOIN transactions AS x ON x.block_number = t.block_number AND x.transaction_index = t.transaction_index"
        " WHERE m.symbol = 'PUSD' LIMIT 1"
    ).fetchone()
    assert row is not None
    answer = await get(api, f"/api/v1/transactions/{text(row['hash'])}", One[Transaction])
    labels = {moved.token.address: moved.token for moved in answer.data.token_transfers}
    label = labels[str(text(row["token"]))]
    assert (label.name, label.symbol, label.decimals) == ("Pend Dollar", "PUSD", 6)


async def test_call_and_error_are_read_by_their_abi(api: aiohttp.ClientSession, sql: Sql) -> None:
    rows = sql.execute(
        "SELECT x.hash, d.* FROM decoded_calls AS d JOIN transactions AS x USING (block_number, transaction_index)"
    ).fetchall()
    failed = [row for row in rows if row["error_reason"] or row["error_name"]]
    called = [row for row in rows if row["name"]]
    assert failed
    assert called
    for row in [*failed, *called[:5]]:
        told = (await get(api, f"/api/v1/transactions/{text(row['hash'])}", One[Transaction])).data
        if row["name"]:
            assert told.call is not None
            assert (told.call.name, told.method) == (row["name"], row["name"])
            assert (told.call.signature, told.call.arguments) == (row["signature"], row["arguments"])
        if row["error_reason"] or row["error_name"]:
            assert told.error is not None
            assert (told.error.name, told.error.reason) == (row["error_name"], row["error_reason"])
            assert told.error.arguments == row["error_arguments"]
            assert told.status == "failed"
        else:
            assert told.error is None


async def test_transaction_that_nobody_knows_is_not_found(api: aiohttp.ClientSession) -> None:
    for contents in ("", "/logs", "/token-transfers", "/internal-transfers"):
        details = await problem(api, f"/api/v1/transactions/0x{'00' * 32}{contents}", 404)
        assert details["type"] == "/problems/not-found"


async def test_what_is_no_transaction_hash_is_refused(api: aiohttp.ClientSession) -> None:
    for name in ("0x12", "7", "0x" + "g" * 64, "0x" + "0" * 65, "latest", "1;DROP"):
        for contents in ("", "/logs", "/token-transfers", "/internal-transfers"):
            details = await problem(api, f"/api/v1/transactions/{name}{contents}", 400)
            assert details["field"] == "transaction_hash", name


async def test_wrong_filter_is_named(api: aiohttp.ClientSession) -> None:
    for query, field in (
        ("status=pending", "status"),
        ("contract_creation=perhaps", "contract_creation"),
        ("from_block=-1", "from_block"),
        ("to_block=0x10", "to_block"),
        ("from_block=9&to_block=8", "to_block"),
        ("state=failed", "state"),
    ):
        details = await problem(api, f"/api/v1/transactions?{query}", 400)
        assert details["field"] == field, details


async def test_cursor_of_one_filter_is_refused_by_another(api: aiohttp.ClientSession) -> None:
    page = await get(api, "/api/v1/transactions?limit=2", Listed[TransactionSummary])
    details = await problem(api, f"/api/v1/transactions?status=failed&cursor={page.page.next}", 400)
    assert details["type"] == "/problems/cursor-malformed"
