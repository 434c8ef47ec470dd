-- name: rotate_session :one
-- Exchange a refresh token: rotated, reused (and the session ended, of whom is said when that was new) or unknown.
-- $1 session, $2 hash of the token, $3 hash of the next one, $4 seconds it lives
SELECT outcome, kind, principal, session_version
FROM account.rotate_session($1::uuid, $2::bytea, $3::bytea, make_interval(secs => $4::double precision));

-- name: list_own_user_sessions :many
-- Sessions of a user that are in force, newest first.
-- $1 rows at most, $2 and $3 time and id of the row before, $4 user
SELECT s.id, s.client, s.created_at, s.refreshed_at, s.expires_at
FROM account.user_sessions AS s
WHERE s.user_id = $4::uuid AND s.ended_at IS NULL AND s.expires_at > now()
  AND ($2::timestamptz IS NULL OR (s.created_at, s.id) < ($2::timestamptz, $3::uuid))
ORDER BY s.created_at DESC, s.id DESC
LIMIT $1::integer;

-- name: list_own_admin_sessions :many
-- Sessions of an administrator that are in force, newest first.
-- $1 rows at most, $2 and $3 time and id of the row before, $4 administrator
SELECT s.id, s.user_agent AS client, s.created_at, s.refreshed_at, s.expires_at, host(s.ip_address) AS address, s.second_factor
FROM account.admin_sessions AS s
WHERE s.admin_id = $4::uuid AND s.ended_at IS NULL AND s.expires_at > now()
  AND ($2::timestamptz IS NULL OR (s.created_at, s.id) < ($2::timestamptz, $3::uuid))
ORDER BY s.created_at DESC, s.id DESC
LIMIT $1::integer;

-- name: end_own_user_session :value
-- End a session of the user who acts; its id, nothing when it is not in force or another's.
-- $1 session, $2 user, $3 why
UPDATE account.user_sessions AS s SET ended_at = now(), ended_because = $3::text
WHERE s.id = $1::uuid AND s.user_id = $2::uuid AND s.ended_at IS NULL AND s.expires_at > now()
RETURNING s.id;

-- name: end_own_admin_session :value
-- End a session of the administrator who acts; its id, nothing when it is not in force or another's.
-- $1 session, $2 administrator, $3 why
UPDATE account.admin_sessions AS s SET ended_at = now(), ended_because = $3::text
WHERE s.id = $1::uuid AND s.admin_id = $2::uuid AND s.ended_at IS NULL AND s.expires_at > now()
RETURNING s.id;
