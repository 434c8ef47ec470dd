"""Mutations of what stores: the one transaction, the seams, the branch swap, the keys (invariants 1 to 4)."""

from tests.mutation.mutation import Mutation

_WRITER = "tests/integration/indexer/test_writer.py"
_COVERAGE = "tests/unit/indexer/test_coverage.py"
_CHAIN = "tests/unit/indexer/test_chain.py"
_SEGMENT = "tests/integration/indexer/test_segment.py"
_REVERT = "tests/integration/postgres/test_revert_above.py"
_KEYS = "tests/integration/postgres/test_natural_keys.py"

ALL_OR_NOTHING = (
    Mutation(
        1,
        "a batch is stored in one transaction",
        "indexer/writer.py",
        "        async with connection.transaction():\n            await _copy(connection, batch)",
        "        if connection:\n            await _copy(connection, batch)",
        f"{_WRITER}::test_store_block_of_another_branch_beside_stored_ones_is_refused_whole[embedded]",
    ),
    Mutation(
        1,
        "a branch is replaced in one transaction",
        "indexer/writer.py",
        "        async with connection.transaction():\n            # Derived rows are locked",
        "        if connection:\n            # Derived rows are locked",
        f"{_WRITER}::test_replace_with_a_branch_that_does_not_follow_the_ancestor_is_refused_whole[embedded]",
    ),
    Mutation(
        1,
        "coverage is written in the transaction of the blocks",
        "indexer/writer.py",
        "            await _cover(connection, batch)\n"
        "            return await _announce(connection, batch, sequence, notify=epoch is not None)",
        "            committed = await _announce(connection, batch, sequence, notify=epoch is not None)\n"
        "        await _cover(connection, batch)\n"
        "        return committed",
        f"{_WRITER}::test_store_block_of_another_branch_beside_stored_ones_is_refused_whole[embedded]",
    ),
    Mutation(
        1,
        "the outbox row is written with the blocks",
        "indexer/writer.py",
        '    await queries.insert_outbox.exec(\n        connection, sequence, "blocks"',
        '    0 and await queries.insert_outbox.exec(\n        connection, sequence, "blocks"',
        f"{_WRITER}::test_store_blocks_makes_facts_locations_coverage_and_outbox_row[embedded]",
    ),
    Mutation(
        1,
        "locations are written with the facts",
        "indexer/writer.py",
        '        await copy_binary(connection, "chain", table, columns, payload)',
        '        if not table.endswith("_locations"):\n'
        '            await copy_binary(connection, "chain", table, columns, payload)',
        f"{_WRITER}::test_store_blocks_makes_facts_locations_coverage_and_outbox_row[embedded]",
    ),
)

LINKED = (
    Mutation(
        2,
        "the parent of a new range is compared with the stored range below",
        "indexer/coverage.py",
        "            if other.last_hash != new.first_parent_hash:",
        "            if False:",
        f"{_COVERAGE}::test_merge_above_another_branch_is_a_seam_mismatch",
    ),
    Mutation(
        2,
        "the last hash of a new range is compared with the stored range above",
        "indexer/coverage.py",
        "            if other.first_parent_hash != new.last_hash:",
        "            if False:",
        f"{_COVERAGE}::test_merge_below_another_branch_is_a_seam_mismatch",
    ),
    Mutation(
        2,
        "neighbours are read after the lock that orders commits is taken",
        "indexer/writer.py",
        "            sequence = await _claim(connection, 1, finalized, epoch)\n"
        "            await _cover(connection, batch)\n",
        "            await _cover(connection, batch)\n"
        "            sequence = await _claim(connection, 1, finalized, epoch)\n",
        "tests/integration/indexer/test_writer_order.py"
        "::test_store_beside_a_commit_that_hangs_joins_its_range[embedded]",
    ),
    Mutation(
        2,
        "blocks fetched for one commit are parent and child",
        "indexer/segment.py",
        "if batch and item.parent_hash != batch[-1].hash:",
        "if False:",
        f"{_SEGMENT}::test_segment_during_a_reorg_is_stored_from_one_branch",
    ),
    Mutation(
        2,
        "a fetched gap is cut where its blocks are not linked",
        "indexer/chain.py",
        "        below, above = links[index - 1], links[index]\n"
        "        if above.number != below.number + 1 or above.parent_hash != below.hash:",
        "        below, above = links[index - 1], links[index]\n        if above.number != below.number + 1:",
        f"{_CHAIN}::test_linked_prefix_stops_at_the_first_break",
    ),
    Mutation(
        2,
        "only the child of the tip extends it",
        "indexer/chain.py",
        "    if lowest.number == tip.number + 1 and lowest.parent_hash == tip.hash:",
        "    if lowest.number == tip.number + 1:",
        f"{_CHAIN}::test_place_child_of_unknown_sibling_needs_its_parent_then_rolls_back",
    ),
)

ONE_CHAIN = (
    Mutation(
        3,
        "the old branch goes in the transaction that brings the new one",
        "indexer/writer.py",
        "            await _copy(connection, batch)\n"
        "            if derives:\n"
        "                await deriver.extend(connection, batch[0].number, batch[-1].number)\n"
        "            await _cover(connection, batch)\n"
        "            if finalized >= 0:",
        "        async with connection.transaction():\n"
        "            await _copy(connection, batch)\n"
        "            await _cover(connection, batch)\n"
        "            if finalized >= 0:",
        f"{_WRITER}::test_replace_with_a_branch_that_does_not_follow_the_ancestor_is_refused_whole[embedded]",
    ),
    Mutation(
        3,
        "a revert removes transactions' locations",
        "migrations/0002_functions.sql",
        "WHERE l.hash = r.hash AND l.block_number > $1",
        "WHERE l.hash = r.hash AND l.block_number > $1 AND false",
        f"{_REVERT}::test_revert_above_middle_of_a_chunk_removes_only_what_is_above[embedded]",
    ),
    Mutation(
        3,
        "a revert removes blocks' locations",
        "migrations/0002_functions.sql",
        "WHERE l.hash = r.hash AND l.number > $1",
        "WHERE l.hash = r.hash AND l.number > $1 AND false",
        f"{_WRITER}::test_replace_leaves_no_location_of_a_removed_block[embedded]",
    ),
    Mutation(
        3,
        "a revert removes logs",
        "migrations/0002_functions.sql",
        "EXECUTE format('DELETE FROM %s WHERE block_number > $1', partition) USING ancestor;",
        "NULL;",
        f"{_REVERT}::test_revert_above_middle_of_a_chunk_removes_only_what_is_above[embedded]",
    ),
    Mutation(
        3,
        "a revert removes nothing below the ancestor",
        "migrations/0002_functions.sql",
        "DELETE FROM %s WHERE number > $1 RETURNING *",
        "DELETE FROM %s WHERE number >= $1 RETURNING *",
        f"{_REVERT}::test_revert_above_middle_of_a_chunk_removes_only_what_is_above[embedded]",
    ),
    Mutation(
        3,
        "a revert cuts coverage at the ancestor",
        "indexer/writer.py",
        "    await _uncover(connection, ancestor)\n",
        "",
        f"{_WRITER}::test_replace_swaps_the_branch_in_one_transaction_and_keeps_the_orphans[embedded]",
    ),
    Mutation(
        3,
        "removed headers are kept",
        "migrations/0002_functions.sql",
        "            FROM removed\n        $sql$, partition) USING ancestor, reorg;",
        "            FROM removed WHERE false\n        $sql$, partition) USING ancestor, reorg;",
        f"{_WRITER}::test_replace_swaps_the_branch_in_one_transaction_and_keeps_the_orphans[embedded]",
    ),
    Mutation(
        3,
        "a branch that was meanwhile replaced by another writer is left alone",
        "indexer/writer.py",
        "        raise CursorMoved(ancestor.number, ancestor.hash, stored)",
        "        assert stored is None or stored",
        f"{_WRITER}::test_replace_after_another_writer_moved_the_tip_is_refused_whole[embedded]",
    ),
)


def _key(mechanism: str, old: str, new: str, table: str) -> Mutation:
    return Mutation(
        4,
        mechanism,
        "migrations/0001_chain.sql",
        old,
        new,
        f"{_KEYS}::test_row_stored_twice_is_refused_by_its_key[embedded-{table}]",
    )


REPLAY = (
    Mutation(
        4,
        "coverage cannot overlap (exclusion constraint)",
        "migrations/0001_chain.sql",
        "upper(blocks) > lower(blocks)),\n    CONSTRAINT coverage_never_overlaps EXCLUDE USING gist (blocks WITH &&)",
        "upper(blocks) > lower(blocks))",
        f"{_KEYS}::test_coverage_that_overlaps_is_refused[embedded]",
    ),
    _key("blocks have a key", "number bigint PRIMARY KEY CHECK", "number bigint CHECK", "blocks"),
    _key(
        "transactions have a key",
        "    log_count integer NOT NULL,\n    PRIMARY KEY (block_number, transaction_index)\n",
        "    log_count integer NOT NULL\n",
        "transactions",
    ),
    _key(
        "logs have a key",
        "    data bytea NOT NULL,\n    PRIMARY KEY (block_number, log_index)\n",
        "    data bytea NOT NULL\n",
        "logs",
    ),
    _key(
        "a block's hash has one location",
        "    hash bytea PRIMARY KEY,\n    number bigint NOT NULL\n",
        "    hash bytea,\n    number bigint NOT NULL\n",
        "block_locations",
    ),
    _key(
        "a transaction's hash has one location",
        "    hash bytea PRIMARY KEY,\n    block_number bigint NOT NULL,",
        "    hash bytea,\n    block_number bigint NOT NULL,",
        "transaction_locations",
    ),
    Mutation(
        4,
        "overlapping ranges do not merge",
        "indexer/coverage.py",
        "            raise CoverageConflict(new.first, new.last, other.first, other.last)",
        "            continue",
        f"{_COVERAGE}::test_merge_overlap_is_a_conflict",
    ),
    Mutation(
        4,
        "a segment leaves out what is stored already",
        "indexer/segment.py",
        "        return gaps(covered, *segment)",
        "        return [segment]",
        f"{_SEGMENT}::test_segment_stored_in_part_gets_only_what_is_missing",
    ),
    Mutation(
        4,
        "a backfill is planned from coverage",
        "indexer/backfill.py",
        "missing = gaps([Covered(**row) for row in rows], first, last)",
        "missing = [(first, last)]",
        f"{_SEGMENT}::test_plan_of_a_range_stored_in_part_is_what_is_missing",
    ),
    Mutation(
        4,
        "a range is cut from what is missing alone",
        "indexer/coverage.py",
        "        if stored.last < next_missing:\n            continue",
        "        if stored.last <= next_missing:\n            continue",
        f"{_COVERAGE}::test_gaps_are_exactly_the_numbers_that_no_range_holds",
    ),
)
