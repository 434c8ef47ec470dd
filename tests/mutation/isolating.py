"""Mutations of who sees and changes what on the write side, in the database and before it (12)."""

from tests.mutation import schema
from tests.mutation.mutation import Mutation
from tests.mutation.schema import ISOLATION, MATRIX, RIGHTS, RULES

_EDGE = "tests/integration/write_api/test_edge.py"
_ROLES = "tests/integration/write_api/test_write_roles.py"
_PROFILE = "tests/integration/write_api/test_profile.py"
_SESSION = f"{MATRIX}::test_session_that_is_not_in_force_lets_nobody_in"


def _sessions(kind: str, alias: str, table: str, active: str) -> tuple[Mutation, ...]:
    """What account.enter_user and account.enter_admin ask of a session, each left out."""
    tail = f"    FROM account.{table} AS s\n    JOIN account.{alias} AS {alias[0]} ON {alias[0]}.id = s.{kind}_id\n"
    where = (
        "    WHERE s.id = session AND s.version = wanted_version AND s.ended_at IS NULL AND s.expires_at > now()\n"
        f"      AND {active};\n"
    )
    parts = {
        "version": (" AND s.version = wanted_version", "version = 2"),
        "end": (" AND s.ended_at IS NULL", "ended_at = now(), ended_because = 'revoked'"),
        "expiry": (" AND s.expires_at > now()", "expires_at = now()"),
        "standing": (f"\n      AND {active}", "inactive"),
    }
    return tuple(
        Mutation(
            12,
            f"the {name} of {'a user' if kind == 'user' else 'an administrator'}'s session is asked for",
            RULES,
            tail + where,
            tail + where.replace(part, ""),
            f"{_SESSION}[{spoilt}-{table}]",
        )
        for name, (part, spoilt) in parts.items()
    )


ISOLATED = (
    Mutation(
        12,
        "row-level security is enabled",
        ISOLATION,
        "        EXECUTE format('ALTER TABLE account.%I ENABLE ROW LEVEL SECURITY', name);\n",
        "",
        f"{MATRIX}::test_without_a_person_nothing_is_seen_or_changed[investments]",
    ),
    Mutation(
        12,
        "row-level security is forced",
        ISOLATION,
        "        EXECUTE format('ALTER TABLE account.%I FORCE ROW LEVEL SECURITY', name);\n",
        "",
        f"{RIGHTS}::test_row_level_security_is_enabled_and_forced_on_every_table",
    ),
    Mutation(
        12,
        "policy definer of each table",
        ISOLATION,
        "        EXECUTE format('CREATE POLICY definer ON account.%I TO pend_definer USING (true) WITH CHECK (true)', name);\n",
        "",
        f"{RIGHTS}::test_policies_are_for_the_writer_and_one_of_each_table_for_the_definer",
    ),
    Mutation(
        12,
        "what acts for others belongs to pend_definer",
        ISOLATION,
        "        EXECUTE format('ALTER FUNCTION %s OWNER TO pend_definer', made.name);\n",
        "",
        f"{RIGHTS}::test_functions_act_and_are_called_as_is_committed",
    ),
    Mutation(
        12,
        "who acts is set for one transaction",
        RULES,
        "    SELECT set_config('app.current_user_id', CASE kind WHEN 'user' THEN principal::text ELSE '' END, true),",
        "    SELECT set_config('app.current_user_id', CASE kind WHEN 'user' THEN principal::text ELSE '' END, false),",
        f"{MATRIX}::test_who_acts_is_forgotten_with_the_transaction[COMMIT]",
    ),
    *_sessions("user", "users", "user_sessions", "u.status = 'active'"),
    *_sessions("admin", "admin_users", "admin_sessions", "a.is_active"),
    Mutation(
        12,
        "only a bearer token signs in",
        "write_api/callers.py",
        "    if given[: len(_BEARER)].lower() != _BEARER:",
        "    if not given:",
        f"{_ROLES}::test_token_in_another_scheme_signs_nobody_in",
    ),
    Mutation(
        12,
        "a route for users is not for administrators, nor the other way round",
        "write_api/acting.py",
        "        if actor not in {claims.kind, EITHER}:",
        "        if actor is None:",
        f"{_ROLES}::test_route_is_for_those_whom_the_table_names[getProfile]",
    ),
    Mutation(
        12,
        "the permission of a route is asked for",
        "write_api/acting.py",
        "            act.require(permission)\n",
        "            pass\n",
        f"{_ROLES}::test_route_is_for_those_whom_the_table_names[listAudit]",
    ),
    Mutation(
        12,
        "a session that has ended lets nobody in",
        "write_api/acting.py",
        '            raise NotSignedIn("this session has ended; sign in again")\n',
        "            return act\n",
        f"{_ROLES}::test_session_that_ended_in_the_database_is_refused",
    ),
    Mutation(
        12,
        "an Idempotency-Key answers again",
        "write_api/acting.py",
        '            if not claimed["is_new"]:',
        "            if claimed is None:",
        f"{_EDGE}::test_a_repeated_post_is_answered_the_same_and_done_once",
    ),
    Mutation(
        12,
        "an Idempotency-Key is of one request",
        "write_api/acting.py",
        '        if claimed["request_hash"] != hashed:',
        "        if claimed is None:",
        f"{_EDGE}::test_the_key_of_another_request_is_refused",
    ),
    Mutation(
        12,
        "If-Match is compared",
        "write_api/acting.py",
        "    if given != current:",
        "    if given < 0:",
        f"{_PROFILE}::test_a_change_of_an_older_version_is_refused_and_changes_nothing",
    ),
    *schema.policies(12),
    *schema.triggers(12, audit=False),
    *schema.rules(12),
)
