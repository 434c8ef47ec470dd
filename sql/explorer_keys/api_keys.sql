-- name: insert_api_key :exec
-- Record a key that was issued.
-- $1 id, $2 name, $3 SHA-256 of the key, $4 tier, $5 seconds until it expires, or null: never
INSERT INTO ops.api_keys (id, name, key_hash, tier, expires_at)
VALUES ($1::text, $2::text, $3::bytea, $4::text, now() + make_interval(secs => $5::double precision));

-- name: select_every_api_key :many
-- Every key that was ever issued, oldest first, and what it is worth now.
-- no parameters
SELECT id, name, tier, created_at, expires_at, revoked_at,
       CASE WHEN revoked_at IS NOT NULL THEN 'revoked'
            WHEN expires_at <= now() THEN 'expired'
            ELSE 'in force' END AS state
FROM ops.api_keys
ORDER BY created_at, id;

-- name: revoke_api_key :value
-- Take a key out of force; its id, and nothing where there is none. One that is revoked stays as it was.
-- $1 id
UPDATE ops.api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1::text RETURNING id;
