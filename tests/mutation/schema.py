"""Mutations of the schema of accounts that are read off it: each policy, each trigger, each rule, one at a time."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.integration.write_api.refusals import REFUSED
from tests.mutation.mutation import Mutation

ROOT = Path(__file__).parent.parent.parent
RULES, ISOLATION = "migrations/0014_account_rules.sql", "migrations/0015_account_isolation.sql"
_TESTS = "tests/integration/write_api"
GUARDS, MATRIX = f"{_TESTS}/test_guards.py", f"{_TESTS}/test_isolation.py"
AUDITED, RIGHTS = f"{_TESTS}/test_audited.py", f"{_TESTS}/test_account_rights.py"

_POLICY = re.compile(r"CREATE POLICY (\w+) ON account\.(\w+) FOR (\w+) TO pend_writer\b[^;]*;\n")
_CLAUSE = re.compile(r"\s(USING|WITH CHECK) \(")
_TRIGGER = re.compile(r"CREATE (?:CONSTRAINT )?TRIGGER (\w+) [^;]*? ON account\.(\w+)\b[^;]*;\n")
_REFUSAL = re.compile(r"PERFORM account\.refuse\((\d+), '(\w+)'")

_GUARD = {
    "users": "users_tier_raise",
    "approvals": "approvals_four_eyes",
    "admin_users": "admin_users_role",
    "kyc_applications": "kyc_applications_status",
    "kyc_documents": "kyc_documents_count",
    "assets": "assets_activation",
    "asset_details": "asset_metrics_within_cap",
    "asset_documents": "assets_awaits_activation-with-documents",
    "investments": "investments_tier_limit",
    "transactions": "investments_not_overdrawn",
    "admin_permissions": "admin_permissions_four_eyes",
    "user_sessions": "sessions_ended",
    "admin_sessions": "sessions_ended-of-an-administrator",
}
"""A rule of each guard."""
_OTHERS = {
    ("begin", "assets"): "test_asset_begins_with_its_totals",
    ("begin", "investments"): "test_investment_begins_with_its_leg_and_reserves_what_it_asks_for",
    ("count", "asset_interests"): "test_interest_is_counted_up_and_down",
    ("settle", "transactions"): "test_settled_leg_moves_the_totals_and_frees_what_was_asked_for",
    ("destroy_key", "kyc_documents"): "test_key_of_a_deleted_document_is_destroyed",
    ("announce_made", "assets"): "test_change_of_what_the_explorer_shows_is_announced_to_it[asset-made]",
    ("announce", "assets"): "test_change_of_what_the_explorer_shows_is_announced_to_it[asset-changed]",
    ("announce", "users"): "test_change_of_what_the_explorer_shows_is_announced_to_it[user-changed]",
    ("append_only", "messages"): "test_rule_refuses[messages_append_only]",
    **{
        (name, table): f"test_rule_refuses[{table}_append_only-by-{statement}]"
        for table in ("admin_audit_logs", "audit_seals")
        for name, statement in (("append_only", "UPDATE"), ("append_only_whole", "TRUNCATE"))
    },
}


def policies(invariant: int) -> Iterator[Mutation]:
    """Each policy removed, and each let everything through that it is asked about."""
    for found in _POLICY.finditer(_text(ISOLATION)):
        name, table, command = found.groups()
        test = f"{MATRIX}::test_rows_are_seen_and_changed_by_those_who_are_named[{table}]"
        what = f"policy {name} of {table}"
        yield Mutation(invariant, what, ISOLATION, found[0], "", test)
        if (name, table) in _ASKED_AGAIN:
            continue
        head = found[0][: _CLAUSE.search(found[0]).start()]  # type: ignore[union-attr]
        clauses = "".join(f"\n    {clause} (true)" for clause in _CLAUSES[command])
        yield Mutation(
            invariant, f"the condition of {what}", ISOLATION, found[0], f"{head}{clauses};\n", test
        )


_ASKED_AGAIN = {("admin_insert", "approvals")}
"""Conditions that a rule asks for too (approvals_requested), so that nothing is seen of the policy's."""
_CLAUSES = {
    "SELECT": ("USING",),
    "INSERT": ("WITH CHECK",),
    "UPDATE": ("USING", "WITH CHECK"),
    "DELETE": ("USING",),
}


def triggers(invariant: int, *, audit: bool) -> Iterator[Mutation]:
    """Each trigger removed: those that audit or keep what was, or all others."""
    for file in (RULES, ISOLATION):
        for found in _TRIGGER.finditer(_text(file)):
            name, table = found.groups()
            if (name == "audit" or name.startswith("append_only")) == audit:
                yield Mutation(
                    invariant, f"trigger {name} of {table}", file, found[0], "", _test_of(name, table)
                )


def rules(invariant: int) -> Iterator[Mutation]:
    """Each place that refuses, made to say nothing."""
    asked: Counter[str] = Counter()
    for file in (RULES, ISOLATION):
        text = _text(file)
        for found in _REFUSAL.finditer(text):
            rule = found[2]
            of_rule = [case.name for case in REFUSED if case.rule == rule]
            case = of_rule[asked[rule]]
            asked[rule] += 1
            start, end = found.span()
            end = text.index(";\n", end) + 2
            while text.count(text[start:end]) > 1:
                start = text.rindex("\n", 0, start - 1) + 1
            old = text[start:end]
            call = f"account.refuse({found[1]}, '{rule}'"
            new = old.replace(call, f"concat({found[1]}, '{rule}'")
            test = f"{GUARDS}::test_rule_refuses[{case.replace(' ', '-')}]"
            yield Mutation(invariant, f"rule {case}", file, old, new, test)


def _test_of(name: str, table: str) -> str:
    if name == "audit" and table == "asset_metrics":
        return f"{AUDITED}::test_totals_leave_no_trace_and_what_is_told_of_performance_does"
    if name == "audit":
        return f"{AUDITED}::test_change_leaves_who_why_and_what[{table}]"
    if name == "guard":
        return f"{GUARDS}::test_rule_refuses[{_GUARD[table]}]"
    if name == "touch":
        return f"{GUARDS}::test_change_raises_the_version[{table}-]"
    return f"{GUARDS}::{_OTHERS[name, table]}"


def _text(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")
