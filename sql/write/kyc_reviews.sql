-- name: select_kyc_queue :many
-- Applications of one state, oldest first.
-- $1 rows, $2 submitted at and $3 id of the last one before, $4 state, $5 reviewer or null
SELECT k.id, k.user_id, k.status, k.submitted_at, k.reviewed_at, k.version, k.assigned_to, a.name AS assigned_name
FROM account.kyc_applications AS k
LEFT JOIN account.admin_names AS a ON a.id = k.assigned_to
WHERE k.status = $4::text AND ($5::uuid IS NULL OR k.assigned_to = $5::uuid)
  AND ($2::timestamptz IS NULL OR (k.submitted_at, k.id) > ($2::timestamptz, $3::uuid))
ORDER BY k.submitted_at, k.id
LIMIT $1::integer;

-- name: select_kyc_reviews :many
-- Applications of any state, newest first.
-- $1 rows, $2 submitted at and $3 id of the last one before, $4 state or null, $5 reviewer or null
SELECT k.id, k.user_id, k.status, k.submitted_at, k.reviewed_at, k.version, k.assigned_to, a.name AS assigned_name
FROM account.kyc_applications AS k
LEFT JOIN account.admin_names AS a ON a.id = k.assigned_to
WHERE ($4::text IS NULL OR k.status = $4::text) AND ($5::uuid IS NULL OR k.assigned_to = $5::uuid)
  AND ($2::timestamptz IS NULL OR (k.submitted_at, k.id) < ($2::timestamptz, $3::uuid))
ORDER BY k.submitted_at DESC, k.id DESC
LIMIT $1::integer;

-- name: select_kyc_review :one
-- An application as its reviewers see it.
-- $1 id
SELECT k.id, k.user_id, k.status, k.details, k.rejection_reason, k.review_notes, k.submitted_at, k.reviewed_at, k.version,
       k.assigned_to, a.name AS assigned_name, k.verified_by, v.name AS verified_name
FROM account.kyc_applications AS k
LEFT JOIN account.admin_names AS a ON a.id = k.assigned_to
LEFT JOIN account.admin_names AS v ON v.id = k.verified_by
WHERE k.id = $1::uuid;

-- name: assign_kyc_application :value
-- Give an application to a reviewer, who reviews it from now on; the new version, no row when it is another.
-- $1 id, $2 version, $3 reviewer
UPDATE account.kyc_applications SET status = 'under_review', assigned_to = $3::uuid
WHERE id = $1::uuid AND version = $2::integer
RETURNING version;

-- name: note_kyc_application :value
-- What reviewers note; the new version, no row when it is another.
-- $1 id, $2 version, $3 sealed notes
UPDATE account.kyc_applications SET review_notes = $3::bytea
WHERE id = $1::uuid AND version = $2::integer
RETURNING version;

-- name: decide_kyc_application :value
-- Verify or reject; the new version, no row when it is another.
-- $1 id, $2 version, $3 state, $4 who decides, $5 sealed reason of a rejection
UPDATE account.kyc_applications
SET status = $3::text, verified_by = $4::uuid, rejection_reason = $5::bytea, reviewed_at = now()
WHERE id = $1::uuid AND version = $2::integer
RETURNING version;
