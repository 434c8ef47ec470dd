-- name: select_profile :one
-- The user who acts, with profile and tier.
-- $1 user
SELECT u.id, u.blockchain_address, u.status, u.tier, u.kyc_verified_at, u.created_at, t.name AS tier_name, t.invested_max,
       t.requires_kyc, p.phone_number_masked, p.country_code, p.full_name, p.email, p.preferences::text AS preferences,
       p.last_login_at, p.login_count, p.version
FROM account.users AS u
JOIN account.user_tiers AS t ON t.tier = u.tier
JOIN account.user_profiles AS p ON p.user_id = u.id
WHERE u.id = $1::uuid;

-- name: update_profile :one
-- Change what the user told; the new version, no row when the version is another.
-- $1 user, $2 version, $3 full name and $4 e-mail, both sealed, $5 preferences as JSON, $6 country
UPDATE account.user_profiles
SET full_name = $3::bytea, email = $4::bytea, preferences = $5::text::jsonb, country_code = $6::text
WHERE user_id = $1::uuid AND version = $2::integer
RETURNING version;
