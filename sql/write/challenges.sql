-- name: issue_challenge :value
-- Ask something that is answered once; its id.
-- $1 kind, $2 user, $3 administrator, $4 secret, $5 subject as JSON, $6 attempts, $7 seconds it lives
SELECT account.issue_challenge(
    $1::text, $2::uuid, $3::uuid, $4::bytea, $5::text::jsonb, $6::integer, make_interval(secs => $7::double precision)
);

-- name: answer_challenge :one
-- End the challenge that has this secret; no row when it is unknown, has expired or was answered before.
-- $1 kind, $2 secret
SELECT id, user_id, admin_id, subject::text AS subject FROM account.answer_challenge($1::text, $2::bytea);

-- name: attempt_challenge :one
-- Try an answer; the right one and the last wrong one end the challenge. No row when there is none.
-- $1 kind, $2 id, $3 secret
SELECT is_right, attempts_left, user_id, admin_id, subject::text AS subject
FROM account.attempt_challenge($1::text, $2::uuid, $3::bytea);

-- name: sign_in_lock :value
-- Until when nobody signs in as this subject; null when that is now.
-- $1 keyed hash of the subject
SELECT account.sign_in_lock($1::bytea);

-- name: sign_in_failed :one
-- Count a failure in a row.
-- $1 keyed hash of the subject
SELECT failures, locked_until FROM account.sign_in_failed($1::bytea);

-- name: sign_in_succeeded :value
-- Forget the failures.
-- $1 keyed hash of the subject
SELECT account.sign_in_succeeded($1::bytea);
