-- name: select_seals_after :many
-- The next seals, in order.
-- $1 number of the one before, $2 the most
SELECT s.number, s.first_id, s.last_id, s.row_ids, s.row_hashes, s.previous_hash, s.hash, s.sealed_at
FROM account.audit_seals AS s WHERE s.number > $1::bigint ORDER BY s.number LIMIT $2::integer;

-- name: select_audit_texts :many
-- The next rows of the audit trail, in order, as the text that is hashed.
-- $1 after this id, $2 up to this one, $3 the most
SELECT l.id, l.timestamp, account.audit_text(l) AS text
FROM account.admin_audit_logs AS l WHERE l.id > $1::bigint AND l.id <= $2::bigint ORDER BY l.id LIMIT $3::integer;
