"""Mutations of what is derived: whole ranges in block order, and exactly taken back (invariant 7)."""

from tests.mutation.mutation import Edit, Mutation

_DERIVER = "tests/integration/indexer/derive/test_deriver.py"
_DERIVATIONS = "tests/integration/indexer/derive/test_derivations.py"
_REBUILD = "tests/integration/indexer/derive/test_rebuild.py"
_DECODED = "tests/integration/indexer/decode/test_decoded_events.py"
_FETCHED = "tests/integration/indexer/fetched/test_native_balances.py"

_HISTORY = f"{_DERIVATIONS}::test_derived_tables_after_any_history_are_those_of_a_chain_derived_at_once"
_TAKEN_BACK = f"{_DERIVER}::test_range_taken_back_leaves_what_was_derived_before_it[clique]"
_BALANCES = "sql/derive/token_balances.sql"

IN_ORDER = (
    Mutation(
        7,
        "what is derived is taken back before its facts go",
        "indexer/writer.py",
        "            await deriver.revert(connection, branch.ancestor.number)\n",
        "",
        _HISTORY,
        also=(
            Edit(
                "indexer/writer.py",
                "            await _revert(connection, branch, depth, batch[-1], sequence - 1)\n",
                "            await _revert(connection, branch, depth, batch[-1], sequence - 1)\n"
                "            await deriver.revert(connection, branch.ancestor.number)\n",
            ),
        ),
    ),
    Mutation(
        7,
        "derivations are locked before the commit is ordered",
        "indexer/writer.py",
        "            await deriver.revert(connection, branch.ancestor.number)\n"
        "            sequence = await _claim(connection, 2, -1, epoch)\n",
        "            sequence = await _claim(connection, 2, -1, epoch)\n"
        "            await deriver.revert(connection, branch.ancestor.number)\n",
        f"{_DERIVER}::test_reorg_beside_a_range_that_is_being_derived_waits_for_it_and_neither_fails",
    ),
    Mutation(
        7,
        "a range and its watermark are one transaction",
        "indexer/writer.py",
        "        async with connection.transaction():\n"
        "            derived = await deriver.derive_next(connection, rows_max)",
        "        if connection:\n            derived = await deriver.derive_next(connection, rows_max)",
        f"{_DERIVER}::test_range_whose_last_statement_fails_leaves_nothing_of_it",
    ),
    Mutation(
        7,
        "a block is derived with its facts only right above what is derived",
        "indexer/derive/deriver.py",
        "    group = [each for each in registry if at.get(each.name) == first - 1]",
        "    group = [each for each in registry if each.name in at]",
        f"{_DERIVER}::test_block_stored_above_a_hole_is_not_derived_with_it",
    ),
    Mutation(
        7,
        "a range ends where coverage has a hole",
        "sql/derive/derivations.sql",
        "SELECT upper(blocks) - 1 FROM chain.coverage WHERE blocks @> $1::bigint;",
        "SELECT max(upper(blocks)) - 1 FROM chain.coverage HAVING max(upper(blocks)) > $1::bigint;",
        f"{_DERIVATIONS}::test_derivation_waits_below_a_hole",
    ),
    Mutation(
        7,
        "a reorg cuts the watermark",
        "indexer/derive/deriver.py",
        "        await queries.update_derived_to.exec(connection, names, keeps_to)",
        "        pass",
        _TAKEN_BACK,
    ),
    Mutation(
        7,
        "derivations are taken back in the opposite order",
        "indexer/derive/deriver.py",
        "    for each in reversed(registry):",
        "    for each in registry:",
        _TAKEN_BACK,
    ),
)

TAKEN_BACK = (
    Mutation(
        7,
        "balances move back by what the transfers moved",
        _BALANCES,
        "    SET balance = b.balance - d.balance, ",
        "    SET balance = b.balance, ",
        _TAKEN_BACK,
    ),
    Mutation(
        7,
        "holders are counted by what a range changed",
        _BALANCES,
        "            SELECT token, standard, holder, 0, balance FROM deltas WHERE standard = 20\n",
        "            SELECT token, standard, holder, 0, 0 FROM deltas WHERE standard = 20\n",
        _HISTORY,
    ),
    Mutation(
        7,
        "holders are counted back by what a range changed",
        _BALANCES,
        "            SELECT token, standard, holder, 0, -balance FROM deltas WHERE standard = 20\n",
        "            SELECT token, standard, holder, 0, balance FROM deltas WHERE standard = 20\n",
        _TAKEN_BACK,
    ),
    Mutation(
        7,
        "a holder that no block names any more is forgotten",
        _BALANCES,
        "      AND b.first_block >= $1::bigint\n",
        "      AND false\n",
        _TAKEN_BACK,
    ),
    Mutation(
        7,
        "an address was last seen in the block before those taken back",
        "sql/derive/addresses.sql",
        "        last_block = b.seen_before,\n",
        "        last_block = a.last_block,\n",
        _TAKEN_BACK,
    ),
    Mutation(
        7,
        "topics are counted back by the logs that nobody read",
        "sql/derive/unknown_topics.sql",
        "SET log_count = u.log_count - gone.log_count",
        "SET log_count = u.log_count",
        f"{_DECODED}::test_topic_is_forgotten_when_its_last_unknown_log_is_reverted[embedded]",
    ),
    Mutation(
        7,
        "what was read from the node above the ancestor goes with a reorg",
        "indexer/writer.py",
        "    await queries.revert_fetched.exec(connection, ancestor.number)\n",
        "",
        f"{_FETCHED}::test_reorg_removes_what_was_read_above_it_and_reads_it_anew[embedded]",
    ),
)

COMPARED = (
    Mutation(
        7,
        "a row that is not what is recomputed is told",
        "migrations/0005_derivations.sql",
        "        WHERE ROW(e.*) IS DISTINCT FROM ROW(s.*)\n",
        "        WHERE e IS NULL AND s IS NULL\n",
        f"{_DERIVATIONS}::test_row_changed_by_hand_is_named[embedded]",
    ),
    Mutation(
        7,
        "blocks are decoded again by the ABIs that were in force then",
        "indexer/derive/registry.py",
        "DecodedEvents(recompute=True) if each is DECODED_EVENTS else each",
        "DecodedEvents() if each is DECODED_EVENTS else each",
        f"{_DECODED}::test_abi_reads_blocks_derived_after_it_was_added_and_not_those_before[embedded]",
    ),
    Mutation(
        7,
        "a rebuild writes what differs",
        "migrations/0005_derivations.sql",
        "    EXECUTE format(\n        'DELETE FROM %s AS s WHERE NOT EXISTS",
        "    EXECUTE format(\n        'DELETE FROM %s AS s WHERE false AND NOT EXISTS",
        f"{_REBUILD}::test_verify_names_the_first_row_that_differs_and_rebuild_mends_all[embedded]",
    ),
)
