-- name: wait_for_locks_at_most :value
-- How long the rest of the transaction waits for a lock.
-- $1 milliseconds
SELECT set_config('lock_timeout', $1::integer || 'ms', true);

-- name: audit_horizon :value
-- The newest row of the audit trail that nothing can be committed before.
-- no parameters
SELECT account.audit_horizon();

-- name: seal_audit :one
-- Seal the oldest unsealed rows up to the horizon; no row when there are none.
-- $1 horizon, $2 the most rows of one seal
SELECT number, row_count FROM account.seal_audit($1::bigint, $2::integer);

-- name: select_unanchored_seals :many
-- Seals that are not known to be outside of the database, the oldest first.
-- $1 the most
SELECT number, last_id, encode(hash, 'hex') AS hash, sealed_at FROM account.unanchored_seals($1::integer);

-- name: seal_anchored :value
-- Note that a seal is outside of the database.
-- $1 number
SELECT account.seal_anchored($1::bigint);
