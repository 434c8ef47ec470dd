-- name: select_platform :one
-- What the last summary counted; no row without analytics.read.
-- no parameters
SELECT p.counted_at, p.users_by_status::text AS users_by_status, p.users_by_tier::text AS users_by_tier,
       p.kyc_by_status::text AS kyc_by_status, p.assets_by_status::text AS assets_by_status,
       p.investments_by_status::text AS investments_by_status
FROM account.platform AS p;

-- name: select_open_work :one
-- What waits for somebody now.
-- $1 the most that is counted
SELECT applications_pending, applications_under_review, approvals_pending, security_events_open, security_events_severe
FROM account.open_work($1::integer);

-- name: select_asset_totals :many
-- What all assets hold, by currency.
-- no parameters
SELECT currency, assets, total_invested, total_reserved FROM account.asset_totals();

-- name: select_database_health :one
-- The database server and the background work, in figures.
-- no parameters
SELECT server_version, started_at, is_standby, connections, connections_max, database_bytes, commits, rollbacks, deadlocks,
       blocks_read, blocks_hit, oldest_transaction_at, transaction_ids_used, standbys, slots_inactive, slot_bytes_held,
       audit_rows_unsealed, sealed_at, seals_unanchored, summaries_at
FROM account.database_health();

-- name: select_table_sizes :many
-- The largest tables.
-- $1 how many
SELECT name, bytes, rows_estimated FROM account.table_sizes($1::integer);

-- name: select_activity :many
-- Changes by hour and kind, newest first.
-- $1 since, $2 how many of the newest rows are looked at
SELECT hour, resource_type, action, actor, changes FROM account.activity($1::timestamptz, $2::integer);
