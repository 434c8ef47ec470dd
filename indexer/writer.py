"""The one transaction that stores blocks: facts, locations, coverage and outbox row, all or nothing.

Invariants 1 to 4, 8 and 10. Follower and backfill both write through here and nowhere else.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from indexer.chain import Link
from indexer.coverage import Covered, merge
from indexer.derive import deriver
from indexer.errors import CursorMoved, FinalityViolated, WriterFenced
from indexer.rows import BlockRows, copy_payloads
from postgres.connections import Connection
from postgres.copy import copy_binary
from postgres.errors import translated
from postgres.queries import load

queries = load("indexer")

_TOP = 2**62  # above every block


@dataclass(frozen=True, slots=True)
class Committed:
    """What one transaction stored, and the outbox sequence that announces it."""

    sequence: int
    first: int
    last: int
    transactions: int
    logs: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Branch:
    """The stored blocks that a reorg removes: all above `ancestor`, the highest of which is `old_head`."""

    ancestor: Link
    old_head: Link


async def store(
    connection: Connection,
    batch: Sequence[BlockRows],
    *,
    finalized: int,
    epoch: int | None = None,
    derives: bool = False,
) -> Committed:
    """Store consecutive linked blocks that nobody has stored, in one transaction.

    With `derives` what follows from them too, if everything below them is derived (invariant 7).
    `finalized` is the highest block that is final once these are stored (-1: none); `epoch` fences a
    follower. Raises `CoverageConflict` when some are stored, `SeamMismatch` when a stored neighbour is
    not their parent or child, `WriterFenced` when a newer follower has started. Nothing is half-done.
    """
    with translated():
        async with connection.transaction():
            await _copy(connection, batch)
            if derives:
                await deriver.extend(connection, batch[0].number, batch[-1].number)
            sequence = await _claim(connection, 1, finalized, epoch)
            await _cover(connection, batch)
            return await _announce(connection, batch, sequence, notify=epoch is not None)


async def replace(
    connection: Connection,
    branch: Branch,
    batch: Sequence[BlockRows],
    *,
    finalized: int,
    epoch: int | None,
    derives: bool = False,
) -> Committed:
    """Make `batch` the chain above `branch.ancestor`, in one transaction (invariant 3).

    Readers see the old branch or the new one, and what is derived from it. The removed headers are kept in
    `chain.orphaned_blocks`.
    Raises `CursorMoved` when the stored chain is not `branch` any more, also when a backfill has stored
    blocks above it, and `FinalityViolated` when the ancestor lies below the finalized block. Nothing is
    half-done.
    """
    with translated():
        async with connection.transaction():
            # Derived rows are locked before the commit is ordered, as everywhere.
            await deriver.revert(connection, branch.ancestor.number)
            sequence = await _claim(connection, 2, -1, epoch)
            depth = await _check_branch(connection, branch)
            await _revert(connection, branch, depth, batch[-1], sequence - 1)
            await _copy(connection, batch)
            if derives:
                await deriver.extend(connection, batch[0].number, batch[-1].number)
            await _cover(connection, batch)
            if finalized >= 0:
                await queries.claim_sequences.one(connection, 0, finalized)
            return await _announce(connection, batch, sequence, notify=True)


async def derive_next(connection: Connection, rows_max: int) -> deriver.Derived | None:
    """Derive the next range of about `rows_max` facts in one transaction that announces it."""
    with translated():
        async with connection.transaction():
            derived = await deriver.derive_next(connection, rows_max)
            if derived is not None:
                await announce_derived(connection, derived.first, derived.last)
            return derived


async def announce_derived(connection: Connection, first: int, last: int) -> None:
    """Say, as the caller's transaction ends, that figures of blocks `first`…`last` have changed."""
    sequence = await _claim(connection, 1, -1, None)
    await queries.insert_outbox.exec(connection, sequence, "derived", first, last, None, None)


async def _copy(connection: Connection, batch: Sequence[BlockRows]) -> None:
    for table, columns, payload in copy_payloads(batch):
        await copy_binary(connection, "chain", table, columns, payload)


async def _claim(connection: Connection, count: int, finalized: int, epoch: int | None) -> int:
    """Take `count` sequences, the last of which is returned; every later commit waits for this one."""
    row = await queries.claim_sequences.one(connection, count, finalized)
    assert row is not None, "the network is recorded before anything is written"
    if epoch is not None and row["writer_epoch"] != epoch:
        raise WriterFenced(epoch, row["writer_epoch"])
    sequence: int = row["outbox_sequence"]
    return sequence


async def _cover(connection: Connection, batch: Sequence[BlockRows]) -> None:
    new = Covered(batch[0].number, batch[-1].number, batch[0].parent_hash, batch[-1].hash)
    # One block to either side: the neighbours that must be parent and child.
    below, above = max(new.first - 1, 0), new.last + 1
    neighbours = [
        Covered(**row) for row in await queries.select_coverage_between.many(connection, below, above)
    ]
    merged = merge(new, neighbours)
    if neighbours:
        await queries.delete_coverage_between.exec(connection, below, above)
    await queries.insert_coverage.exec(
        connection, merged.first, merged.last, merged.first_parent_hash, merged.last_hash
    )
    await queries.delete_quarantined_between.exec(connection, new.first, new.last)


async def _announce(
    connection: Connection, batch: Sequence[BlockRows], sequence: int, *, notify: bool
) -> Committed:
    committed = Committed(
        sequence=sequence,
        first=batch[0].number,
        last=batch[-1].number,
        transactions=sum(rows.transactions for rows in batch),
        logs=sum(rows.logs for rows in batch),
        bytes=sum(rows.fetched_bytes for rows in batch),
    )
    payload = json.dumps({"transactions": committed.transactions, "logs": committed.logs})
    await queries.insert_outbox.exec(
        connection, sequence, "blocks", committed.first, committed.last, batch[-1].hash, payload
    )
    if notify:
        await queries.notify_outbox.exec(connection, sequence)
    return committed


async def _check_branch(connection: Connection, branch: Branch) -> int:
    """How many blocks the branch has. The claim keeps every other commit away, so it stays as it is seen."""
    state = await queries.select_chain_state.one(connection)
    ancestor, old_head = branch.ancestor, branch.old_head
    links = await queries.select_links.many(connection, ancestor.number, old_head.number)
    if not links or links[0]["hash"] != ancestor.hash or links[-1]["hash"] != old_head.hash:
        stored = links[0]["hash"] if links else None
        raise CursorMoved(ancestor.number, ancestor.hash, stored)
    # Whatever lies above the ancestor goes; the reorg must not tell less than that.
    covered = await queries.select_coverage_between.many(connection, old_head.number, _TOP)
    if covered[-1]["last"] != old_head.number:
        raise CursorMoved(covered[-1]["last"], None, covered[-1]["last_hash"])
    assert state is not None
    if ancestor.number < state["finalized_number"]:
        raise FinalityViolated(links[1]["number"], links[1]["hash"], ancestor.hash)
    return len(links) - 1


async def _revert(
    connection: Connection, branch: Branch, depth: int, new_head: BlockRows, sequence: int
) -> None:
    ancestor, old_head = branch.ancestor, branch.old_head
    reorg_id = await queries.insert_reorg.value(
        connection,
        ancestor.number,
        ancestor.hash,
        old_head.number,
        old_head.hash,
        new_head.number,
        new_head.hash,
        depth,
        sequence,
    )
    removed = await queries.revert_above.value(connection, ancestor.number, reorg_id)
    await queries.update_reorg_removed.exec(connection, reorg_id, removed)
    await _uncover(connection, ancestor)
    await queries.cut_verification.exec(connection, ancestor.number)
    await queries.revert_fetched.exec(connection, ancestor.number)
    payload = json.dumps({"reorg": reorg_id, "depth": depth, "transactions_removed": removed})
    await queries.insert_outbox.exec(
        connection, sequence, "reorg", ancestor.number + 1, old_head.number, ancestor.hash, payload
    )


async def _uncover(connection: Connection, ancestor: Link) -> None:
    """Cut the coverage at `ancestor`; nothing above it is stored any more."""
    ranges = await queries.select_coverage_between.many(connection, ancestor.number, _TOP)
    await queries.delete_coverage_between.exec(connection, ancestor.number, _TOP)
    holding = next((row for row in ranges if row["first"] <= ancestor.number <= row["last"]), None)
    if holding is None:
        raise CursorMoved(ancestor.number, ancestor.hash, None)
    await queries.insert_coverage.exec(
        connection, holding["first"], ancestor.number, holding["first_parent_hash"], ancestor.hash
    )
