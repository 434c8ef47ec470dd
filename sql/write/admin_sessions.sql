-- name: list_admin_sessions :many
-- The sessions of an administrator that are in force, the newest first.
-- $1 rows, $2 created before, $3 id before, $4 administrator
SELECT id, admin_id, host(ip_address) AS ip_address, user_agent, second_factor, created_at, refreshed_at, expires_at
FROM account.admin_sessions
WHERE admin_id = $4::uuid AND ended_at IS NULL AND expires_at > now()
  AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3::uuid))
ORDER BY created_at DESC, id DESC
LIMIT $1::integer;

-- name: open_sessions_of_admin :many
-- The ids of those that are in force.
-- $1 administrator
SELECT id FROM account.admin_sessions WHERE admin_id = $1::uuid AND ended_at IS NULL;

-- name: end_admin_session_of_anybody :one
-- End a session at once; no row when it is not in force.
-- $1 session
UPDATE account.admin_sessions SET ended_at = now(), ended_because = 'revoked'
WHERE id = $1::uuid AND ended_at IS NULL
RETURNING id, admin_id;
