"""On TimescaleDB each of Etherscan's and the exports' statements opens the chunks of its blocks and no other."""

import re
from collections import Counter
from typing import Any

import asyncpg
import psycopg
import pytest

from postgres.pool import DatabaseSettings, connect
from postgres.queries import Query, load
from tests.integration.explorer_api.explorers import Explored

etherscan, explorer = load("etherscan"), load("explorer")

_CHUNK = re.compile(r"_hyper_(\d+)_\d+_chunk\b")
_WHO = b"\x11" * 20
_HASH = b"\x22" * 32

_STATEMENTS: list[tuple[Query, tuple[Any, ...]]] = [
    (etherscan.select_account_transactions, (_WHO, 5, 5, False, 10, 0, [5], 10**6)),
    (etherscan.select_mined_blocks, (_WHO, 10, 0, [5])),
    (etherscan.select_transaction_status, (_HASH, 5)),
    (etherscan.select_transaction, (_HASH, 5)),
    (etherscan.select_internal_transfers, (None, 5, 5, False, 10, 0, [5])),
    (etherscan.select_internal_transfers_of_transaction, (_HASH, 5)),
    (etherscan.select_account_token_transfers, (_WHO, 5, 5, True, 10, 0, None, 20, [], [5])),
    (etherscan.select_token_transfers, (_WHO, 5, 6, True, 10, 0, [_HASH], 20, [])),
    (etherscan.select_contract_creations, ([_WHO], [5])),
    (etherscan.select_block_reward, (5,)),
    (etherscan.select_logs, (_WHO, 5, 6, 10, 0, [None] * 4, [False] * 3, 10**6)),
    (etherscan.select_gas_prices, (5, 6)),
    (explorer.export_transactions, (5, 6, 10)),
    (explorer.export_address_transactions, (5, 6, 10, _WHO)),
    (explorer.export_token_transfers, (5, 6, 10, True)),
    (explorer.export_address_token_transfers, (5, 6, 10, True, _WHO, None)),
    (explorer.export_transfers_of_token, (5, 6, 10, True, _WHO)),
    (explorer.export_events, (5, 6, 10, True, None)),
]


@pytest.fixture
async def chunked(timescale_database: str, explored: Explored) -> Any:
    """The facts of the devnet in chunks of 20 blocks."""
    tables = ("blocks", "transactions", "logs", "token_transfers", "decoded_events", "decoded_calls")
    with (
        psycopg.connect(timescale_database, autocommit=True) as to,
        psycopg.connect(explored.dsn, autocommit=True) as source,
    ):
        to.execute("SELECT chain.resize_chunks(20)")
        for table in tables:
            with (
                source.cursor().copy(f"COPY chain.{table} TO STDOUT (FORMAT binary)".encode()) as out,
                to.cursor().copy(f"COPY chain.{table} FROM STDIN (FORMAT binary)".encode()) as into,
            ):
                for piece in out:
                    into.write(piece)
    connection = await connect(DatabaseSettings(timescale_database, read_only=True))
    yield connection
    await connection.close()


async def test_statements_open_the_chunks_of_their_blocks(
    chunked: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    whole = await chunked.fetch("EXPLAIN (COSTS OFF) SELECT FROM chain.transactions")
    assert _most_chunks(whole) >= 6
    for query, arguments in _STATEMENTS:
        plan = await chunked.fetch(f"EXPLAIN (COSTS OFF) {query.sql}", *arguments)
        assert _most_chunks(plan) <= 1, (query.name, "\n".join(row[0] for row in plan))


def _most_chunks(plan: list[asyncpg.Record]) -> int:
    """How many chunks of one table a plan opens."""
    names = {match[0]: match[1] for row in plan for match in _CHUNK.finditer(row[0])}
    return max(Counter(names.values()).values(), default=0)
