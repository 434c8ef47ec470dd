"""Mutations of what bounds and orders: rollback, recomputing, one writer, one network, the outbox (6 to 10)."""

from tests.mutation.mutation import Edit, Mutation

_WRITER = "tests/integration/indexer/test_writer.py"
_ORDER = "tests/integration/indexer/test_writer_order.py"
_CHAIN = "tests/unit/indexer/test_chain.py"
_VERIFY = "tests/unit/indexer/test_verify_blocks.py"
_WATERMARK = "tests/integration/indexer/test_watermark.py"
_SESSION = "tests/integration/indexer/test_session.py"
_ENDPOINTS = "tests/integration/node/test_endpoints.py"
_FOLLOW = "tests/integration/indexer/test_follower.py"

BOUNDED = (
    Mutation(
        6,
        "a branch that would replace a final block is refused",
        "indexer/chain.py",
        "    if ancestor.number < window.finalized:",
        "    if False:",
        f"{_CHAIN}::test_place_rollback_of_final_block_is_refused_with_both_hashes",
    ),
    Mutation(
        6,
        "a branch that leads below a final block is refused before it is fetched",
        "indexer/chain.py",
        "    if number <= window.finalized:",
        "    if False:",
        f"{_CHAIN}::test_place_child_of_unknown_block_at_final_height_is_refused",
    ),
    Mutation(
        6,
        "a branch deeper than max_reorg_depth is refused",
        "indexer/chain.py",
        "    if depth > window.max_reorg_depth:",
        "    if False:",
        f"{_CHAIN}::test_place_branch_one_block_deeper_than_allowed_is_refused",
    ),
    Mutation(
        6,
        "a branch deeper than what is known is refused",
        "indexer/chain.py",
        "    if number < window.links[0].number or depth > window.max_reorg_depth:",
        "    if False:",
        f"{_CHAIN}::test_place_branch_deeper_than_allowed_is_refused",
    ),
    Mutation(
        6,
        "a head that moves back is no reorg",
        "indexer/chain.py",
        "        return Duplicate()",
        "        return Rollback(branch[-1], tip.number - branch[-1].number)",
        f"{_CHAIN}::test_place_stored_head_is_a_duplicate_even_below_the_tip",
    ),
    Mutation(
        6,
        "the writer looks at finality itself",
        "indexer/writer.py",
        '    if ancestor.number < state["finalized_number"]:',
        "    if False:",
        f"{_WRITER}::test_replace_below_the_finalized_block_is_refused_whole[embedded]",
    ),
    Mutation(
        6,
        "a rollback removes no block that its writer does not know of",
        "indexer/writer.py",
        '    if covered[-1]["last"] != old_head.number:',
        "    if False:",
        f"{_ORDER}::test_replace_below_blocks_that_a_backfill_has_stored_above_is_refused_whole[embedded]",
    ),
    Mutation(
        6,
        "what is final stays final",
        "sql/indexer/chain_state.sql",
        "finalized_number = greatest(finalized_number, $2::bigint)",
        "finalized_number = $2::bigint",
        f"{_ORDER}::test_store_of_older_blocks_does_not_lower_finality[embedded]",
    ),
    Mutation(
        6,
        "on QBFT and IBFT2 a followed block is final",
        "indexer/follow.py",
        "        if has_immediate_finality(self.network.consensus):\n            return number\n",
        "",
        f"{_FOLLOW}::test_follower_on_qbft_refuses_a_reorg_of_one_block",
    ),
    Mutation(
        6,
        "on QBFT and IBFT2 a backfilled block is final",
        "indexer/segment.py",
        "finalized = batch[-1].number if has_immediate_finality(self.network.consensus) else -1",
        "finalized = -1",
        "tests/integration/indexer/test_segment.py::test_segment_of_a_chain_with_immediate_finality_is_final",
    ),
    Mutation(
        6,
        "a branch is believed when the node stands by it, not when it is announced",
        "indexer/follow.py",
        "        return header is not None and hex_to_bytes(header.hash) == link.hash",
        "        return header is not None",
        f"{_FOLLOW}::test_follower_told_of_a_block_that_the_node_has_given_up_changes_nothing",
    ),
    Mutation(
        6,
        "endpoints that disagree below finality stop the writer",
        "node/endpoints.py",
        "        if number <= finalized:",
        "        if False:",
        "tests/integration/node/test_agreement.py"
        "::test_agreement_broken_at_the_finalized_block_names_everyone_and_what_they_say",
    ),
)


def _verified(mechanism: str, old: str, new: str, test: str) -> Mutation:
    return Mutation(7, mechanism, "indexer/verify/blocks.py", old, new, f"{_VERIFY}::{test}")


_COLUMN = "test_check_block_of_one_changed_column_names_it"

RECOMPUTED = (
    _verified(
        "verify recomputes header hashes",
        'findings.require("header_hash", header_hash(header, consensus), row["hash"])',
        "header_hash(header, consensus)",
        _COLUMN,
    ),
    _verified(
        "verify recomputes transactions roots",
        'findings.require("transactions_root", ordered_root(envelopes), header.transactions_root)',
        "pass",
        "test_check_block_of_a_transaction_that_is_missing_names_index_and_roots",
    ),
    _verified(
        "verify recomputes receipts roots",
        'findings.require("receipts_root", ordered_root(receipts), header.receipts_root)',
        "pass",
        "test_check_block_of_a_log_that_is_missing_names_index_bloom_and_root",
    ),
    _verified(
        "verify recomputes blooms",
        'findings.require("logs_bloom", logs_bloom(logs), header.logs_bloom)',
        "pass",
        "test_check_block_of_a_log_that_is_missing_names_index_bloom_and_root",
    ),
    _verified(
        "verify compares counts",
        'findings.require("log_count", len(stored.logs), row["log_count"])',
        "pass",
        _COLUMN,
    ),
    _verified(
        "verify compares every link",
        'findings.require("parent_hash", parent["hash"], row["parent_hash"])',
        "pass",
        "test_check_link_of_strangers_or_of_a_wrong_sum_names_them",
    ),
    _verified(
        "verify recovers the seals that a BFT hash leaves out",
        "    _check_seals(findings, header, consensus)\n",
        "",
        "test_check_block_of_other_seals_or_round_is_noticed_though_the_hash_leaves_them_out",
    ),
    Mutation(
        7,
        "verify finds locations that no fact stands behind",
        "sql/indexer/verify.sql",
        "        AND fact.number = location.number AND fact.hash = location.hash)",
        "        AND fact.number = location.number)",
        "tests/integration/indexer/test_verify.py"
        "::test_verify_of_stray_locations_names_them_even_where_the_counts_agree[embedded]",
    ),
    Mutation(
        7,
        "a reorg cuts the verified-up-to watermark in its transaction",
        "indexer/writer.py",
        "    await queries.cut_verification.exec(connection, ancestor.number)\n",
        "",
        f"{_WATERMARK}::test_reorg_cuts_the_watermark_in_its_own_transaction[embedded]",
    ),
    Mutation(
        7,
        "a check that read the branch before a reorg does not move the watermark",
        "sql/indexer/verification.sql",
        "WHERE resets = $1::bigint AND verified_to = $2::bigint",
        "WHERE $1::bigint IS NOT NULL AND verified_to = $2::bigint",
        f"{_WATERMARK}"
        "::test_check_that_read_the_old_branch_does_not_move_the_watermark_after_a_reorg[embedded]",
    ),
    Mutation(
        7,
        "the watermark stops below a difference",
        "indexer/watermark.py",
        "        verified_to = max(position, found) - 1\n",
        "        verified_to = last if found else last\n",
        f"{_WATERMARK}::test_difference_stops_the_watermark_below_it_until_it_is_mended[embedded]",
    ),
    Mutation(
        7,
        "the watermark stops at a hole",
        "indexer/watermark.py",
        'last = min(covered["last"], position + blocks_max - 1)',
        "last = position + blocks_max - 1",
        f"{_WATERMARK}::test_watermark_moves_over_what_is_stored_and_waits_at_a_hole[embedded]",
    ),
)

ONE_WRITER = (
    Mutation(
        8,
        "the epoch is compared inside every transaction that stores",
        "indexer/writer.py",
        '    if epoch is not None and row["writer_epoch"] != epoch:',
        "    if False:",
        f"{_WRITER}::test_store_with_an_older_epoch_is_fenced[embedded]",
    ),
    Mutation(
        8,
        "the epoch is compared inside every transaction that replaces",
        "indexer/writer.py",
        "_claim(connection, 2, -1, epoch)",
        "_claim(connection, 2, -1, None)",
        f"{_ORDER}::test_replace_with_an_older_epoch_is_fenced[embedded]",
    ),
    Mutation(
        8,
        "a new session has an epoch of its own",
        "sql/indexer/chain_state.sql",
        "SET writer_epoch = writer_epoch + 1 RETURNING",
        "SET writer_epoch = writer_epoch RETURNING",
        f"{_SESSION}::test_session_that_begins_fences_the_one_before[embedded]",
    ),
    Mutation(
        8,
        "a session holds the advisory lock of the database",
        "sql/indexer/chain_state.sql",
        "SELECT pg_try_advisory_lock(hashtextextended('pend follower ' || current_database(), 0));",
        "SELECT true;",
        f"{_SESSION}::test_session_beside_another_is_refused_and_names_it[embedded]",
    ),
)

ONE_NETWORK = (
    Mutation(
        9,
        "the chain id of an endpoint is compared",
        "node/endpoint.py",
        "        if found_id != chain_id:",
        "        if False:",
        f"{_ENDPOINTS}::test_verify_network_of_another_chain_id_is_refused",
    ),
    Mutation(
        9,
        "the genesis hash of an endpoint is compared",
        "node/endpoint.py",
        "        if found_hash != genesis_hash.lower():",
        "        if False:",
        f"{_ENDPOINTS}::test_verify_network_of_another_genesis_is_refused",
    ),
    Mutation(
        9,
        "every endpoint is compared before the first network is recorded",
        "indexer/network.py",
        "        await node.verify_network(offered.chain_id, to_hex(offered.genesis_hash), every=True)",
        "        pass",
        "tests/integration/indexer/test_network.py"
        "::test_network_of_endpoints_that_disagree_is_not_recorded[embedded]",
    ),
    Mutation(
        9,
        "the recorded network is compared at every start",
        "indexer/network.py",
        "    if (recorded.chain_id, recorded.genesis_hash) != (offered.chain_id, offered.genesis_hash):",
        "    if False:",
        "tests/integration/indexer/test_network.py"
        "::test_network_recorded_by_two_first_starts_at_once_is_one[embedded]",
    ),
    Mutation(
        9,
        "the recorded network is what endpoints are compared with",
        "indexer/network.py",
        "        await node.verify_network(known.chain_id, to_hex(known.genesis_hash))",
        "        pass",
        "tests/integration/indexer/test_network.py"
        "::test_network_of_a_foreign_second_endpoint_is_set_aside_at_a_later_start[embedded]",
    ),
    Mutation(
        9,
        "every backfill worker compares for itself",
        "indexer/backfill.py",
        "            await node.verify_network(network.chain_id, to_hex(network.genesis_hash))\n",
        "",
        "tests/integration/indexer/test_network.py"
        "::test_backfill_whose_node_comes_back_as_another_network_ends_with_5_and_stores_nothing_of_it",
    ),
    Mutation(
        9,
        "an endpoint is compared again when it comes back",
        "node/endpoints.py",
        "        endpoint.verified = False\n",
        "",
        f"{_ENDPOINTS}::test_endpoint_that_comes_back_as_another_network_is_refused",
    ),
    Mutation(
        9,
        "an endpoint is compared again from time to time",
        "node/endpoints.py",
        "            return time.monotonic() >= self._check_at_s[endpoint]",
        "            return False",
        f"{_ENDPOINTS}::test_network_replaced_behind_one_address_leaves_the_other_in_use",
    ),
)

OUTBOX_ORDER = (
    Mutation(
        10,
        "the number is claimed under a lock held until the commit, not from a sequence",
        "sql/indexer/chain_state.sql",
        "UPDATE chain.chain_state\n"
        "SET outbox_sequence = outbox_sequence + $1::bigint,\n"
        "    finalized_number = greatest(finalized_number, $2::bigint)\n"
        "RETURNING outbox_sequence, writer_epoch, finalized_number;",
        "SELECT nextval('chain.outbox_numbers') AS outbox_sequence, writer_epoch, finalized_number\n"
        "FROM chain.chain_state WHERE $1::bigint + $2::bigint IS NOT NULL;",
        f"{_WRITER}::test_outbox_number_becomes_visible_in_order_when_an_earlier_commit_hangs[embedded]",
        also=(
            Edit(
                "migrations/0001_chain.sql",
                "CREATE TABLE chain.outbox (",
                "CREATE SEQUENCE chain.outbox_numbers;\n\nCREATE TABLE chain.outbox (",
            ),
        ),
    ),
    Mutation(
        10,
        "a number is claimed once",
        "migrations/0001_chain.sql",
        "    sequence bigint PRIMARY KEY,\n",
        "    sequence bigint,\n",
        "tests/integration/postgres/test_natural_keys.py"
        "::test_row_stored_twice_is_refused_by_its_key[embedded-outbox]",
    ),
    Mutation(
        10,
        "a retraction comes before the branch that replaces it",
        "indexer/writer.py",
        "batch[-1], sequence - 1)\n",
        "batch[-1], sequence)\n            sequence -= 1\n",
        f"{_WRITER}::test_replace_swaps_the_branch_in_one_transaction_and_keeps_the_orphans[embedded]",
    ),
    Mutation(
        10,
        "numbers leave no hole",
        "indexer/writer.py",
        "            sequence = await _claim(connection, 1, finalized, epoch)\n",
        "            sequence = await _claim(connection, 2, finalized, epoch)\n",
        f"{_WRITER}::test_store_segments_out_of_order_merge_into_one_range[embedded]",
    ),
)
