"""Statements that every rule lets through."""

from tests.integration.write_api.rules import (
    ANYBODY,
    ASK,
    DETAILS,
    INVEST,
    VERIFIED,
    WITHDRAW,
    Case,
    approved,
    decide,
)

ALLOWED: tuple[Case, ...] = (
    Case("a user tells about themselves", "a", "UPDATE account.users SET metadata = '{}' WHERE id = $a"),
    Case("a user is suspended", "super_admin", "UPDATE account.users SET status = 'suspended' WHERE id = $a"),
    Case("a tier is lowered", "kyc_verifier", "UPDATE account.users SET tier = 1 WHERE id = $a"),
    Case(
        "a tier is raised by two",
        "kyc_verifier",
        "UPDATE account.users SET tier = 3 WHERE id = $a",
        (approved("tier_raise", "$a", {"tier": 3}),),
    ),
    Case(
        "a user is erased by two",
        "super_admin",
        "SELECT account.erase_user($a)",
        (approved("erasure", "$a", {}),),
    ),
    Case("an approval is asked for", "kyc_verifier", ASK.format("$kyc_verifier")),
    Case("a second one approves", "kyc_verifier", decide("asked_super", "approved", "kyc_verifier")),
    Case("a second one rejects", "super_admin", decide("asked_kyc", "rejected", "super_admin")),
    Case("who asked cancels", "super_admin", decide("asked_super", "cancelled", "super_admin")),
    Case("an administrator is invited", "super_admin", ANYBODY.format("viewer", "NULL")),
    Case(
        "a role is changed by two",
        "super_admin",
        "UPDATE account.admin_users SET role = 'auditor' WHERE id = $viewer",
        (approved("role_change", "$viewer", {"role": "auditor"}),),
    ),
    Case(
        "one of two super_admins goes",
        "super_admin",
        "UPDATE account.admin_users SET is_active = false WHERE id = $super_admin",
        ("UPDATE account.admin_users SET is_active = true WHERE id = $gone",),
    ),
    Case(
        "a permission is given by two",
        "super_admin",
        "INSERT INTO account.admin_permissions (admin_id, permission) VALUES ($viewer, 'users.read')",
        (approved("role_change", "$viewer", {"permission": "users.read", "effect": "grant"}),),
    ),
    Case("the reviewer verifies", "kyc_verifier", VERIFIED),
    Case(
        "another reviewer takes over",
        "super_admin",
        "UPDATE account.kyc_applications SET assigned_to = $super_admin WHERE id = $kyc_a",
    ),
    Case(
        "a document goes with an application",
        "a",
        "UPDATE account.kyc_documents SET application_id = $kyc_a WHERE id = $waiting_a",
    ),
    Case(
        "a draft is activated by two",
        "asset_manager",
        "UPDATE account.assets SET status = 'active' WHERE id = $draft",
        (approved("asset_activation", "$draft", {}),),
    ),
    Case(
        "an asset is paused", "asset_manager", "UPDATE account.assets SET status = 'paused' WHERE id = $open"
    ),
    Case("supply is raised", "asset_manager", DETAILS.format("max_supply = 2000", "$open")),
    Case(
        "interest is shown",
        "a",
        "INSERT INTO account.asset_interests (asset_id, user_id) VALUES ($idea, $a)",
        ("DELETE FROM account.asset_interests WHERE user_id = $a",),
    ),
    Case("the last unit is invested", "a", INVEST.format("$open", 9_800, "PEND")),
    Case("all that is free is withdrawn", "a", WITHDRAW.format("$held_a", 99)),
    Case("an intent is taken back", "a", "SELECT account.cancel_transaction($asked_a)"),
    Case(
        "what was sent is told",
        "a",
        "UPDATE account.transactions SET transaction_hash = sha256('') WHERE id = $asked_a",
    ),
    Case("a seal is anchored", "", "UPDATE account.audit_seals SET anchored_at = now()", role="pend_definer"),
)
