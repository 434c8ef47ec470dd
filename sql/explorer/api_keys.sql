-- name: select_api_keys :many
-- The keys in force.
-- no parameters
SELECT id, key_hash, tier, expires_at
FROM ops.api_keys
WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now());
