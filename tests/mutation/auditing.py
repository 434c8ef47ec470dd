"""Mutations of the audit trail: nothing happens unaudited, and nothing is taken back (13)."""

from tests.mutation import schema
from tests.mutation.mutation import Mutation
from tests.mutation.schema import AUDITED, GUARDS, ISOLATION, RULES

_CHANGE = f"{AUDITED}::test_change_leaves_who_why_and_what"

ACCOUNTED = (
    Mutation(
        13,
        "secrets are fingerprints",
        RULES,
        "        WHEN key = ANY (secret) AND jsonb_typeof(value) <> 'null'",
        "        WHEN false",
        f"{AUDITED}::test_no_secret_is_anywhere_in_the_trail",
    ),
    Mutation(
        13,
        "who acts is named",
        RULES,
        "        account.current_admin_id(), account.current_user_id(), lower(TG_OP), TG_TABLE_NAME,",
        "        NULL, NULL, lower(TG_OP), TG_TABLE_NAME,",
        f"{_CHANGE}[users]",
    ),
    Mutation(
        13,
        "what was written is not changed or taken away",
        RULES,
        "    PERFORM account.refuse(403, TG_TABLE_NAME ||",
        "    PERFORM concat(403, TG_TABLE_NAME ||",
        f"{GUARDS}::test_rule_refuses[admin_audit_logs_append_only-by-DELETE]",
    ),
    Mutation(
        13,
        "the trail is written by its functions alone",
        ISOLATION,
        "GRANT DELETE ON account.kyc_documents,",
        "GRANT INSERT, UPDATE, DELETE ON account.admin_audit_logs TO pend_writer;\nGRANT DELETE ON account.kyc_documents,",
        "tests/integration/write_api/test_isolation.py"
        "::test_rows_are_seen_and_changed_by_those_who_are_named[admin_audit_logs]",
    ),
    *schema.triggers(13, audit=True),
)
