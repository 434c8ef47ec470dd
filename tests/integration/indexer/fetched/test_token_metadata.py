"""Names and supplies of tokens: what honest ones say, and what is left of the lies of the others."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest
from eth_abi.abi import encode
from web3 import AsyncHTTPProvider, AsyncWeb3

from devnet.server import DevnetServer
from indexer.errors import CursorMoved
from indexer.fetched.answers import CLIPPED, TEXT_CHARACTERS_MAX
from indexer.fetched.keep import keep_fetching
from indexer.fetched.pinned import Pin, StateMissing
from indexer.fetched.token_metadata import (
    Metadata,
    fetch_token_metadata,
    store_token_metadata,
)
from indexer.network import agree_on_network
from indexer.settings import IndexerSettings
from indexer.stages import Stage
from indexer.writer import store
from node.client import NodeClient
from node.settings import NodeSettings
from tests.integration.devnet.test_web3 import ERC20_ABI
from tests.integration.indexer.chain_fixtures import Network, network
from tests.integration.indexer.fetched.fetching_fixtures import (
    REVERTED,
    Lies,
    fetching,
    reorganised,
    settled,
    stored,
)
from tests.processes import eventually

NAME, SYMBOL, DECIMALS, SUPPLY = "0x06fdde03", "0x95d89b41", "0x313ce567", "0x18160ddd"
CONSENSUS = "clique"


async def known_tokens(
    connection: asyncpg.Connection, tokens: dict[bytes, int], first_block: int = 1
) -> None:
    await connection.executemany(
        "INSERT INTO chain.tokens (token, standard, transfer_count, holder_count, minted, burned, first_block)"
        " VALUES ($1, $2, 1, 1, 0, 0, $3)",
        [(token, standard, first_block) for token, standard in tokens.items()],
    )


async def metadata(connection: asyncpg.Connection) -> dict[bytes, dict[str, Any]]:
    rows = await connection.fetch("SELECT * FROM chain.token_metadata")
    return {row["token"]: dict(row) for row in rows}


async def announced(connection: asyncpg.Connection) -> list[tuple[int, str, str | None]]:
    rows = await connection.fetch(
        "SELECT sequence, payload FROM chain.outbox WHERE kind = 'token' ORDER BY sequence"
    )
    payloads = [(row["sequence"], json.loads(row["payload"])) for row in rows]
    return [(sequence, payload["token"], payload["symbol"]) for sequence, payload in payloads]


def text(data: bytes) -> str:
    return "0x" + encode(["bytes"], [data]).hex()


def number(value: int) -> str:
    return f"0x{value:064x}"


def lying(lies: Lies, token: bytes, name: str, symbol: str, decimals: str, supply: str) -> None:
    said = ((NAME, name), (SYMBOL, symbol), (DECIMALS, decimals), (SUPPLY, supply))
    for selector, answer in said:
        lies.results["eth_call", "0x" + token.hex(), selector] = answer


async def test_tokens_of_the_network_are_read_as_web3_reads_them_and_announced_once(
    connection: asyncpg.Connection, clique: Network
) -> None:
    await stored(connection, clique)
    workload = clique.devnet.workload
    tokens = {workload.asset: 20, workload.share: 20, workload.certificate: 721, workload.multi: 1155}
    await known_tokens(connection, tokens)
    heard: list[None] = []
    async with fetching(
        connection, clique.server.http_url, on_announced=lambda: heard.append(None)
    ) as worker:
        assert await settled(fetch_token_metadata, worker) == 1
        found = await metadata(connection)
        web3: AsyncWeb3[Any] = AsyncWeb3(AsyncHTTPProvider(clique.server.http_url))
        for token in (workload.asset, workload.share):
            contract = web3.eth.contract(address=web3.to_checksum_address(token), abi=ERC20_ABI)
            row = found[token]
            assert [row["name"], row["symbol"], row["decimals"], row["total_supply"]] == [
                await getattr(contract.functions, name)().call()
                for name in ("name", "symbol", "decimals", "totalSupply")
            ]
        await web3.provider.disconnect()
    head = clique.devnet.head
    assert {row["state"] for row in found.values()} == {"read"}
    assert {(row["block_number"], row["block_hash"]) for row in found.values()} == {
        (head.header.number, head.hash)
    }
    assert found[workload.multi]["decimals"] is None
    sequences = [sequence for sequence, _, _ in await announced(connection)]
    assert sequences == [2, 3, 4, 5]
    assert await connection.fetchval("SELECT outbox_sequence FROM chain.chain_state") == 5
    assert len(heard) == 1


async def test_tokens_that_lie_lose_what_they_lie_about_and_harm_no_other(
    connection: asyncpg.Connection, clique: Network, lies: Lies
) -> None:
    await stored(connection, clique)
    huge, old, refusing, decimal, binary, nobody, shifty = (bytes([0xF0, index] * 10) for index in range(7))
    lying(lies, huge, text(b"A" * 10_000_000), text(b"B" * 100_000), number(18), number(1))
    maker = "0x" + b"Maker".ljust(32, b"\0").hex()
    lying(lies, old, maker, maker, number(18), number(2**256 - 1))
    lies.errors["eth_call", "0x" + refusing.hex()] = REVERTED
    lying(lies, decimal, text(b"D"), text(b"D"), number(2**256 - 1), "0x")
    lying(lies, binary, text(b"\xff\xfe\0bad"), text(b"\x07"), number(0), number(5))
    lying(lies, shifty, number(2**255), number(32) + "f" * 64, "0x12", "not hex at all")
    honest = clique.devnet.workload.asset
    await known_tokens(
        connection, dict.fromkeys((huge, old, refusing, decimal, binary, nobody, shifty, honest), 20)
    )
    async with fetching(connection, clique.server.http_url) as worker:
        await settled(fetch_token_metadata, worker)
    found = await metadata(connection)

    def said(token: bytes) -> tuple[Any, ...]:
        return tuple(found[token][key] for key in ("state", "name", "symbol", "decimals", "total_supply"))

    assert said(huge) == ("partial", None, "B" * TEXT_CHARACTERS_MAX + CLIPPED, 18, 1)
    assert "over 8388608 bytes" in found[huge]["fault"]
    assert said(old) == ("read", "Maker", "Maker", 18, 2**256 - 1)
    assert said(refusing) == ("reverted", None, None, None, None)
    assert said(decimal) == ("partial", "D", "D", None, None)
    assert said(binary) == ("read", "\ufffd\ufffd\ufffdbad", "\ufffd", 0, 5)
    assert said(nobody) == ("unreadable", None, None, None, None)
    assert said(shifty) == ("reverted", None, None, None, None)
    assert said(honest)[:3] == ("read", "Pend Dollar", "PUSD")
    assert len(await announced(connection)) == 8


async def test_token_is_asked_again_when_its_time_comes_and_announced_when_it_says_something_else(
    connection: asyncpg.Connection, clique: Network, lies: Lies
) -> None:
    await stored(connection, clique)
    token = b"\xf1" * 20
    lies.errors["eth_call", "0x" + token.hex()] = REVERTED
    await known_tokens(connection, {token: 20})
    async with fetching(connection, clique.server.http_url) as worker:
        await settled(fetch_token_metadata, worker)
        for attempts in (1, 2):
            row = (await metadata(connection))[token]
            assert (row["state"], row["attempts"]) == ("reverted", attempts)
            await connection.execute("UPDATE chain.token_metadata SET next_try_at = now()")
            await settled(fetch_token_metadata, worker)
        assert len(await announced(connection)) == 1
        del lies.errors["eth_call", "0x" + token.hex()]
        lying(lies, token, text(b"Late"), text(b"LATE"), number(2), number(100))
        await connection.execute("UPDATE chain.token_metadata SET next_try_at = now()")
        await settled(fetch_token_metadata, worker)
    assert [symbol for _, _, symbol in await announced(connection)] == [None, "LATE"]
    assert (await metadata(connection))[token]["attempts"] == 1


async def test_reorg_takes_back_what_was_read_above_it_and_it_is_read_anew(
    connection: asyncpg.Connection, clique: Network
) -> None:
    await stored(connection, clique)
    await known_tokens(connection, {clique.devnet.workload.asset: 20})
    async with fetching(connection, clique.server.http_url) as worker:
        await settled(fetch_token_metadata, worker)
        await reorganised(connection, clique, 3)
        assert await metadata(connection) == {}
        await settled(fetch_token_metadata, worker)
    assert [row["block_hash"] for row in (await metadata(connection)).values()] == [clique.devnet.head.hash]


async def test_answers_of_a_block_that_a_reorg_removed_meanwhile_are_not_stored(
    connection: asyncpg.Connection, clique: Network
) -> None:
    await stored(connection, clique)
    said = Metadata(b"\x01" * 20, "Gone", "GONE", 0, 1, "read", None)
    async with fetching(connection, clique.server.http_url) as worker:
        with pytest.raises(CursorMoved):
            await store_token_metadata(worker, Pin(5, b"\x05" * 32), [said], [60.0])
    assert await metadata(connection) == {}
    assert await connection.fetchval("SELECT outbox_sequence FROM chain.chain_state") == 1


async def test_state_that_the_node_forgot_is_no_answer_and_the_next_pin_is_read(
    connection: asyncpg.Connection,
) -> None:
    """Bonsai keeps 512 blocks: pinned below them, every call is refused, which says nothing of the token."""
    async with network(CONSENSUS, history=540, transactions_per_block=1) as running:  # type: ignore[arg-type]
        await agree_on_network(connection, running.node)
        await store(connection, await running.rows(0, 12), finalized=-1)
        await known_tokens(connection, {running.devnet.workload.asset: 20})
        async with fetching(connection, running.server.http_url) as worker:
            with pytest.raises(StateMissing, match="block 12"):
                await fetch_token_metadata(worker)
            assert await metadata(connection) == {}
            await store(connection, await running.rows(530, 540), finalized=-1)
            await settled(fetch_token_metadata, worker)
    assert [row["name"] for row in (await metadata(connection)).values()] == ["Pend Dollar"]


async def test_worker_outlives_a_node_that_is_away_and_goes_on_when_it_is_back(
    connection: asyncpg.Connection, database: str, clique: Network
) -> None:
    await stored(connection, clique)
    await known_tokens(connection, {clique.devnet.workload.asset: 20})
    settings = IndexerSettings.model_validate(
        {
            "database": {"dsn": database},
            "node": {"urls": ["http://127.0.0.1:9"], "retry_deadline_s": 0.1},
            "fetched": {"look_every_s": 0.05},
        }
    )
    stage = Stage("fetch token_metadata", 60.0)
    away = asyncio.create_task(keep_fetching("token_metadata", settings, stage=stage))
    try:
        await asyncio.wait({away}, timeout=0.5)
        assert not away.done()
    finally:
        away.cancel()
        await asyncio.gather(away, return_exceptions=True)
    async with DevnetServer(clique.devnet) as server, NodeClient(NodeSettings(urls=(server.http_url,))):
        back = settings.model_copy(
            update={"node": settings.node.model_validate({"urls": [server.http_url], "retry_deadline_s": 1})}
        )
        running = asyncio.create_task(keep_fetching("token_metadata", back, stage=stage))

        async def is_read() -> bool:
            return bool(await metadata(connection))

        try:
            await eventually(is_read, "the token is read")
            assert not running.done()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
