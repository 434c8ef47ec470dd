-- name: export_profile :one
-- All that is kept of a user in one row each of account.users and account.user_profiles.
-- $1 user
SELECT u.id, u.blockchain_address, u.status, u.tier, u.kyc_verified_at, u.created_at, u.metadata::text AS metadata,
       p.phone_number_masked, p.country_code, p.full_name, p.email, p.registration_ip, p.device_fingerprints,
       p.preferences::text AS preferences, p.metadata::text AS profile_metadata, p.login_count, p.last_login_at
FROM account.users AS u
JOIN account.user_profiles AS p ON p.user_id = u.id
WHERE u.id = $1::uuid;

-- name: export_sessions :many
-- Sessions of a user, those that ended included, oldest first.
-- $1 user, $2 rows, $3 time and $4 id of the row before
SELECT s.created_at AS at, s.id, s.client, s.refreshed_at, s.expires_at, s.ended_at, s.ended_because
FROM account.user_sessions AS s
WHERE s.user_id = $1::uuid AND ($3::timestamptz IS NULL OR (s.created_at, s.id) > ($3::timestamptz, $4::uuid))
ORDER BY s.created_at, s.id LIMIT $2::integer;

-- name: export_applications :many
-- Applications of a user, without the notes of reviewers, oldest first.
-- $1 user, $2 rows, $3 time and $4 id of the row before
SELECT k.submitted_at AS at, k.id, k.status, k.details, k.rejection_reason, k.reviewed_at, k.metadata::text AS metadata
FROM account.kyc_applications AS k
WHERE k.user_id = $1::uuid AND ($3::timestamptz IS NULL OR (k.submitted_at, k.id) > ($3::timestamptz, $4::uuid))
ORDER BY k.submitted_at, k.id LIMIT $2::integer;

-- name: export_documents :many
-- Documents that a user uploaded, oldest first.
-- $1 user, $2 rows, $3 time and $4 id of the row before
SELECT d.uploaded_at AS at, d.id, d.application_id, d.document_type, d.original_filename, d.mime_type, d.file_size, d.file_hash,
       d.erased_at
FROM account.kyc_documents AS d
WHERE d.user_id = $1::uuid AND ($3::timestamptz IS NULL OR (d.uploaded_at, d.id) > ($3::timestamptz, $4::uuid))
ORDER BY d.uploaded_at, d.id LIMIT $2::integer;

-- name: export_messages :many
-- Messages between a user and reviewers, in order.
-- $1 user, $2 rows, $3 time and $4 id of the row before
SELECT m.created_at AS at, m.id, m.application_id, m.author_admin_id IS NULL AS is_own, m.body
FROM account.kyc_applications AS k
JOIN account.messages AS m ON m.application_id = k.id
WHERE k.user_id = $1::uuid AND m.user_id = $1::uuid AND m.audience = 'applicant'
  AND ($3::timestamptz IS NULL OR m.id > $4::bigint)
ORDER BY m.id LIMIT $2::integer;

-- name: export_investments :many
-- Investments of a user, oldest first.
-- $1 user, $2 rows, $3 time and $4 id of the row before
SELECT i.invested_at AS at, i.id, i.asset_id, i.amount, i.currency, i.status, i.withdrawn, i.withdrawing, i.transaction_hash,
       i.block_number, i.failure_reason, i.confirmed_at, i.metadata::text AS metadata
FROM account.investments AS i
WHERE i.user_id = $1::uuid AND ($3::timestamptz IS NULL OR (i.invested_at, i.id) > ($3::timestamptz, $4::uuid))
ORDER BY i.invested_at, i.id LIMIT $2::integer;

-- name: export_transactions :many
-- Movements of a user, oldest first.
-- $1 user, $2 rows, $3 time and $4 id of the row before
SELECT t.created_at AS at, t.id, t.asset_id, t.investment_id, t.kind, t.amount, t.currency, t.status, t.transaction_hash,
       t.block_number, t.failure_reason, t.settled_at
FROM account.transactions AS t
WHERE t.user_id = $1::uuid AND ($3::timestamptz IS NULL OR (t.created_at, t.id) > ($3::timestamptz, $4::uuid))
ORDER BY t.created_at, t.id LIMIT $2::integer;

-- name: export_agreements :many
-- Agreements that a user signed, oldest first.
-- $1 user, $2 rows, $3 time and $4 id of the row before
SELECT a.signed_at AS at, a.id, a.asset_id, a.agreement_hash, a.agreement_url, a.signature, a.signed_text
FROM account.investment_agreements AS a
WHERE a.user_id = $1::uuid AND ($3::timestamptz IS NULL OR (a.signed_at, a.id) > ($3::timestamptz, $4::uuid))
ORDER BY a.signed_at, a.id LIMIT $2::integer;

-- name: export_interests :many
-- Assets that a user showed interest in.
-- $1 user, $2 rows, $3 time and $4 asset of the row before
SELECT n.shown_at AS at, n.asset_id AS id
FROM account.asset_interests AS n
WHERE n.user_id = $1::uuid AND ($3::timestamptz IS NULL OR (n.shown_at, n.asset_id) > ($3::timestamptz, $4::uuid))
ORDER BY n.shown_at, n.asset_id LIMIT $2::integer;

-- name: export_activity :many
-- What a user did in the application, oldest first.
-- $1 user, $2 rows, $3 time and $4 id of the row before
SELECT n.timestamp AS at, n.id, n.event_type, n.event_data::text AS event_data, n.session_id
FROM account.user_analytics AS n
WHERE n.user_id = $1::uuid AND ($3::timestamptz IS NULL OR (n.timestamp, n.id) > ($3::timestamptz, $4::uuid))
ORDER BY n.timestamp, n.id LIMIT $2::integer;

-- name: export_trail :many
-- What the user who acts changed, as the audit trail has it, in order.
-- $1 user, $2 rows, $3 time and $4 id of the row before
SELECT l.at, l.id, l.action, l.resource_type, l.resource_id, l.old_values::text AS old_values, l.new_values::text AS new_values,
       host(l.ip_address) AS address, l.session_id
FROM account.own_trail(CASE WHEN $3::timestamptz IS NOT NULL THEN $4::bigint END, $2::integer) AS l
WHERE account.current_user_id() = $1::uuid;

-- name: insert_erasure_request :one
-- The user who acts asks for erasure.
-- $1 user
INSERT INTO account.erasure_requests (user_id) VALUES ($1::uuid) RETURNING id, requested_at, erased_at;

-- name: select_erasure_request :one
-- What the user asked for.
-- $1 user
SELECT r.id, r.requested_at, r.erased_at FROM account.erasure_requests AS r WHERE r.user_id = $1::uuid;
