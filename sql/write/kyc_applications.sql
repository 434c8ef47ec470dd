-- name: insert_kyc_application :one
-- An application, pending review.
-- $1 id, $2 user, $3 sealed details
INSERT INTO account.kyc_applications (id, user_id, details) VALUES ($1::uuid, $2::uuid, $3::bytea)
RETURNING status, version, submitted_at;

-- name: select_own_kyc_applications :many
-- The applications of a user, newest first.
-- $1 rows, $2 submitted at and $3 id of the last one before, $4 user
SELECT id, status, submitted_at, reviewed_at, version
FROM account.kyc_applications
WHERE user_id = $4::uuid AND ($2::timestamptz IS NULL OR (submitted_at, id) < ($2::timestamptz, $3::uuid))
ORDER BY submitted_at DESC, id DESC
LIMIT $1::integer;

-- name: select_own_kyc_application :one
-- An application as its applicant may see it.
-- $1 id, $2 user
SELECT id, status, details, rejection_reason, submitted_at, reviewed_at, version
FROM account.kyc_applications
WHERE id = $1::uuid AND user_id = $2::uuid;
