"""Every rule of the write side as a statement that it refuses.

A rule that is asked in several places has one case for each, in the order of the migrations: mutations count on it.
"""

from tests.integration.write_api.refusals_of_people import OF_PEOPLE
from tests.integration.write_api.rules import DETAILS, INVEST, METRICS, WAITS, WITHDRAW, Case

REFUSED: tuple[Case, ...] = (
    *OF_PEOPLE,
    Case(
        "assets_begin",
        "asset_manager",
        "INSERT INTO account.assets (type, title, status, created_by) VALUES ('interest', 'New', 'active', $asset_manager)",
        status=409,
    ),
    Case(
        "assets_status",
        "asset_manager",
        "UPDATE account.assets SET status = 'draft' WHERE id = $open",
        status=409,
    ),
    Case(
        "assets_activation", "asset_manager", "UPDATE account.assets SET status = 'active' WHERE id = $draft"
    ),
    Case(
        "assets_contract",
        "asset_manager",
        "UPDATE account.assets SET contract_address = substr(sha256(''), 1, 20) WHERE id = $open",
        status=409,
    ),
    Case(
        "assets_type",
        "asset_manager",
        "UPDATE account.assets SET type = 'interest', contract_address = NULL WHERE id = $draft",
        status=409,
    ),
    Case(
        "assets_awaits_activation",
        "asset_manager",
        "UPDATE account.assets SET title = 'Another' WHERE id = $draft",
        (WAITS,),
        status=409,
    ),
    Case("asset_details_interest", "asset_manager", DETAILS.format("token_price = 1", "$idea"), status=422),
    Case("asset_details_investment", "asset_manager", DETAILS.format("soft_cap = 1", "$draft"), status=422),
    Case(
        "assets_awaits_activation with details",
        "asset_manager",
        DETAILS.format("token_symbol = 'NEW'", "$draft"),
        (WAITS,),
        status=409,
    ),
    Case("asset_details_currency", "asset_manager", DETAILS.format("currency = 'USD'", "$open"), status=409),
    Case("asset_metrics_within_cap", "asset_manager", DETAILS.format("max_supply = 1", "$open"), status=409),
    Case(
        "assets_awaits_activation with documents",
        "asset_manager",
        "INSERT INTO account.asset_documents (asset_id, title, stored_filename, file_size, mime_type, file_hash, uploaded_by)"
        " VALUES ($draft, 'Annex', 'a file', 1, 'image/png', sha256(''), $asset_manager)",
        (WAITS,),
        status=409,
    ),
    Case(
        "asset_interests_open",
        "a",
        "INSERT INTO account.asset_interests (asset_id, user_id) VALUES ($open, $a)",
        status=409,
    ),
    Case(
        "investments_terms",
        "a",
        "UPDATE account.investments SET amount = 1000 WHERE id = $held_a",
        role="pend_definer",
        status=409,
    ),
    Case(
        "investments_begin",
        "a",
        "INSERT INTO account.investments (user_id, asset_id, amount, currency, status, confirmed_at)"
        " VALUES ($a, $open, 1, 'PEND', 'confirmed', now())",
        role="pend_definer",
        status=409,
    ),
    Case("investments_open", "a", INVEST.format("$draft", 1, "PEND"), status=409),
    Case(
        "investments_deadline",
        "a",
        INVEST.format("$open", 1, "PEND"),
        (DETAILS.format("deadline = now()", "$open"),),
        status=409,
    ),
    Case(
        "investments_user",
        "a",
        INVEST.format("$open", 1, "PEND"),
        ("UPDATE account.users SET status = 'suspended' WHERE id = $a",),
    ),
    Case(
        "investments_tier",
        "a",
        INVEST.format("$open", 1, "PEND"),
        (DETAILS.format("min_tier_required = 3", "$open"),),
    ),
    Case(
        "investments_kyc",
        "a",
        INVEST.format("$open", 1, "PEND"),
        ("UPDATE account.users SET kyc_verified_at = NULL WHERE id = $a",),
    ),
    Case("investments_currency", "a", INVEST.format("$open", 1, "USD"), status=422),
    Case(
        "investments_decimals",
        "a",
        INVEST.format("$open", "1.5", "PEND"),
        (DETAILS.format("token_decimals = 0", "$open"),),
        status=422,
    ),
    Case(
        "investments_minimum",
        "a",
        INVEST.format("$open", 49, "PEND"),
        (DETAILS.format("minimum_investment = 50", "$open"),),
        status=422,
    ),
    Case(
        "investments_agreement",
        "a",
        INVEST.format("$open", 1, "PEND"),
        (DETAILS.format("agreement_hash = sha256('another')", "$open"),),
        status=409,
    ),
    Case(
        "investments_tier_limit",
        "a",
        INVEST.format("$open", 9_901, "PEND"),
        (
            "UPDATE account.users SET tier = 1 WHERE id = $a",
            METRICS.format("cap = 1000000", "$open"),
        ),
    ),
    Case("asset_metrics_within_cap of one more", "a", INVEST.format("$open", 9_801, "PEND"), status=409),
    Case(
        "transactions_terms",
        "",
        "UPDATE account.transactions SET amount = 2 WHERE id = $asked_a",
        role="pend_definer",
        status=409,
    ),
    Case(
        "transactions_status",
        "",
        "UPDATE account.transactions SET status = 'pending', settled_at = NULL, failure_reason = NULL WHERE id = $asked_a",
        (
            "UPDATE account.transactions SET status = 'failed', settled_at = now(), failure_reason = 'expired' WHERE id = $asked_a",
        ),
        role="pend_definer",
        status=409,
    ),
    Case(
        "transactions_settled",
        "a",
        "UPDATE account.transactions SET status = 'failed', settled_at = now(), failure_reason = 'mine' WHERE id = $asked_a",
        role="pend_definer",
    ),
    Case(
        "transactions_begin",
        "a",
        "INSERT INTO account.transactions (user_id, asset_id, investment_id, kind, amount, currency, asked_at_block, status,"
        " settled_at, failure_reason) VALUES ($a, $open, $held_a, 'withdrawal', 1, 'PEND', 0, 'failed', now(), 'because')",
        role="pend_definer",
        status=409,
    ),
    Case("transactions_investment", "a", WITHDRAW.format("$held_b", 1), status=404),
    Case(
        "transactions_confirmed",
        "a",
        WITHDRAW.format("$held_a", 1),
        (
            "UPDATE account.investments SET status = 'pending', confirmed_at = NULL, withdrawing = 0 WHERE id = $held_a",
        ),
        status=409,
    ),
    Case(
        "transactions_lockup",
        "a",
        WITHDRAW.format("$held_a", 1),
        (DETAILS.format("lockup_period = 30", "$open"),),
        status=409,
    ),
    Case(
        "investments_decimals of a withdrawal",
        "a",
        WITHDRAW.format("$held_a", "0.5"),
        (DETAILS.format("token_decimals = 0", "$open"),),
        status=422,
    ),
    Case(
        "investments_not_overdrawn",
        "a",
        WITHDRAW.format("$held_a", "99.000000000000000001"),
        status=409,
    ),
    Case("messages_append_only", "", "DELETE FROM account.messages", role="pend_definer"),
    *(
        Case(f"{table}_append_only by {statement.split()[0]}", "", statement, role="postgres")
        for table, change in (("admin_audit_logs", "action = 'none'"), ("audit_seals", "last_id = 5"))
        for statement in (
            f"UPDATE account.{table} SET {change}",
            f"DELETE FROM account.{table}",
            f"TRUNCATE account.{table}",
        )
    ),
)
