"""Mutations of what the explorer serves: one snapshot, nothing that was retracted, nothing written (11)."""

from tests.mutation.mutation import Edit, Mutation

_TIP = "tests/unit/explorer_api/test_tip.py"
_CURSORS = "tests/unit/explorer_api/test_cursors.py"
_CACHING = "tests/integration/explorer_api/test_caching.py"

SERVED = (
    Mutation(
        11,
        "an answer about the head is served at its own sequence only",
        "explorer_api/tip.py",
        "            return answer.sequence >= self.sequence\n",
        "            return True\n",
        f"{_TIP}::test_slow_read_that_ends_after_a_change_is_born_invalid",
    ),
    Mutation(
        11,
        "an answer about final blocks goes when more than a block was announced",
        "explorer_api/tip.py",
        "            return answer.sequence >= self.disturbed\n",
        "            return True\n",
        f"{_TIP}::test_answer_is_served_until_something_is_announced_that_can_change_it",
    ),
    Mutation(
        11,
        "a reorg retires every answer read before it",
        "explorer_api/tip.py",
        "            self.retracted = self.disturbed = row.sequence\n",
        "            self.disturbed = row.sequence\n",
        f"{_TIP}::test_answer_is_served_until_something_is_announced_that_can_change_it",
    ),
    Mutation(
        11,
        "after another history nothing older is served",
        "explorer_api/tip.py",
        "        self.sequence = self.disturbed = self.retracted = sequence\n",
        "        self.sequence = sequence\n",
        f"{_TIP}::test_after_another_history_nothing_older_is_served",
    ),
    Mutation(
        11,
        "a cursor below which the chain was replaced is refused",
        "explorer_api/pages.py",
        "reorged_to is not None and cursor.block > reorged_to",
        "False",
        f"{_CURSORS}::test_page_goes_on_unless_a_reorg_went_below_where_it_ended",
    ),
    Mutation(
        11,
        "an altered cursor is refused",
        "explorer_api/cursors.py",
        "        if check != _check(packed):\n",
        "        if False:\n",
        f"{_CURSORS}::test_cursor_with_another_character_is_refused",
    ),
    Mutation(
        11,
        "equal questions at one time are asked once",
        "explorer_api/edge.py",
        "            if running is not None:\n",
        "            if False:\n",
        f"{_CACHING}::test_same_question_at_the_same_time_is_asked_once",
    ),
    Mutation(
        11,
        "the explorer's role cannot write to ops",
        "migrations/0012_explorer.sql",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA ops REVOKE INSERT ON TABLES FROM pend_explorer;\n",
        "",
        "tests/integration/postgres/test_roles.py::test_explorer_writes_to_no_table_of_any_schema[embedded]",
        also=(
            Edit(
                "migrations/0012_explorer.sql",
                "REVOKE ALL ON ops.api_keys FROM pend_indexer, pend_writer, pend_explorer;\n",
                "",
            ),
        ),
    ),
)
