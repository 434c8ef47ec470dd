"""Reads a range from the lowest block up, a snapshot at a time, and checks what it reads.

Each batch of blocks is one REPEATABLE READ transaction that also reads the parent of its first block, so
that a reorg between two batches, or between two statements, is never taken for a difference.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from evm.primitives import Hash32, to_hex
from indexer.network import Network, select_network
from indexer.stored import Row
from indexer.verify.blocks import StoredBlock, check_block, check_genesis, check_link
from indexer.verify.findings import Difference, Findings, VerifyReport
from indexer.verify.locations import BUCKET_BLOCKS, Tally, stray_locations
from indexer.verify.node import compare_with_node
from indexer.writer import queries
from node.client import NodeClient
from postgres.connections import Connection
from postgres.errors import translated

BATCH_BLOCKS = 200
PIECE_ROWS_MAX = 20_000  # transactions and logs held at once; a single block may have more
_UNVERIFIABLE_SHOWN_MAX = 10


@dataclass(slots=True)
class _Walk:
    """What has been counted on the way."""

    network: Network | None
    blocks: int = 0
    transactions: int = 0
    logs: int = 0
    differences: int = 0
    unverifiable: list[int] = field(default_factory=list)
    block_tally: Tally = field(default_factory=Tally)
    transaction_tally: Tally = field(default_factory=Tally)


@dataclass(slots=True)
class _Batch:
    """What one snapshot held: the blocks `first`…`last`, or the hole that is there."""

    first: int
    last: int
    hashes: dict[int, Hash32] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)


async def verify(
    connection: Connection,
    first: int,
    last: int,
    *,
    node: NodeClient | None = None,
    on_difference: Callable[[Difference], None] = lambda _: None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> VerifyReport:
    """Check all that is stored of blocks `first`…`last`, and with `node` that it has the same hashes.

    Every difference is told as it is found; none hides another. `on_progress` hears how many blocks are
    done. Changes nothing. At the end both location tables are read through once, however short the range.
    Raises the errors of postgres.errors and node.errors, WrongChain and WrongGenesis among them.
    """
    network = await select_network(connection)
    if node is not None and network is not None:
        await node.verify_network(network.chain_id, to_hex(network.genesis_hash))
    walk = _Walk(network)
    compared = 0

    def tell(differences: Sequence[Difference]) -> None:
        walk.differences += len(differences)
        for difference in differences:
            on_difference(difference)

    position = first
    while position <= last:
        with translated():
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                batch = await _read_batch(connection, position, last, walk)
        # Told outside the transaction: whoever prints may wait for a pager.
        tell(batch.differences)
        if node is not None and batch.hashes:
            tell(await compare_with_node(connection, node, batch.hashes))
            compared += len(batch.hashes)
        position = batch.last + 1
        on_progress(position - first)
    async for stray in stray_locations(connection, first, last, walk.block_tally, walk.transaction_tally):
        tell((stray,))
    return VerifyReport(
        first=first,
        last=last,
        blocks=walk.blocks,
        transactions=walk.transactions,
        logs=walk.logs,
        differences=walk.differences,
        unverifiable=len(walk.unverifiable),
        unverifiable_numbers=tuple(walk.unverifiable[:_UNVERIFIABLE_SHOWN_MAX]),
        compared_with_node=compared,
    )


async def verify_covered(connection: Connection, first: int, last: int) -> list[Difference]:
    """The differences of covered blocks, read in the caller's transaction; a few hundred blocks at most.

    Their locations are checked, locations that no fact stands behind are not looked for.
    """
    walk = _Walk(await select_network(connection))
    differences: list[Difference] = []
    while first <= last:
        batch = await _read_batch(connection, first, last, walk)
        differences += batch.differences
        first = batch.last + 1
    return differences


async def _read_batch(connection: Connection, position: int, last: int, walk: _Walk) -> _Batch:
    """The next covered blocks, checked, or the whole hole that begins at `position`."""
    covered = await queries.select_next_coverage.one(connection, position, last)
    if covered is None or covered["first"] > position:
        return await _read_hole(connection, position, last if covered is None else covered["first"] - 1)
    batch = _Batch(position, min(last, covered["last"], position + BATCH_BLOCKS - 1))
    below = max(position - 1, 0)
    rows: dict[int, Row] = {
        row["number"]: row for row in await queries.select_whole_blocks.many(connection, below, batch.last)
    }
    _check_edges(batch, covered, rows)
    for piece_first, piece_last in pieces(rows, position, batch.last):
        transactions = _by_block(
            await queries.select_whole_transactions.many(connection, piece_first, piece_last)
        )
        logs = _by_block(await queries.select_whole_logs.many(connection, piece_first, piece_last))
        for number in range(piece_first, piece_last + 1):
            row = rows.get(number)
            if row is None:
                batch.differences.append(_missing_block(number, transactions[number], logs[number]))
                continue
            stored = StoredBlock(number, row, transactions[number], logs[number])
            batch.hashes[number] = row["hash"]
            findings = _check(stored, rows.get(number - 1), walk)
            batch.differences += findings.differences
    return batch


def _check(stored: StoredBlock, parent: Row | None, walk: _Walk) -> Findings:
    network = walk.network
    findings = check_block(stored, network_chain_id=network.chain_id if network else None)
    if stored.number == 0:
        check_genesis(findings, stored.row, network.genesis_hash if network else None)
    elif parent is not None:
        check_link(findings, stored.row, parent)
    walk.blocks += 1
    walk.transactions += len(stored.transactions)
    walk.logs += len(stored.logs)
    bucket = stored.number // BUCKET_BLOCKS
    walk.block_tally.rows[bucket] += 1
    walk.transaction_tally.rows[bucket] += len(stored.transactions)
    for difference in findings.differences:
        if difference.kind == "block_location":
            walk.block_tally.suspects.add(bucket)
        elif difference.kind == "transaction_location":
            walk.transaction_tally.suspects.add(bucket)
    if findings.unverifiable:
        walk.unverifiable.append(stored.number)
    return findings


async def _read_hole(connection: Connection, first: int, last: int) -> _Batch:
    hole = _Batch(first, last)
    missing = "not covered" if first == last else f"not covered, nor is any up to block {last}"
    hole.differences.append(Difference(first, "not_covered", "stored", missing))
    lowest = await queries.select_uncovered_rows.one(connection, first, last)
    assert lowest is not None
    for fact in ("blocks", "transactions", "logs"):
        number = lowest[fact]
        if number is not None:
            hole.differences.append(
                Difference(number, "uncovered_rows", f"no rows before block {last + 1}", f"some {fact}")
            )
    return hole


def _check_edges(batch: _Batch, covered: Row, rows: Mapping[int, Row]) -> None:
    """The hashes beside a covered range are those of its first and last block."""
    for number, edge, column in (
        (covered["first"], "first_parent_hash", "parent_hash"),
        (covered["last"], "last_hash", "hash"),
    ):
        if batch.first <= number <= batch.last and number in rows:
            findings = Findings(number)
            findings.require("coverage_edge", rows[number][column], covered[edge], f"coverage.{edge}")
            batch.differences += findings.differences


def _missing_block(number: int, transactions: Sequence[Row], logs: Sequence[Row]) -> Difference:
    left = f"{len(transactions)} transaction(s) and {len(logs)} log(s) without it"
    return Difference(number, "block_missing", "a row in blocks, since the block is covered", left)


def pieces(rows: Mapping[int, Row], first: int, last: int) -> Iterator[tuple[int, int]]:
    """`first`…`last` cut so that each piece has at most `PIECE_ROWS_MAX` rows, or is one block."""
    start, weight = first, 0
    for number in range(first, last + 1):
        row = rows.get(number)
        own = 0 if row is None else max(row["transaction_count"], 0) + max(row["log_count"], 0)
        if number > start and weight + own > PIECE_ROWS_MAX:
            yield start, number - 1
            start, weight = number, 0
        weight += own
    yield start, last


def _by_block(rows: Sequence[Row]) -> defaultdict[int, list[Row]]:
    grouped: defaultdict[int, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row["block_number"]].append(row)
    return grouped
