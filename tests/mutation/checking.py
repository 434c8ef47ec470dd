"""Mutations of what is checked before a block is stored, one check each (invariant 5)."""

from tests.mutation.mutation import Mutation

_CHECKS = "tests/unit/node/test_checks.py"
_LIE = f"{_CHECKS}::test_check_block_of_a_lie_names_it"
_FULL_LIE = f"{_CHECKS}::test_check_block_in_full_names_what_light_cannot_see"
_SEGMENT = "tests/integration/indexer/test_segment.py"


def _light(mechanism: str, old: str, new: str = "", test: str = _LIE) -> Mutation:
    return Mutation(5, mechanism, "node/checks.py", old, new, test)


def _full(mechanism: str, old: str, new: str, test: str = _FULL_LIE) -> Mutation:
    return Mutation(5, mechanism, "node/full_checks.py", old, new, test)


LIGHT = (
    _light("the header hash is recomputed", "if computed != block.hash:", "if not computed:"),
    _light(
        "the header hash is that of the consensus rule",
        'computed = "0x" + header_hash(header, consensus).hex()',
        'computed = "0x" + header_hash(header, Consensus.ETHEREUM).hex()',
        f"{_CHECKS}::test_check_header_of_another_rule_is_refused",
    ),
    _light("receipts are as many as transactions", "if len(receipts) != len(transactions):", "if False:"),
    _light(
        "a receipt names its transaction",
        "            receipt.transaction_hash != transaction.hash\n            or transaction",
        "            transaction",
    ),
    _light("a transaction names its index", "            or receipt.transaction_index != position\n"),
    _light("a transaction names its block", "            or transaction.block_hash != block_hash\n"),
    _light("a receipt names its block's hash", "            or receipt.block_hash != block_hash\n"),
    _light("a receipt names its block's number", "            or receipt.block_number != number\n"),
    _light("a receipt names its sender", "            or receipt.from_ != transaction.from_\n"),
    _light("a receipt has an outcome", "            or (receipt.status is None and receipt.root is None)\n"),
    _light(
        "log indexes count up through the block",
        "                log.log_index != positions[log_count]\n                or log.",
        "                log.",
    ),
    _light("a log names its transaction", "                or log.transaction_hash != transaction.hash\n"),
    _light("a log names its block", "                or log.block_hash != block_hash\n"),
    _light("a removed log is refused", "                or log.removed\n"),
    _light(
        "the bloom is that of the logs",
        'if bits != int.from_bytes(header.logs_bloom, "big"):',
        "if bits < 0:",
    ),
    _light(
        "gas adds up receipt by receipt", "if sums and total - cumulative", "if False and total - cumulative"
    ),
    _light(
        "the last cumulative gas is the header's", "if cumulative != header.gas_used:", "if cumulative < 0:"
    ),
    _light(
        "a block without transactions has the empty root",
        "if (header.transactions_root == EMPTY_ROOT) != (not transactions):",
        "if False:",
    ),
    _light(
        "uncles are there when the header says so",
        "if (header.sha3_uncles == EMPTY_UNCLES_HASH) != (not block.uncles):",
        "if False:",
    ),
)

FULL = (
    _full(
        "the transactions root is recomputed",
        "if computed != header.transactions_root:",
        "if not computed:",
        f"{_CHECKS}::test_check_block_full_of_a_whole_forged_transaction_fails_at_the_root",
    ),
    _full("the receipts root is recomputed", "if computed != header.receipts_root:", "if not computed:"),
    _full(
        "the withdrawals root is recomputed", "if computed != header.withdrawals_root:", "if not computed:"
    ),
    _full("transaction hashes are recomputed", "if computed != transaction.hash:", "if not computed:"),
    _full(
        "senders are recovered from signatures",
        "if sender != transaction.sender:",
        "if not sender:",
        f"{_CHECKS}::test_check_block_full_of_a_foreign_sender_says_who_signed",
    ),
    _full(
        "contract addresses are recomputed",
        "if contract != created and not",
        "if not created and not",
    ),
)

USED = (
    Mutation(
        5,
        "blocks fetched for a backfill are checked",
        "node/block_parts.py",
        "    header, consensus = check_block(block, receipts, full=full)\n    return",
        "    header, consensus = check_header(block)\n    return",
        f"{_SEGMENT}::test_segment_with_a_lying_node_sets_the_block_aside_and_stores_the_rest[light]",
    ),
    Mutation(
        5,
        "blocks fetched at the head are checked",
        "node/block_parts.py",
        "        header, consensus = check_block(block, parts, full=full)\n        fetched.append(",
        "        header, consensus = check_header(block)\n        fetched.append(",
        "tests/integration/node/test_complaints.py::test_receipts_that_are_not_all_there_are_not_stored",
    ),
    Mutation(
        5,
        "--verify full reaches the check",
        "node/block_parts.py",
        "    header, consensus = check_block(block, receipts, full=full)\n    return",
        "    header, consensus = check_block(block, receipts, full=False)\n    return",
        f"{_SEGMENT}::test_segment_with_a_lying_node_sets_the_block_aside_and_stores_the_rest[full]",
    ),
    Mutation(
        5,
        "a block that cannot be stored is quarantined with its reason",
        "indexer/segment.py",
        "                        await self._quarantine(poison, stored)\n",
        "",
        f"{_SEGMENT}::test_segment_with_a_lying_node_sets_the_block_aside_and_stores_the_rest[light]",
    ),
    Mutation(
        5,
        "a node's answer about another number is refused",
        "node/block_parts.py",
        '            raise NodeInconsistent("number", number, block.hash, f"the answer is block {block.number}")\n'
        "        present",
        "            pass\n        present",
        "tests/integration/node/test_client.py"
        "::test_fetch_blocks_answered_with_another_number_is_inconsistent",
    ),
)
