-- name: list_security_events :many
-- A page of security events, newest first.
-- $1 rows, $2 and $3 keys of the row before, $4 severity, $5 type, $6 whether investigated, $7 address
SELECT e.id, e.timestamp, e.event_type, e.severity, e.user_id, e.admin_id, host(e.ip_address) AS ip_address, e.user_agent,
       e.endpoint, e.request_id, e.threat_indicators::text AS threat_indicators, e.automatic_action_taken, e.investigated,
       e.investigated_by, e.investigated_at, e.investigation_notes, e.false_positive, e.version
FROM account.security_events AS e
WHERE ($2::timestamptz IS NULL OR (e.timestamp, e.id) < ($2::timestamptz, $3::uuid))
  AND ($4::text IS NULL OR e.severity = $4::text)
  AND ($5::text IS NULL OR e.event_type = $5::text)
  AND ($6::boolean IS NULL OR e.investigated = $6::boolean)
  AND ($7::inet IS NULL OR e.ip_address = $7::inet)
ORDER BY e.timestamp DESC, e.id DESC
LIMIT $1::integer;

-- name: select_security_event :one
-- One of them.
-- $1 id
SELECT e.id, e.timestamp, e.event_type, e.severity, e.user_id, e.admin_id, host(e.ip_address) AS ip_address, e.user_agent,
       e.endpoint, e.request_id, e.threat_indicators::text AS threat_indicators, e.automatic_action_taken, e.investigated,
       e.investigated_by, e.investigated_at, e.investigation_notes, e.false_positive, e.version
FROM account.security_events AS e
WHERE e.id = $1::uuid;

-- name: investigate_security_event :value
-- Keep what was found; the new version, none when the version is another.
-- $1 id, $2 version, $3 administrator, $4 notes, $5 whether it was none
UPDATE account.security_events AS e
SET investigated = true, investigated_by = $3::uuid, investigated_at = now(), investigation_notes = $4::text,
    false_positive = $5::boolean
WHERE e.id = $1::uuid AND e.version = $2::integer RETURNING e.version;
