"""Derived rows are what the simulation's memory says, by arithmetic that is not ours."""

from dataclasses import fields
from typing import Any

import pytest

from devnet.chain import Devnet
from devnet.server import DevnetServer
from evm.consensus import Consensus
from postgres.connections import Connection
from tests.integration.indexer.derive.derived import connected
from tests.integration.indexer.derive.meaning import Meaning, meaning_of
from tests.oracle import derive_once, index_once

HEAD = 60
_KEYS = {
    "token_transfers": ("block_number", "log_index", "batch_index"),
    "token_balances": ("token", "standard", "holder", "token_id"),
    "tokens": ("token", "standard"),
    "address_transactions": ("address", "block_number", "transaction_index"),
    "address_token_transfers": ("address", "block_number", "log_index", "batch_index"),
    "addresses": ("address",),
    "network_hourly": ("bucket",),
    "network_daily": ("bucket",),
}


async def _rows(connection: Connection, table: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    keys = _KEYS[table]
    return {
        tuple(row[key] for key in keys): {
            name: value for name, value in row.items() if name not in keys and name != "mean_block_time_s"
        }
        for row in await connection.fetch(f"SELECT * FROM {table}")
    }


def _slow_network() -> Devnet:
    """Blocks half an hour apart, so that they fill many hours and several days."""
    return Devnet(3, Consensus.CLIQUE, history_blocks=HEAD, transactions_per_block=8, block_time_s=1900)


@pytest.fixture(scope="module")
def devnet() -> Devnet:
    return _slow_network()


@pytest.mark.parametrize("first", [0, 17])
async def test_every_derived_row_is_what_the_blocks_mean(database: str, devnet: Devnet, first: int) -> None:
    wanted: Meaning = meaning_of([block for n in range(first, HEAD + 1) if (block := devnet.block(n))])
    async with DevnetServer(devnet) as server:
        await index_once(database, server.http_url, first, HEAD)
    await derive_once(database, first)

    async with connected(database) as connection:
        stored = {each.name: await _rows(connection, each.name) for each in fields(Meaning)}
        means = await connection.fetch(
            "SELECT mean_block_time_s, interval_s_sum / nullif(intervals, 0) AS mean FROM network_daily"
        )

    assert len(wanted.network_hourly) > 20
    assert len({standard for _, standard in wanted.tokens}) == 3
    for table, rows in stored.items():
        assert rows == getattr(wanted, table), table
    assert all(row["mean_block_time_s"] == row["mean"] for row in means)
