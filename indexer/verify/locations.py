"""Locations that no fact stands behind.

The location tables have no index by block number, so both are read through once, in slices of pages: rows
are counted per bucket of blocks and compared with the facts. Only where the counts differ, or a fact lacks
its location, are hashes looked at, and a stray is what one statement, hence one snapshot, says is one.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

from evm.primitives import Hash32
from indexer.stored import Row
from indexer.verify.findings import Difference, shown
from indexer.writer import queries
from postgres.connections import Connection
from postgres.errors import translated
from postgres.queries import Query

BUCKET_BLOCKS = 1_000
SLICE_PAGES = 65_536  # 512 MB: seconds even from a slow disk, well below the statement timeout
_GROUP_ROWS_MAX = 200_000  # hashes held at once
_CONFIRM_HASHES_MAX = 10_000


@dataclass(slots=True)
class Tally:
    """Facts per bucket of blocks, and the buckets where one of them lacks its location."""

    rows: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    suspects: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Table:
    kind: str
    pages: int
    count: Query
    hashes: Query
    strays: Query


async def stray_locations(
    connection: Connection, first: int, last: int, blocks: Tally, transactions: Tally
) -> AsyncIterator[Difference]:
    """Rows of both location tables that name a block of `first`…`last` without such a fact in it."""
    with translated():
        pages = await queries.select_location_pages.one(connection)
        assert pages is not None
        for table, tally in (
            (
                _Table(
                    "stray_block_location",
                    pages["blocks"],
                    queries.count_block_locations,
                    queries.select_block_location_hashes,
                    queries.select_stray_block_locations,
                ),
                blocks,
            ),
            (
                _Table(
                    "stray_transaction_location",
                    pages["transactions"],
                    queries.count_transaction_locations,
                    queries.select_transaction_location_hashes,
                    queries.select_stray_transaction_locations,
                ),
                transactions,
            ),
        ):
            async for difference in _strays(connection, table, first, last, tally):
                yield difference


async def _strays(
    connection: Connection, table: _Table, first: int, last: int, tally: Tally
) -> AsyncIterator[Difference]:
    counts: defaultdict[int, int] = defaultdict(int)
    for begin, end in _slices(table.pages):
        for row in await table.count.many(connection, begin, end, first, last, BUCKET_BLOCKS):
            counts[row["bucket"]] += row["rows"]
    # A bucket without locations has no stray.
    suspects = sorted(
        bucket for bucket, count in counts.items() if count != tally.rows[bucket] or bucket in tally.suspects
    )
    for group in _groups(suspects, counts):
        hashes: defaultdict[int, list[Hash32]] = defaultdict(list)
        for begin, end in _slices(table.pages):
            rows = await table.hashes.many(connection, begin, end, first, last, BUCKET_BLOCKS, group)
            for row in rows:
                hashes[row["bucket"]].append(row["hash"])
        for bucket in group:
            lowest = max(first, bucket * BUCKET_BLOCKS)
            highest = min(last, (bucket + 1) * BUCKET_BLOCKS - 1)
            for difference in await _confirmed(connection, table, lowest, highest, hashes[bucket]):
                yield difference


async def _confirmed(
    connection: Connection, table: _Table, lowest: int, highest: int, hashes: list[Hash32]
) -> list[Difference]:
    strays: list[Row] = []
    for start in range(0, len(hashes), _CONFIRM_HASHES_MAX):
        some = hashes[start : start + _CONFIRM_HASHES_MAX]
        strays += await table.strays.many(connection, some, lowest, highest)
    expected = "none, since no such fact is stored"
    return [Difference(row["number"], table.kind, expected, f"one of {shown(row['hash'])}") for row in strays]


def _slices(pages: int) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Row ids that cut a table of `pages` pages; the last slice is open for rows added meanwhile."""
    for start in range(0, max(pages, 1), SLICE_PAGES):
        end = start + SLICE_PAGES
        yield (start, 0), (end if end < pages else 2**32 - 2, 0)


def _groups(buckets: list[int], counts: dict[int, int]) -> Iterator[list[int]]:
    """`buckets` in groups of at most `_GROUP_ROWS_MAX` rows, or of one bucket."""
    group: list[int] = []
    weight = 0
    for bucket in buckets:
        if group and weight + counts[bucket] > _GROUP_ROWS_MAX:
            yield group
            group, weight = [], 0
        group.append(bucket)
        weight += counts[bucket]
    if group:
        yield group
