-- name: select_own_admin :one
-- The administrator who acts.
-- $1 administrator
SELECT a.id, a.email, a.name, a.role, a.totp_confirmed_at IS NOT NULL AS has_totp, a.last_login_at, a.version,
       (SELECT count(*) FROM account.admin_security_keys AS k WHERE k.admin_id = a.id) AS security_keys,
       (SELECT count(*) FROM account.admin_recovery_codes AS c WHERE c.admin_id = a.id AND c.used_at IS NULL) AS recovery_codes_left
FROM account.admin_users AS a
WHERE a.id = $1::uuid;

-- name: update_own_password :exec
-- Another password; every other session ends.
-- $1 administrator, $2 argon2id hash
UPDATE account.admin_users SET password_hash = $2::text WHERE id = $1::uuid;

-- name: delete_recovery_codes :exec
-- Take the recovery codes out of force.
-- $1 administrator
DELETE FROM account.admin_recovery_codes WHERE admin_id = $1::uuid;

-- name: insert_recovery_codes :exec
-- Keep new ones.
-- $1 administrator, $2 hashes
INSERT INTO account.admin_recovery_codes (admin_id, code_hash) SELECT $1::uuid, unnest($2::bytea[]);

-- name: list_security_keys :many
-- The security keys of an administrator, the oldest first.
-- $1 administrator
SELECT id, name, credential_id, transports, created_at, last_used_at
FROM account.admin_security_keys
WHERE admin_id = $1::uuid
ORDER BY created_at, id;

-- name: insert_security_key :one
-- Keep a new one.
-- $1 administrator, $2 name, $3 credential id, $4 public key, $5 sign count, $6 transports
INSERT INTO account.admin_security_keys (admin_id, name, credential_id, public_key, sign_count, transports)
VALUES ($1::uuid, $2::text, $3::bytea, $4::bytea, $5::bigint, $6::text[])
RETURNING id, name, transports, created_at, last_used_at;

-- name: delete_security_key :value
-- Remove one.
-- $1 administrator, $2 security key
DELETE FROM account.admin_security_keys WHERE admin_id = $1::uuid AND id = $2::uuid RETURNING id;
