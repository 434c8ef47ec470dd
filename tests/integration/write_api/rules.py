"""What a rule of the write side is tried with: a statement, who makes it, and what was done before."""

import json
from dataclasses import dataclass
from string import Template

from tests.integration.write_api.world import ADMINS, USERS, uuid

_NAMED = {
    **USERS,
    **ADMINS,
    **{name: uuid(name) for name in ("open", "idea", "draft")},
    **{
        f"{what}_{user}": uuid(f"{what} {user}")
        for what in ("kyc", "held", "settled", "asked", "waiting", "used", "event")
        for user in USERS
    },
    "asked_super": uuid("asked super_admin"),
    "asked_kyc": uuid("asked kyc_verifier"),
    "viewers_permission": uuid("viewer's"),
}


@dataclass(frozen=True, slots=True)
class Case:
    """`by` is who acts (an administrator, a user, "" for nobody), `given` is done first, past every rule.

    Most are asked as pend_writer; what its columns keep out of reach already as pend_definer.
    """

    name: str
    by: str
    statement: str
    given: tuple[str, ...] = ()
    role: str = "pend_writer"
    status: int = 403

    @property
    def rule(self) -> str:
        return self.name.partition(" ")[0]


def named(statement: str) -> str:
    """`$a` and the like become ids."""
    return Template(statement).substitute({name: f"'{id_}'" for name, id_ in _NAMED.items()})


def approved(kind: str, resource: str, change: dict[str, object]) -> str:
    """Decided in this very transaction."""
    return (
        "INSERT INTO account.approvals (kind, resource_id, change, justification, status, requested_by, decided_by, decided_at)"
        f" VALUES ('{kind}', {resource}, '{json.dumps(change)}', 'It is needed', 'approved',"
        " $super_admin, $gone, now())"
    )


def decide(approval: str, status: str, by: str) -> str:
    return f"UPDATE account.approvals SET status = '{status}', decided_by = ${by}, decided_at = now() WHERE id = ${approval}"


APPLY = "INSERT INTO account.kyc_applications (user_id, details, assigned_to) VALUES ($a, '\\x00', {})"
VERIFIED = (
    "UPDATE account.kyc_applications SET status = 'verified', verified_by = $kyc_verifier, reviewed_at = now()"
    " WHERE id = $kyc_a"
)
DOCUMENT = (
    "INSERT INTO account.kyc_documents (user_id, document_type, original_filename, stored_filename, file_size, mime_type,"
    " file_hash, data_key_id) SELECT $a, 'id', '\\x00', 'file ' || n, 1, 'image/png', sha256(''), data_key_id"
    " FROM generate_series({}, {}) AS n, account.kyc_documents WHERE id = $waiting_a"
)
WAITS = (
    "INSERT INTO account.approvals (kind, resource_id, justification, requested_by)"
    " VALUES ('asset_activation', $draft, 'All is there', $asset_manager)"
)
DETAILS = "UPDATE account.asset_details SET {} WHERE asset_id = {}"
METRICS = "UPDATE account.asset_metrics SET {} WHERE asset_id = {}"
INVEST = "INSERT INTO account.investments (user_id, asset_id, amount, currency) VALUES ($a, {}, {}, '{}')"
WITHDRAW = (
    "INSERT INTO account.transactions (user_id, asset_id, investment_id, kind, amount, currency)"
    " VALUES ($a, $open, {}, 'withdrawal', {}, 'PEND')"
)
ANYBODY = "INSERT INTO account.admin_users (email, name, role, password_hash) VALUES ('new@pend.example', 'New', '{}', {})"
ASK = (
    "INSERT INTO account.approvals (kind, resource_id, change, justification, requested_by)"
    " VALUES ('tier_raise', $b, '{{\"tier\": 3}}', 'Source of funds was seen', {})"
)
OWN_ROLE = (
    "UPDATE account.admin_users SET is_active = true WHERE id = $gone",
    "UPDATE account.approvals SET kind = 'role_change', resource_id = $super_admin, requested_by = $gone WHERE id = $asked_super",
)
