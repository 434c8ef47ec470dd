"""/api/v1/blocks, against the rows that it tells of."""

from typing import Any

import aiohttp
import psycopg

from explorer_api.answers.blocks import Block, BlockSummary
from explorer_api.answers.envelope import Listed, One
from tests.integration.explorer_api.explorers import Explored, get, problem, walk

Sql = psycopg.Connection[dict[str, Any]]


async def test_block_by_number_hash_and_tag_is_the_stored_one(
    api: aiohttp.ClientSession, sql: Sql, explored: Explored
) -> None:
    row = sql.execute("SELECT * FROM blocks WHERE number = 7").fetchone()
    assert row is not None
    by_number = await get(api, "/api/v1/blocks/7", One[Block])
    by_hash = await get(api, f"/api/v1/blocks/0x{row['hash'].hex()}", One[Block])
    assert by_number.data == by_hash.data
    block = by_number.data
    assert block.hash == "0x" + row["hash"].hex()
    assert block.timestamp == row["timestamp"]
    assert (block.gas_used, block.transaction_count) == (row["gas_used"], row["transaction_count"])
    assert block.extra_data == "0x" + row["extra_data"].hex()
    assert block.final
    assert block.next_number == 8
    latest = await get(api, "/api/v1/blocks/latest", One[Block])
    assert latest.data.number == latest.meta.block_number == explored.head
    assert latest.data.next_number is None
    finalized = await get(api, "/api/v1/blocks/finalized", One[Block])
    assert finalized.data.number == explored.head  # QBFT


async def test_blocks_are_every_block_newest_first(api: aiohttp.ClientSession, explored: Explored) -> None:
    blocks = await walk(api, "/api/v1/blocks", Listed[BlockSummary], limit=17)
    assert [block.number for block in blocks] == list(range(explored.head, -1, -1))


async def test_block_that_is_not_indexed_says_what_is(api: aiohttp.ClientSession, explored: Explored) -> None:
    details = await problem(api, f"/api/v1/blocks/{explored.head + 1}", 404)
    assert details["type"] == "/problems/not-indexed"
    assert (details["indexed_from"], details["indexed_to"]) == (0, explored.head)
    details = await problem(api, f"/api/v1/blocks/0x{'00' * 32}", 404)
    assert details["type"] == "/problems/not-found"


async def test_block_by_what_is_no_name_is_refused(api: aiohttp.ClientSession) -> None:
    for name in ("-1", "0x12", "newest", "1e3", "9223372036854775808", "0x" + "g" * 64, "1;DROP"):
        details = await problem(api, f"/api/v1/blocks/{name}", 400)
        assert details["field"] == "block", name
        assert details["allowed"], name


async def test_page_with_wrong_parameters_names_them(api: aiohttp.ClientSession) -> None:
    for query, field in (
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=x", "limit"),
        ("offset=3", "offset"),
    ):
        details = await problem(api, f"/api/v1/blocks?{query}", 400)
        assert details["field"] == field, details
    page = await get(api, "/api/v1/blocks?limit=3", Listed[BlockSummary])
    assert page.page.next is not None
    edited = page.page.next[:-2] + ("AA" if page.page.next[-2:] != "AA" else "BB")
    details = await problem(api, f"/api/v1/blocks?cursor={edited}", 400)
    assert details["type"] == "/problems/cursor-malformed"
