-- name: list_audit :many
-- A page of the audit trail, newest first.
-- $1 rows, $2 id of the row before, $3 administrator, $4 user, $5 kind and $6 id of the resource, $7 action, $8 from, $9 until
SELECT l.id, l.timestamp, l.actor, l.admin_id, l.user_id, l.action, l.resource_type, l.resource_id,
       l.old_values::text AS old_values, l.new_values::text AS new_values, host(l.ip_address) AS ip_address, l.session_id,
       l.request_id, l.justification, l.approval_id, l.approved_by
FROM account.admin_audit_logs AS l
WHERE ($2::bigint IS NULL OR l.id < $2::bigint)
  AND ($3::uuid IS NULL OR l.admin_id = $3::uuid)
  AND ($4::uuid IS NULL OR l.user_id = $4::uuid)
  AND ($5::text IS NULL OR l.resource_type = $5::text)
  AND ($6::text IS NULL OR l.resource_id = $6::text)
  AND ($7::text IS NULL OR l.action = $7::text)
  AND ($8::timestamptz IS NULL OR l.timestamp >= $8::timestamptz)
  AND ($9::timestamptz IS NULL OR l.timestamp < $9::timestamptz)
ORDER BY l.id DESC
LIMIT $1::integer;

-- name: last_audit_id :value
-- The newest row that is there now: an export ends with it.
-- no parameters
SELECT coalesce(max(l.id), 0) FROM account.admin_audit_logs AS l;

-- name: export_audit :many
-- The next rows of an export, oldest first.
-- $1 rows, $2 after this id, $3 up to this one, $4 from, $5 until
SELECT l.id, l.timestamp, l.actor, l.admin_id, l.user_id, l.action, l.resource_type, l.resource_id,
       l.old_values::text AS old_values, l.new_values::text AS new_values, host(l.ip_address) AS ip_address, l.session_id,
       l.request_id, l.justification, l.approval_id, l.approved_by
FROM account.admin_audit_logs AS l
WHERE l.id > $2::bigint AND l.id <= $3::bigint AND l.timestamp >= $4::timestamptz AND l.timestamp < $5::timestamptz
ORDER BY l.id
LIMIT $1::integer;

-- name: list_seals :many
-- A page of seals, newest first.
-- $1 rows, $2 number of the row before
SELECT s.number, s.first_id, s.last_id, cardinality(s.row_ids) AS rows, encode(s.previous_hash, 'hex') AS previous_hash,
       encode(s.hash, 'hex') AS hash, s.sealed_at, s.anchored_at
FROM account.audit_seals AS s
WHERE $2::bigint IS NULL OR s.number < $2::bigint
ORDER BY s.number DESC
LIMIT $1::integer;
