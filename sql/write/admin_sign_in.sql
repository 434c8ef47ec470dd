-- name: admin_for_sign_in :one
-- What a sign-in compares with; no row for an e-mail that nobody has.
-- $1 e-mail
SELECT id, name, password_hash, is_active, has_totp, security_keys FROM account.admin_for_sign_in($1::text);

-- name: admin_for_second_factor :one
-- What a second factor is compared with; no row for one who may not act.
-- $1 administrator
SELECT id, email, name, role, totp_secret, totp_last_step, has_totp, credential_ids, data_key_id, wrapped, master_key_id
FROM account.admin_for_second_factor($1::uuid);

-- name: admin_security_key :one
-- One security key of an administrator.
-- $1 administrator, $2 credential id
SELECT id, public_key, sign_count FROM account.admin_security_key($1::uuid, $2::bytea);

-- name: use_totp_step :value
-- Whether this time step is newer than every one before.
-- $1 administrator, $2 step
SELECT account.use_totp_step($1::uuid, $2::bigint);

-- name: use_recovery_code :value
-- Whether this code was there and had not been used.
-- $1 administrator, $2 hash of the code
SELECT account.use_recovery_code($1::uuid, $2::bytea);

-- name: use_security_key :value
-- Whether this sign count is above the last one.
-- $1 security key, $2 sign count
SELECT account.use_security_key($1::uuid, $2::bigint);

-- name: open_admin_session :value
-- The version of the new session; null for one who may not act.
-- $1 session, $2 administrator, $3 second factor, $4 hash of the refresh token, $5 address, $6 user agent, $7 seconds it lives
SELECT account.open_admin_session(
    $1::uuid, $2::uuid, $3::text, $4::bytea, $5::inet, $6::text, make_interval(secs => $7::double precision)
);

-- name: admin_for_setup :one
-- Who was handed this setup token; no row when it is unknown, was used or has expired.
-- $1 hash of the token
SELECT id, email, name, data_key_id, wrapped, master_key_id FROM account.admin_for_setup($1::bytea);

-- name: add_admin_key :value
-- A data key for who was handed this setup token, unless there is one.
-- $1 hash of the token, $2 key, $3 wrapped, $4 master key
SELECT account.add_admin_key($1::bytea, $2::uuid, $3::bytea, $4::text);

-- name: begin_setup :value
-- Keep password and TOTP secret, which is not yet confirmed; false when the token is not in force.
-- $1 hash of the token, $2 argon2id hash, $3 sealed secret
SELECT account.begin_setup($1::bytea, $2::text, $3::bytea);

-- name: setup_secret :one
-- The sealed secret that waits for its confirmation.
-- $1 hash of the token
SELECT admin_id, totp_secret FROM account.setup_secret($1::bytea);

-- name: finish_setup :value
-- End the setup: the token is used up; false when it is not in force.
-- $1 hash of the token, $2 time step of the first code, $3 hashes of the recovery codes
SELECT account.finish_setup($1::bytea, $2::bigint, $3::bytea[]);
