"""The ABI of the benchmarks' trading contract, put in force as `pend-index abi add` does."""

from pathlib import Path

from indexer.decode import registration
from indexer.decode.candidates import read_candidate
from postgres.pool import DatabaseSettings, connect

_FILE = Path(__file__).with_name("market.json")


async def register_market(dsn: str) -> None:
    """From the next block on every event and call of the benchmarks' chain can be read."""
    connection = await connect(DatabaseSettings(dsn))
    try:
        await registration.add(connection, [read_candidate(_FILE)], "command")
    finally:
        await connection.close()
