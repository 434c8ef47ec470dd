"""/api/v1/export: whole, in one snapshot, ended by a mark, cancelled with its client, flat in memory."""

import asyncio
import csv
import io
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest

from tests.integration.explorer_api.explorers import Explored, Serving, explorer_process, problem

Sql = psycopg.Connection[dict[str, Any]]

_MARK = re.compile(
    r"# end rows=(\d+) block=(\d+) hash=(0x[0-9a-f]{64}) sequence=(\d+) truncated=(true|false)\Z"
)
_RUNNING = "SELECT pid, wait_event FROM pg_stat_activity WHERE application_name = 'pend-explorer export'"
_EVERY = "SELECT * FROM transactions ORDER BY block_number, transaction_index"
_TRANSFERS = "SELECT * FROM token_transfers ORDER BY block_number, log_index, batch_index"
_EVENTS = "SELECT * FROM decoded_events ORDER BY block_number, log_index"


async def _csv(api: aiohttp.ClientSession, path: str) -> tuple[list[dict[str, str]], re.Match[str]]:
    """The rows of an export, and its end mark."""
    async with api.get(f"/api/v1/export/{path}") as answer:
        text = await answer.text()
        assert answer.status == 200, text
        assert answer.headers["content-type"].startswith("text/csv")
    rows, _, last = text.removesuffix("\n").rpartition("\n")
    mark = _MARK.match(last)
    assert mark is not None, last
    return list(csv.DictReader(io.StringIO(rows))), mark


async def _ndjson(api: aiohttp.ClientSession, path: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    async with api.get(f"/api/v1/export/{path}") as answer:
        text = await answer.text()
        assert answer.status == 200, text
        assert answer.headers["content-type"] == "application/x-ndjson"
    *rows, mark = [json.loads(line) for line in text.splitlines()]
    return rows, mark


async def test_transactions_are_all_of_them_in_order_with_an_end_mark(
    api: aiohttp.ClientSession, sql: Sql, explored: Explored
) -> None:
    stored = sql.execute(_EVERY).fetchall()
    rows, mark = await _csv(api, "transactions.csv")
    assert [row["hash"] for row in rows] == ["0x" + row["hash"].hex() for row in stored]
    assert [row["value"] for row in rows] == [str(row["value"]) for row in stored]
    assert rows[0]["timestamp"] == stored[0]["timestamp"].strftime("%Y-%m-%dT%H:%M:%SZ")
    head = sql.execute("SELECT hash FROM blocks WHERE number = %s", (explored.head,)).fetchone()
    assert head is not None
    assert mark.group(1, 2, 3, 5) == (
        str(len(stored)),
        str(explored.head),
        "0x" + head["hash"].hex(),
        "false",
    )
    documents, end = await _ndjson(api, "transactions.ndjson")
    assert [(each["hash"], each["gas_used"]) for each in documents] == [
        ("0x" + row["hash"].hex(), row["gas_used"]) for row in stored
    ]
    assert (end["end"], end["rows"], end["truncated"]) == (True, len(stored), False)
    assert end["block_hash"] == "0x" + head["hash"].hex()


async def test_transactions_of_an_address_and_a_range_are_those(api: aiohttp.ClientSession, sql: Sql) -> None:
    row = sql.execute("SELECT address FROM addresses ORDER BY sent_count DESC LIMIT 1").fetchone()
    assert row is not None
    stored = sql.execute(
        "SELECT hash FROM transactions WHERE block_number BETWEEN 10 AND 60 AND (from_address = %(a)s"
        " OR to_address = %(a)s OR contract_address = %(a)s) ORDER BY block_number, transaction_index",
        {"a": row["address"]},
    ).fetchall()
    path = f"transactions.csv?address=0x{row['address'].hex()}&from_block=10&to_block=60"
    rows, _ = await _csv(api, path)
    assert [row["hash"] for row in rows] == ["0x" + row["hash"].hex() for row in stored]
    times = sql.execute("SELECT timestamp FROM blocks WHERE number IN (10, 60) ORDER BY number").fetchall()
    first, last = (row["timestamp"].strftime("%Y-%m-%dT%H:%M:%SZ") for row in times)
    by_time, _ = await _csv(
        api, f"transactions.csv?address=0x{row['address'].hex()}&from_time={first}&to_time={last}"
    )
    assert by_time == rows


async def test_token_transfers_are_those_of_the_token_and_of_the_address(
    api: aiohttp.ClientSession, sql: Sql
) -> None:
    stored = sql.execute(_TRANSFERS).fetchall()

    def keys(rows: list[dict[str, Any]]) -> list[tuple[int, ...]]:
        return [
            tuple(int(row[name]) for name in ("block_number", "log_index", "batch_index")) for row in rows
        ]

    rows, _ = await _csv(api, "token-transfers.csv")
    assert keys(rows) == keys(stored)
    assert [row["amount"] for row in rows] == [str(row["amount"]) for row in stored]
    assert [row["token_id"] for row in rows] == [
        "" if row["token_id"] is None else str(row["token_id"]) for row in stored
    ]
    token, holder = stored[-1]["token"], stored[-1]["to_address"]
    documents, _ = await _ndjson(api, f"token-transfers.ndjson?token=0x{token.hex()}")
    assert keys(documents) == keys([row for row in stored if row["token"] == token])
    documents, _ = await _ndjson(
        api, f"token-transfers.ndjson?address=0x{holder.hex()}&token=0x{token.hex()}"
    )
    mine = [row for row in stored if holder in {row["from_address"], row["to_address"]}]
    assert keys(documents) == keys([row for row in mine if row["token"] == token])


async def test_events_are_the_decoded_ones(api: aiohttp.ClientSession, sql: Sql) -> None:
    stored = sql.execute(_EVENTS).fetchall()
    documents, end = await _ndjson(api, "events.ndjson")
    assert [each["arguments"] for each in documents] == [row["arguments"] for row in stored]
    assert end["rows"] == len(stored)
    contract = stored[0]["address"]
    rows, _ = await _csv(api, f"events.csv?contract=0x{contract.hex()}")
    assert [(row["event"], json.loads(row["arguments"])) for row in rows] == [
        (row["name"], row["arguments"]) for row in stored if row["address"] == contract
    ]


async def test_answer_names_its_file_and_its_snapshot(api: aiohttp.ClientSession, explored: Explored) -> None:
    async with api.get("/api/v1/export/events.csv?from_block=3&to_block=9") as answer:
        text = await answer.text()
        assert answer.headers["content-disposition"] == 'attachment; filename="pend-events-3-9.csv"'
        assert answer.headers["pend-block-number"] == str(explored.head)
        assert answer.headers["cache-control"] == "no-store"
        assert f"sequence={answer.headers['pend-sequence']} " in text.splitlines()[-1]


async def test_exports_of_the_same_at_the_same_time_are_each_whole(api: aiohttp.ClientSession) -> None:
    both = await asyncio.gather(*(_ndjson(api, "transactions.ndjson") for _ in range(2)))
    assert both[0] == both[1]
    assert both[0][1]["end"] is True


async def test_export_of_what_is_not_there_is_refused_before_it_starts(
    api: aiohttp.ClientSession, explored: Explored
) -> None:
    details = await problem(api, f"/api/v1/export/events.csv?to_block={explored.head + 1}", 404)
    assert (details["indexed_from"], details["indexed_to"]) == (0, explored.head)
    for query, field in (
        ("address=0x12", "address"),
        ("from_block=-1", "from_block"),
        ("from_block=9&to_block=8", "from_block"),
        ("from_time=yesterday", "from_time"),
        ("from_time=2020-01-01T00:00:00Z&from_block=1", "from_time"),
        ("token=0x", "token"),
    ):
        details = await problem(api, f"/api/v1/export/transactions.csv?{query}", 400)
        assert details["field"] == field, query


async def test_names_that_are_formulas_are_quoted_in_csv_alone_and_rows_above_the_limit_are_told(
    explored: Explored, tmp_path: Path
) -> None:
    symbol = '-1+"\\n\n,\x01\x02é'
    with explored.clone() as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            named = "UPDATE chain.token_metadata SET name = %s, symbol = %s"
            connection.execute(named, ('=HYPERLINK("x")', symbol))
            connection.execute(
                "UPDATE chain.derivations SET derived_to = 100 WHERE derivation = 'decoded_events'"
            )
            counted = "SELECT count(*) FROM chain.token_transfers WHERE block_number BETWEEN 0 AND 60"
            row = connection.execute(counted).fetchone()
            assert row is not None
            rows_max = row[0] - 1
        with explorer_process(dsn, tmp_path, queries__export_rows_max=rows_max) as serving:
            async with aiohttp.ClientSession(serving.url) as api:
                rows, mark = await _csv(api, "token-transfers.csv?to_block=60")
                assert {row["token_name"] for row in rows} == {'\'=HYPERLINK("x")'}
                assert {row["token_symbol"] for row in rows} == {f"'{symbol}"}
                assert (len(rows), mark[5]) == (rows_max, "true")
                documents, end = await _ndjson(api, "token-transfers.ndjson?to_block=60")
                assert {each["token_symbol"] for each in documents} == {symbol}
                assert (len(documents), end["truncated"]) == (rows_max, True)
                _, mark = await _csv(api, "token-transfers.csv?to_block=30")
                assert mark[5] == "false"
                details = await problem(api, "/api/v1/export/token-transfers.csv", 400)
                assert details["type"] == "/problems/range-too-wide"
                details = await problem(api, "/api/v1/export/events.csv?to_block=101", 404)
                assert details["type"] == "/problems/not-derived"
                assert details["indexed_to"] == 100


@pytest.fixture(scope="module")
def large(explored: Explored, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An explorer on a database whose exports are some 60 MB."""
    with explored.clone() as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("UPDATE chain.decoded_events SET arguments = to_jsonb(repeat('x', 100000))")
        with explorer_process(
            dsn, tmp_path_factory.mktemp("large"), queries__expensive_per_client=1
        ) as serving:
            yield dsn, serving


async def test_client_that_goes_away_ends_its_backend(large: tuple[str, Serving]) -> None:
    dsn, serving = large
    with psycopg.connect(dsn, autocommit=True) as connection:
        async with aiohttp.ClientSession(serving.url, read_bufsize=2**12) as api:
            answer = await api.get("/api/v1/export/events.ndjson")
            await answer.content.readany()
            assert len(connection.execute(_RUNNING).fetchall()) == 1
            details = await problem(api, "/api/v1/export/events.csv?to_block=1", 429)
            assert details["type"] == "/problems/too-many-queries"
            answer.close()
            await _until(lambda: not connection.execute(_RUNNING).fetchall())
            _, mark = await _csv(api, "events.csv?to_block=1")
            assert mark[5] == "false"


async def test_slow_client_holds_the_copy_back_and_memory_flat(large: tuple[str, Serving]) -> None:
    dsn, serving = large
    with psycopg.connect(dsn, autocommit=True) as connection:
        async with aiohttp.ClientSession(serving.url, read_bufsize=2**12) as api:
            await _csv(api, "events.csv?to_block=1")
            before = _memory_kib(serving)
            async with api.get("/api/v1/export/events.ndjson") as answer:
                await answer.content.readany()
                # Nobody reads on, so PostgreSQL waits for us, with most of the rows still to come.
                await _until(lambda: "ClientWrite" in _waits(connection))
                size = 0
                last = b""
                while piece := await answer.content.readany():
                    size += len(piece)
                    last = (last + piece)[-300:]
                assert size > 20_000_000
                assert json.loads(last.splitlines()[-1])["end"] is True
            assert _memory_kib(serving) - before < 16 * 1024


async def test_export_whose_database_fails_has_no_end_mark(large: tuple[str, Serving]) -> None:
    dsn, serving = large
    with psycopg.connect(dsn, autocommit=True) as connection:
        async with aiohttp.ClientSession(serving.url, read_bufsize=2**12) as api:
            received = b""
            with suppress(aiohttp.ClientPayloadError):
                async with api.get("/api/v1/export/events.ndjson") as answer:
                    received += await answer.content.readany()
                    await _until(lambda: "ClientWrite" in _waits(connection))
                    connection.execute(f"SELECT pg_terminate_backend(pid) FROM ({_RUNNING}) AS r".encode())
                    async for piece in answer.content.iter_any():
                        received += piece
            assert len(received) > 0
            assert b'"end":true' not in received
            _, end = await _ndjson(api, "events.ndjson?to_block=1")
            assert end["end"] is True


def _waits(connection: psycopg.Connection[Any]) -> list[str]:
    return [row[1] for row in connection.execute(_RUNNING).fetchall()]


async def _until(holds: Any) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.02)


def _memory_kib(serving: Serving) -> int:
    """The most that the largest process of the server ever held."""
    pids = [serving.process.pid]
    for pid in pids:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        pids += [int(child) for child in children]
    statuses = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
    found = [re.search(r"VmHWM:\s+(\d+) kB", status) for status in statuses]
    return max(int(match[1]) for match in found if match)
