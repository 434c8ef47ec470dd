-- name: open_user_session :one
-- Sign a wallet in; the first time makes its user. No session for one who may not act.
-- $1 session, $2 wallet, $3 hash of the refresh token, $4 client, $5 seconds it lives
SELECT user_id, status, session_version, is_new
FROM account.open_user_session($1::uuid, $2::bytea, $3::bytea, $4::text, make_interval(secs => $5::double precision));
