-- name: drop_expired_approval :exec
-- Cancel what nobody decided in time, so that it can be asked anew.
-- $1 kind, $2 resource
UPDATE account.approvals
SET status = 'cancelled', decided_by = requested_by, decided_at = now(), decision_note = 'expired'
WHERE kind = $1::text AND resource_id = $2::uuid AND status = 'pending' AND expires_at <= now();

-- name: insert_approval :value
-- Ask for what takes a second administrator; its id, null when the same kind waits for the same resource already.
-- $1 kind, $2 resource, $3 change as JSON, $4 justification, $5 administrator
INSERT INTO account.approvals (kind, resource_id, change, justification, requested_by)
VALUES ($1::text, $2::uuid, $3::text::jsonb, $4::text, $5::uuid)
ON CONFLICT (kind, resource_id) WHERE status = 'pending' DO NOTHING
RETURNING id;

-- name: select_approval :one
-- One approval with the names of who asked and who decided.
-- $1 approval
SELECT p.id, p.kind, p.resource_id, p.change::text AS change, p.justification, p.status, p.requested_by,
       r.name AS requested_by_name, p.requested_at, p.expires_at, p.decided_by, d.name AS decided_by_name, p.decided_at,
       p.decision_note, p.version, p.status = 'pending' AND p.expires_at <= now() AS is_expired
FROM account.approvals AS p
LEFT JOIN account.admin_names AS r ON r.id = p.requested_by
LEFT JOIN account.admin_names AS d ON d.id = p.decided_by
WHERE p.id = $1::uuid;

-- name: list_approvals :many
-- Approvals, the newest first.
-- $1 rows, $2 requested before, $3 id before, $4 status, $5 kind, $6 resource, $7 who asked; null takes all
SELECT p.id, p.kind, p.resource_id, p.change::text AS change, p.justification, p.status, p.requested_by,
       r.name AS requested_by_name, p.requested_at, p.expires_at, p.decided_by, d.name AS decided_by_name, p.decided_at,
       p.decision_note, p.version, p.status = 'pending' AND p.expires_at <= now() AS is_expired
FROM account.approvals AS p
LEFT JOIN account.admin_names AS r ON r.id = p.requested_by
LEFT JOIN account.admin_names AS d ON d.id = p.decided_by
WHERE ($2::timestamptz IS NULL OR (p.requested_at, p.id) < ($2, $3::uuid))
  AND ($4::text IS NULL OR p.status = $4)
  AND ($5::text IS NULL OR p.kind = $5)
  AND ($6::uuid IS NULL OR p.resource_id = $6)
  AND ($7::uuid IS NULL OR p.requested_by = $7)
ORDER BY p.requested_at DESC, p.id DESC
LIMIT $1::integer;

-- name: decide_approval :value
-- Approve, reject or cancel; the new version, null when the version is another.
-- $1 approval, $2 version, $3 status, $4 administrator, $5 note
UPDATE account.approvals
SET status = $3::text, decided_by = $4::uuid, decided_at = now(), decision_note = $5::text
WHERE id = $1::uuid AND version = $2::integer
RETURNING version;

-- name: raise_tier :value
-- Raise the tier of a user; null when the user is closed or has this tier or a higher one.
-- $1 user, $2 tier
UPDATE account.users SET tier = $2::smallint
WHERE id = $1::uuid AND tier < $2 AND status <> 'closed'
RETURNING id;

-- name: erase_user :value
-- Erase a user; the files that are left to delete from the storage.
-- $1 user
SELECT account.erase_user($1::uuid);

-- name: list_open_user_sessions :many
-- The sessions of a user that are in force.
-- $1 user
SELECT id FROM account.user_sessions WHERE user_id = $1::uuid AND ended_at IS NULL;
