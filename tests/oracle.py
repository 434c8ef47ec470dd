"""What a database must hold: compared with one that was indexed once, undisturbed, and with devnet itself."""

import asyncpg

from devnet.chain import Devnet
from indexer.derive import deriver
from indexer.derive.registry import REGISTRY
from indexer.fetch import FetchLimits
from indexer.network import agree_on_network
from indexer.segment import SegmentLimits, SegmentWriter
from indexer.writer import derive_next
from node.client import NodeClient
from node.settings import NodeSettings
from postgres.pool import DatabaseSettings, connect, open_pool

_KEYS = {
    "chain.blocks": "number",
    "chain.transactions": "block_number, transaction_index",
    "chain.logs": "block_number, log_index",
    "chain.block_locations": "hash",
    "chain.transaction_locations": "hash",
    "chain.coverage": "blocks",
    "chain.quarantined_blocks": "number",
}
_HISTORY = {
    "chain.chain_state": "id",
    "chain.outbox": "sequence",
    "chain.reorgs": "id",
    "chain.orphaned_blocks": "reorg_id, hash",
}


_DERIVED = {f"chain.{table}": "t::text" for each in REGISTRY for table in each.tables} | {
    "chain.derivations": "derivation"
}
_BY_HISTORY = {"chain.factory_children": "scope_id"}
"""Columns that name a record of how it came about; their rows are the same all the same."""


async def digests(dsn: str, *, history: bool = False, derived: bool = False) -> dict[str, str]:
    """Rows and md5 of each table of facts, locations and coverage; with `history`, of all the others too.

    With `derived`, of every derived table and its watermark.

    Two databases that hold the same chain have the same digests, however they came to it; with `history`
    equality means that nothing at all has changed.
    """
    connection = await asyncpg.connect(dsn)
    try:
        return {
            table: await connection.fetchval(
                f"SELECT count(*) || ' ' || md5(coalesce(string_agg({_row(table)}, E'\\n' ORDER BY {key}), ''))"
                f" FROM {table} AS t"
            )
            for table, key in {
                **_KEYS,
                **(_HISTORY if history else {}),
                **(_DERIVED if derived else {}),
            }.items()
        }
    finally:
        await connection.close()


def _row(table: str) -> str:
    return f"(to_jsonb(t) - '{_BY_HISTORY[table]}')::text" if table in _BY_HISTORY else "t::text"


async def index_once(
    dsn: str, node_url: str, first: int, last: int, *, derived: bool = False
) -> dict[str, str]:
    """Store `first`…`last` in the empty database `dsn` in one go; its digests are the truth of `node_url`."""
    database = DatabaseSettings(dsn)
    async with NodeClient(NodeSettings(urls=(node_url,))) as node, await open_pool(database) as pool:
        connection = await connect(database)
        try:
            network = await agree_on_network(connection, node)
        finally:
            await connection.close()
        limits = SegmentLimits(FetchLimits(2, 10, 2**26), commit_rows=10_000, full=True, outage_max_s=0)
        stored = await SegmentWriter(node, pool, network, limits, lambda _committed, _seconds: None).store(
            (first, last)
        )
    assert not stored.poisoned
    if derived:
        await derive_once(dsn, first)
    return await digests(dsn, derived=derived)


async def derive_once(dsn: str, first: int = 0, *, rows: int = 10**9) -> None:
    """Derive all that is stored from `first` on, in ranges of about `rows` facts: one, unless there are more."""
    connection = await connect(DatabaseSettings(dsn))
    try:
        await deriver.register(connection, first)
        while await derive_next(connection, rows) is not None:
            pass
    finally:
        await connection.close()


async def assert_holds_chain(dsn: str, devnet: Devnet, first: int = 0, last: int | None = None) -> None:
    """The stored blocks, transactions and logs are those of the simulation's own memory, no more, no fewer."""
    last = devnet.head.header.number if last is None else last
    blocks = [block for number in range(first, last + 1) if (block := devnet.block(number))]
    connection = await asyncpg.connect(dsn)
    try:
        assert [
            tuple(row)
            for row in await connection.fetch("SELECT number, hash FROM chain.blocks ORDER BY number")
        ] == [(block.header.number, block.hash) for block in blocks]
        assert [
            tuple(row)
            for row in await connection.fetch(
                "SELECT block_number, transaction_index, hash, from_address, status FROM chain.transactions"
                " ORDER BY block_number, transaction_index"
            )
        ] == [
            (block.header.number, index, transaction.hash, transaction.sender, receipt.status)
            for block in blocks
            for index, (transaction, receipt) in enumerate(
                zip(block.transactions, block.receipts, strict=True)
            )
        ]
        assert [
            tuple(row)
            for row in await connection.fetch(
                "SELECT block_number, log_index, address, data FROM chain.logs ORDER BY block_number, log_index"
            )
        ] == [
            (block.header.number, log.log_index, log.address, log.data)
            for block in blocks
            for receipt in block.receipts
            for log in receipt.logs
        ]
    finally:
        await connection.close()


async def value(dsn: str, sql: str, *arguments: object) -> object:
    """One value from the database."""
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql, *arguments)
    finally:
        await connection.close()


async def tip(dsn: str) -> int:
    """The highest stored block; -1 in an empty database."""
    found = await value(dsn, "SELECT coalesce(max(number), -1) FROM chain.blocks")
    assert isinstance(found, int)
    return found
