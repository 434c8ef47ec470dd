"""How rows of the world are copied, so that nothing but rights keeps the copy out."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from tests.integration.write_api.named import ADMINS, USERS, Row, uuid

CHANGED: Mapping[str, Mapping[str, Any]] = {
    "users": {"blockchain_address": lambda: uuid4().bytes + bytes(4), "phone_hash": None},
    "admin_users": {
        "email": lambda: f"{uuid4()}@pend.example",
        "setup_hash": lambda: uuid4().bytes * 2,
        **dict.fromkeys(("password_hash", "totp_secret", "totp_confirmed_at")),
    },
    "admin_permissions": {"permission": "audit.read"},
    "admin_recovery_codes": {"code_hash": lambda: uuid4().bytes * 2},
    "admin_security_keys": {"credential_id": lambda: uuid4().bytes},
    "kyc_applications": {"status": "pending_review", "assigned_to": None, "review_notes": None},
    "kyc_documents": {"stored_filename": lambda: str(uuid4()), "application_id": None},
    "assets": {"status": "draft", "contract_address": None},
    "asset_documents": {"stored_filename": lambda: str(uuid4())},
    "investments": {"status": "pending", "confirmed_at": None, "withdrawing": 0},
    "transactions": {
        "kind": "withdrawal",
        "amount": 1,
        "status": "pending",
        **dict.fromkeys(("block_number", "log_index", "block_hash", "transaction_hash", "settled_at")),
    },
    "investment_agreements": {"agreement_hash": lambda: uuid4().bytes * 2},
    "approvals": {"resource_id": uuid4},
}
"""How a copy of a row of the world differs, so that nothing but rights keeps it out."""
COPIED: Mapping[str, Mapping[str, Row]] = {
    "messages": {
        f"of {name}": {
            "author_admin_id": None,
            "audience": "applicant",
            "user_id": id_,
            "application_id": uuid(f"kyc {name}"),
        }
        for name, id_ in USERS.items()
    }
    | {
        f"by {name} to {of}": {
            "author_admin_id": ADMINS[name],
            "audience": "applicant",
            "user_id": USERS[of],
            "application_id": uuid("kyc a"),
        }
        for name, of in (("super_admin", "a"), ("kyc_verifier", "a"), ("kyc_verifier", "b"), ("viewer", "a"))
    },
    "admin_users": {role: {"role": role} for role in ("viewer", "super_admin")},
}
"""Copies that differ from every row there is."""
