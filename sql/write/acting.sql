-- name: enter_user :one
-- Act as the user of a session until the transaction ends; no row when the session is not in force.
-- $1 session, $2 its version, $3 request id, $4 address of the caller
SELECT user_id, tier, blockchain_address
FROM account.enter_user($1::uuid, $2::integer, $3::text, $4::inet);

-- name: enter_admin :one
-- Act as the administrator of a session until the transaction ends; no row when the session is not in force.
-- $1 session, $2 its version, $3 request id, $4 address of the caller
SELECT admin_id, role, permissions
FROM account.enter_admin($1::uuid, $2::integer, $3::text, $4::inet);

-- name: enter_anyone :value
-- Act as nobody until the transaction ends.
-- $1 request id, $2 address of the caller
SELECT account.enter_anyone($1::text, $2::inet);

-- name: justify :value
-- What the audit trail says as the reason of the rest of the transaction.
-- $1 justification
SELECT set_config('app.justification', $1::text, true);

-- name: audit_access :value
-- Note in the audit trail what no changed row shows.
-- $1 action, $2 kind of the resource, $3 its id, $4 details as JSON
SELECT account.audit_access($1::text, $2::text, $3::text, $4::text::jsonb);

-- name: claim_idempotency_key :one
-- Claim a key, or find the answer of the request that had it; waits for a request that has it now.
-- $1 actor, $2 key, $3 hash of the request
SELECT is_new, request_hash, status, headers, response
FROM account.claim_idempotency_key($1::text, $2::text, $3::bytea);

-- name: keep_idempotent_answer :value
-- Keep the answer with its key, sealed.
-- $1 actor, $2 key, $3 status, $4 headers, $5 body
SELECT account.keep_idempotent_answer($1::text, $2::text, $3::integer, $4::bytea, $5::bytea);

-- name: record_security_event :value
-- Note what looked like an attack; its id.
-- $1 type, $2 severity, $3 user, $4 administrator, $5 address, $6 user agent, $7 endpoint, $8 request id, $9 indicators as JSON, $10 what was done about it
SELECT account.record_security_event(
    $1::text, $2::text, $3::uuid, $4::uuid, $5::inet, $6::text, $7::text, $8::text, $9::text::jsonb, $10::text
);

-- name: select_user_key :one
-- The wrapped data key of a user.
-- $1 user
SELECT id, wrapped, master_key_id FROM account.data_keys WHERE user_id = $1::uuid AND purpose = 'user' AND wrapped IS NOT NULL;

-- name: insert_user_key :exec
-- A new data key of a user; nothing where a user has one for personal columns already.
-- $1 id, $2 user, $3 wrapped, $4 master key, $5 purpose
INSERT INTO account.data_keys (id, purpose, user_id, wrapped, master_key_id)
VALUES ($1::uuid, $5::text, $2::uuid, $3::bytea, $4::text)
ON CONFLICT (user_id) WHERE purpose = 'user' DO NOTHING;

-- name: select_system_key :one
-- The wrapped key of what belongs to nobody.
-- no parameters
SELECT id, wrapped, master_key_id FROM account.system_key();

-- name: insert_system_key :value
-- Make it, unless it is there.
-- $1 id, $2 wrapped, $3 master key
SELECT account.add_system_key($1::uuid, $2::bytea, $3::text);

-- name: select_master_keys :many
-- How many data keys each master key wraps.
-- no parameters
SELECT master_key_id, data_keys FROM account.master_keys();

-- name: select_database :one
-- Whether this is a writable database, and since when the server runs.
-- no parameters
SELECT pg_is_in_recovery() AS is_standby, pg_postmaster_start_time() AS started_at;
