-- name: insert_notice :one
-- A notice to everybody who is signed in.
-- $1 severity, $2 text, $3 administrator, $4 when it ends, or null
INSERT INTO account.notices (severity, body, created_by, expires_at)
VALUES ($1::text, $2::text, $3::uuid, $4::timestamptz)
RETURNING id, created_at;

-- name: select_notices :many
-- The notices in force, newest first.
-- $1 rows, $2 id of the last one before
SELECT id, severity, body, created_at, expires_at
FROM account.notices
WHERE (expires_at IS NULL OR expires_at > now()) AND ($2::bigint IS NULL OR id < $2::bigint)
ORDER BY id DESC
LIMIT $1::integer;
