"""Mutations of how the outbox reaches its readers: one relay, and rows that name the one before (10)."""

from tests.mutation.mutation import Mutation

_RELAY = "tests/integration/indexer/test_relay.py"
_RULES = "tests/unit/service/test_outbox.py"
_CONSUMER = "tests/integration/service/test_outbox_consumer.py"

RELAYED = (
    Mutation(
        10,
        "a relay that lost its lease publishes nothing",
        "indexer/lease.py",
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] then\n    return 'lost'",
        "if false then\n    return 'lost'",
        f"{_RELAY}::test_relay_that_lost_its_lease_publishes_nothing",
    ),
    Mutation(
        10,
        "a lease is let go of by its holder only",
        "indexer/lease.py",
        "if redis.call('GET', KEYS[1]) == ARGV[1] then\n    redis.call('DEL', KEYS[1])",
        "if true then\n    redis.call('DEL', KEYS[1])",
        f"{_RELAY}::test_relay_that_lost_its_lease_publishes_nothing",
    ),
    Mutation(
        10,
        "a relay goes on from the position that Redis has",
        "indexer/lease.py",
        "    if told[1] ~= ARGV[3] or told[2] ~= ARGV[4] then",
        "    if false then",
        f"{_RELAY}::test_relay_that_lost_its_lease_publishes_nothing",
    ),
    Mutation(
        10,
        "a message is taken only after the very row it names",
        "service/outbox.py",
        "        known = position.stamp in {None, message.follows}",
        "        known = True",
        f"{_RULES}::test_reader_of_a_history_that_was_replaced_never_takes_a_row_of_the_other",
    ),
    Mutation(
        10,
        "a row that is missing is not passed over",
        "service/outbox.py",
        "    return page if page[0].sequence == position.sequence + 1 else None",
        "    return page",
        f"{_CONSUMER}::test_consumer_whose_next_row_was_pruned_is_told_to_resync_and_goes_on[embedded]",
    ),
    Mutation(
        10,
        "a database that gave the same number again is another history",
        "service/outbox.py",
        "        return page[1:] if position.stamp in {None, page[0].stamp} else None",
        "        return page[1:]",
        f"{_RULES}::test_reader_of_a_history_that_was_replaced_never_takes_a_row_of_the_other",
    ),
    Mutation(
        10,
        "a row that Redis was not told is not pruned",
        "indexer/pruning.py",
        "    return max(min(surplus, relayed_to or 0), ",
        "    return max(surplus, ",
        f"{_RELAY}::test_prune_keeps_the_newest_rows_and_what_redis_was_not_told[embedded]",
    ),
)
