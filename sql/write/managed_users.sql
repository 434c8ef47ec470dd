-- name: plan_anew :value
-- Let the rest of the transaction be planned for its own arguments: filters that are not set cost nothing.
-- no parameters
SELECT set_config('plan_cache_mode', 'force_custom_plan', true);

-- name: list_users :many
-- A page of users, newest first.
-- $1 rows, $2 and $3 keys of the row before, $4 status, $5 tier, $6 address
SELECT u.id, u.blockchain_address, u.status, u.tier, u.kyc_verified_at, u.erased_at, u.created_at, u.version
FROM account.users AS u
WHERE ($2::timestamptz IS NULL OR (u.created_at, u.id) < ($2::timestamptz, $3::uuid))
  AND ($4::text IS NULL OR u.status = $4::text)
  AND ($5::smallint IS NULL OR u.tier = $5::smallint)
  AND ($6::bytea IS NULL OR u.blockchain_address = $6::bytea)
ORDER BY u.created_at DESC, u.id DESC
LIMIT $1::integer;

-- name: select_managed_user :one
-- A user with profile, newest application and totals, as far as who acts may see them.
-- $1 user
SELECT u.id, u.blockchain_address, u.status, u.status_reason, u.tier, t.name AS tier_name, t.invested_max, t.requires_kyc,
       u.kyc_verified_at, u.erased_at, u.created_at, u.updated_at, u.version, p.phone_number_masked, p.country_code,
       p.full_name, p.email, p.last_login_at, p.login_count, k.id AS application_id, k.status AS application_status,
       k.submitted_at, k.reviewed_at, r.requested_at AS erasure_requested_at, i.investments, i.assets, i.invested, i.pending
FROM account.users AS u
JOIN account.user_tiers AS t ON t.tier = u.tier
JOIN account.user_profiles AS p ON p.user_id = u.id
LEFT JOIN account.erasure_requests AS r ON r.user_id = u.id
LEFT JOIN LATERAL (
    SELECT a.id, a.status, a.submitted_at, a.reviewed_at FROM account.kyc_applications AS a
    WHERE a.user_id = u.id ORDER BY a.submitted_at DESC, a.id DESC LIMIT 1
) AS k ON true
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE n.status = 'confirmed') AS investments,
           count(DISTINCT n.asset_id) FILTER (WHERE n.status = 'confirmed') AS assets,
           coalesce(sum(n.amount - n.withdrawn) FILTER (WHERE n.status = 'confirmed'), 0) AS invested,
           coalesce(sum(n.amount) FILTER (WHERE n.status = 'pending'), 0) AS pending
    FROM account.investments AS n WHERE n.user_id = u.id
) AS i
WHERE u.id = $1::uuid;

-- name: select_user_standing :one
-- What decides how a user may change.
-- $1 user
SELECT u.status, u.tier, u.erased_at, u.version FROM account.users AS u WHERE u.id = $1::uuid;

-- name: update_user_status :value
-- Change the status; the new version, none when the version is another.
-- $1 user, $2 version, $3 status, $4 why
UPDATE account.users AS u SET status = $3::text, status_reason = $4::text
WHERE u.id = $1::uuid AND u.version = $2::integer RETURNING u.version;

-- name: update_user_tier :value
-- Change the tier; the new version, none when the version is another.
-- $1 user, $2 version, $3 tier
UPDATE account.users AS u SET tier = $3::smallint
WHERE u.id = $1::uuid AND u.version = $2::integer RETURNING u.version;

-- name: list_sessions_of_user :many
-- The sessions in force of a user, newest first.
-- $1 user
SELECT s.id, s.client, s.created_at, s.refreshed_at, s.expires_at FROM account.user_sessions AS s
WHERE s.user_id = $1::uuid AND s.ended_at IS NULL AND s.expires_at > now()
ORDER BY s.created_at DESC, s.id DESC;

-- name: end_sessions_of_user :many
-- End every session of a user; their ids.
-- $1 user
UPDATE account.user_sessions AS s SET ended_at = now(), ended_because = 'revoked'
WHERE s.user_id = $1::uuid AND s.ended_at IS NULL RETURNING s.id;
