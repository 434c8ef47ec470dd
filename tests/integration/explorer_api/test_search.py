"""/api/v1/search: what each kind of text finds."""

from typing import Any
from urllib.parse import quote

import aiohttp
import psycopg

from explorer_api.answers.envelope import One
from explorer_api.answers.search import (
    FoundAddress,
    FoundBlock,
    FoundToken,
    FoundTransaction,
    Search,
)
from tests.integration.explorer_api.explorers import Explored, get, problem

Sql = psycopg.Connection[dict[str, Any]]


async def _search(api: aiohttp.ClientSession, text: str, **others: int) -> Search:
    more = "".join(f"&{name}={value}" for name, value in others.items())
    found = await get(api, f"/api/v1/search?q={quote(text)}{more}", One[Search])
    assert found.data.query == text.strip()
    return found.data


async def test_number_finds_its_block(api: aiohttp.ClientSession, sql: Sql, explored: Explored) -> None:
    row = sql.execute("SELECT hash FROM blocks WHERE number = 17").fetchone()
    assert row is not None
    for text in ("17", "#17", " 17 "):
        found = await _search(api, text)
        assert FoundBlock(True, 17, f"0x{row['hash'].hex()}", "/api/v1/blocks/17") in found.results
        assert found.redirect == "/api/v1/blocks/17"
    assert (await _search(api, f"{explored.head + 1}")).redirect is None


async def test_hashes_are_found_whole_and_by_prefix(api: aiohttp.ClientSession, sql: Sql) -> None:
    block = sql.execute("SELECT hash, number FROM blocks WHERE number = 90").fetchone()
    sent = sql.execute("SELECT * FROM transactions WHERE block_number = 90 LIMIT 1").fetchone()
    assert block is not None
    assert sent is not None
    whole = await _search(api, "0x" + block["hash"].hex().upper())
    path = f"/api/v1/blocks/0x{block['hash'].hex()}"
    assert whole.results == [FoundBlock(True, 90, f"0x{block['hash'].hex()}", path)]
    assert whole.redirect == path
    digits = sent["hash"].hex()
    whole = await _search(api, digits)
    assert whole.redirect == f"/api/v1/transactions/0x{digits}"
    for length in (9, 12, 63):
        part = await _search(api, f"0x{digits[:length]}")
        path = f"/api/v1/transactions/0x{digits}"
        index = sent["transaction_index"]
        assert FoundTransaction(False, f"0x{digits}", 90, index, path) in part.results
        assert part.redirect is None
    assert not (await _search(api, "0x" + digits[:5])).results


async def test_addresses_are_found_whole_and_by_prefix(api: aiohttp.ClientSession, sql: Sql) -> None:
    rows = sql.execute("SELECT token, symbol FROM token_metadata WHERE symbol = 'PUSD'").fetchall()
    address = rows[0]["token"].hex()
    path = f"/api/v1/addresses/0x{address}"
    found = await _search(api, f"0x{address}")
    assert found.results == [FoundAddress(True, f"0x{address}", True, True, True, "PUSD", path)]
    assert found.redirect == path
    part = await _search(api, address[:10] if not address[:10].isdigit() else "0x" + address[:10])
    assert FoundAddress(False, f"0x{address}", True, True, True, "PUSD", path) in part.results
    unseen = await _search(api, "0x" + "12" * 20)
    assert [type(each) for each in unseen.results] == [FoundAddress]
    assert unseen.results[0] == FoundAddress(
        True, "0x" + "12" * 20, False, False, False, None, f"/api/v1/addresses/0x{'12' * 20}"
    )


async def test_tokens_are_found_by_symbol_and_name(api: aiohttp.ClientSession, sql: Sql) -> None:
    found = await _search(api, "pusd")
    tokens = [each for each in found.results if isinstance(each, FoundToken)]
    assert [(token.symbol, token.exact, token.standards) for token in tokens] == [("PUSD", True, ["ERC-20"])]
    assert found.redirect == tokens[0].path
    expected = {
        "0x" + row["token"].hex()
        for row in sql.execute("SELECT token FROM token_metadata WHERE name ILIKE 'pend%'").fetchall()
    }
    found = await _search(api, "Pend ", limit=25)
    tokens = [each for each in found.results if isinstance(each, FoundToken)]
    assert {token.address for token in tokens} == expected
    assert len(expected) > 2
    assert [each.holder_count for each in tokens] == sorted((t.holder_count for t in tokens), reverse=True)
    assert len((await _search(api, "Pend", limit=2)).results) == 2
    for text in ("p%", "pus_", "PÜSD", "'; DROP TABLE chain.blocks; --", "\\x00", "0x", "-1", "9" * 30):
        assert not (await _search(api, text)).results, text


async def test_text_that_is_no_search_is_refused(api: aiohttp.ClientSession) -> None:
    for text in ("", "   ", "a\x00b", "a\nb", "x" * 101, "x" * 5_000):
        details = await problem(api, f"/api/v1/search?q={quote(text)}", 400)
        assert details["field"] == "q", text
    await problem(api, "/api/v1/search", 400)
    assert (await problem(api, "/api/v1/search?q=x&limit=26", 400))["field"] == "limit"
    await problem(api, f"/api/v1/search?q={'x' * 10_000}", 414)
