-- name: count_some_users :value
-- How many users there are, up to a few.
-- no parameters
SELECT count(*) FROM (SELECT FROM account.users LIMIT 10) AS u;

-- name: is_seeded :value
-- Whether one of these wallets, or an administrator of this e-mail, is there already.
-- $1 wallets, $2 e-mail
SELECT EXISTS (SELECT FROM account.users AS u WHERE u.blockchain_address = ANY ($1::bytea[]))
    OR EXISTS (SELECT FROM account.admin_users AS a WHERE a.email = $2::text);

-- name: act_as_admin :value
-- What follows in the transaction is done by this administrator; null: by nobody.
-- $1 administrator, $2 why
SELECT account.enter('admin', $1::uuid, NULL, 'seed', NULL), set_config('app.justification', $2::text, true);

-- name: seed_admin :exec
-- An administrator who has set up password and second factor.
-- $1 id, $2 e-mail, $3 name, $4 role, $5 password hash, $6 sealed TOTP secret, $7 data key, $8 wrapped, $9 master key
WITH made AS (
    INSERT INTO account.admin_users (id, email, name, role, password_hash, totp_secret, totp_confirmed_at)
    VALUES ($1::uuid, $2::text, $3::text, $4::text, $5::text, $6::bytea, now()) RETURNING id
)
INSERT INTO account.data_keys (id, purpose, admin_id, wrapped, master_key_id)
SELECT $7::uuid, 'admin', m.id, $8::bytea, $9::text FROM made AS m;

-- name: seed_users :exec
-- Users of these wallets.
-- $1 ids, $2 wallets
INSERT INTO account.users (id, blockchain_address, created_at)
SELECT n.id, n.wallet, now() - n.place * interval '37 minutes'
FROM unnest($1::uuid[], $2::bytea[]) WITH ORDINALITY AS n (id, wallet, place);

-- name: seed_user_keys :exec
-- Their data keys.
-- $1 ids, $2 users, $3 wrapped, $4 master keys
INSERT INTO account.data_keys (id, purpose, user_id, wrapped, master_key_id)
SELECT n.id, 'user', n.user_id, n.wrapped, n.master_key_id
FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::text[]) AS n (id, user_id, wrapped, master_key_id);

-- name: seed_profiles :exec
-- Their profiles.
-- $1 users, $2 sealed names, $3 sealed e-mails, $4 countries
INSERT INTO account.user_profiles (user_id, full_name, email, country_code)
SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::text[]);

-- name: seed_applications :exec
-- Applications that wait for a review.
-- $1 ids, $2 users, $3 sealed details
INSERT INTO account.kyc_applications (id, user_id, details) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bytea[]);

-- name: seed_reviews :exec
-- A reviewer takes applications.
-- $1 ids, $2 reviewer
UPDATE account.kyc_applications SET status = 'under_review', assigned_to = $2::uuid WHERE id = ANY ($1::uuid[]);

-- name: seed_verified :exec
-- The reviewer verifies them.
-- $1 ids, $2 reviewer
UPDATE account.kyc_applications SET status = 'verified', verified_by = $2::uuid, reviewed_at = now() WHERE id = ANY ($1::uuid[]);

-- name: seed_rejected :exec
-- The reviewer rejects them.
-- $1 ids, $2 reviewer, $3 sealed reasons
UPDATE account.kyc_applications AS k
SET status = 'rejected', verified_by = $2::uuid, reviewed_at = now(), rejection_reason = n.reason
FROM unnest($1::uuid[], $3::bytea[]) AS n (id, reason) WHERE k.id = n.id;

-- name: seed_approvals :exec
-- An administrator asks for what takes a second one.
-- $1 kind, $2 resources, $3 changes as JSON, $4 administrator
INSERT INTO account.approvals (kind, resource_id, change, justification, requested_by)
SELECT $1::text, n.resource_id, n.change::jsonb, 'a development database is filled', $4::uuid
FROM unnest($2::uuid[], $3::text[]) AS n (resource_id, change);

-- name: seed_decisions :exec
-- A second one approves all of a kind that waits.
-- $1 kind, $2 resources, $3 administrator
UPDATE account.approvals SET status = 'approved', decided_by = $3::uuid, decided_at = now()
WHERE kind = $1::text AND resource_id = ANY ($2::uuid[]) AND status = 'pending';

-- name: seed_tiers :exec
-- Raise tiers that were approved.
-- $1 users, $2 tiers
UPDATE account.users AS u SET tier = n.tier FROM unnest($1::uuid[], $2::smallint[]) AS n (id, tier) WHERE u.id = n.id;

-- name: seed_statuses :exec
-- Suspend and close.
-- $1 users, $2 status
UPDATE account.users SET status = $2::text, status_reason = 'a development database is filled' WHERE id = ANY ($1::uuid[]);

-- name: seed_assets :exec
-- Drafts of assets.
-- $1 ids, $2 contracts, $3 types, $4 titles, $5 categories, $6 locations, $7 administrator
INSERT INTO account.assets (id, contract_address, type, title, category, location, description, created_by)
SELECT n.id, n.contract, n.type, n.title, n.category, n.location, 'A ' || n.category || ' in ' || n.location, $7::uuid
FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::text[])
    AS n (id, contract, type, title, category, location);

-- name: seed_offers :exec
-- What the assets offer.
-- $1 ids of those that are invested in, $2 of those that interest is shown in
INSERT INTO account.asset_details (asset_id, token_symbol, token_price, max_supply, minimum_investment, expected_roi)
SELECT n.id, 'SEED', 10, 10000000, 0.01, 7.5 FROM unnest($1::uuid[]) AS n (id)
UNION ALL SELECT n.id, NULL, NULL, NULL, NULL, NULL FROM unnest($2::uuid[]) AS n (id);

-- name: seed_contacts :exec
-- Whom to ask about those that interest is shown in.
-- $1 ids
UPDATE account.asset_details SET soft_cap = 1000000, contact_format = 'email', contact_value = 'offers@example.com'
WHERE asset_id = ANY ($1::uuid[]);

-- name: seed_asset_statuses :exec
-- Activate, pause, close.
-- $1 ids, $2 status
UPDATE account.assets SET status = $2::text WHERE id = ANY ($1::uuid[]);

-- name: seed_interests :exec
-- Interest that users showed.
-- $1 assets, $2 users
INSERT INTO account.asset_interests (asset_id, user_id) SELECT * FROM unnest($1::uuid[], $2::uuid[]);

-- name: seed_investments :exec
-- Intents.
-- $1 ids, $2 users, $3 assets, $4 amounts
INSERT INTO account.investments (id, user_id, asset_id, amount, currency)
SELECT n.id, n.user_id, n.asset_id, n.amount, 'PEND'
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::numeric[]) AS n (id, user_id, asset_id, amount);

-- name: seed_confirmed :exec
-- Settle the legs that wait of these investments as if a block had confirmed them: block -1, which no chain has.
-- $1 investments
UPDATE account.transactions AS t
SET status = 'confirmed', settled_at = now(), block_number = -1, block_hash = sha256('seed'), log_index = n.place,
    transaction_hash = sha256(uuid_send(t.id))
FROM (
    SELECT w.id, coalesce((SELECT max(o.log_index) FROM account.transactions AS o WHERE o.block_number = -1), 0)
        + row_number() OVER (ORDER BY w.id)::integer AS place
    FROM account.transactions AS w WHERE w.investment_id = ANY ($1::uuid[]) AND w.status = 'pending'
) AS n WHERE t.id = n.id;

-- name: seed_failed :exec
-- Fail them.
-- $1 investments
UPDATE account.transactions SET status = 'failed', settled_at = now(), failure_reason = 'expired'
WHERE investment_id = ANY ($1::uuid[]) AND status = 'pending';

-- name: seed_withdrawals :exec
-- Ask for a share of confirmed investments back.
-- $1 investments, $2 the share
INSERT INTO account.transactions (user_id, asset_id, investment_id, kind, amount, currency, asked_at_block)
SELECT i.user_id, i.asset_id, i.id, 'withdrawal', i.amount * $2::numeric, i.currency, -1
FROM account.investments AS i WHERE i.id = ANY ($1::uuid[]);

-- name: seed_security_events :exec
-- What looked like attacks.
-- $1 users
SELECT account.record_security_event(
    n.event_type, n.severity, n.user_id, NULL, '192.0.2.7'::inet, 'seed', NULL, 'seed', '{"failures": 5}'::jsonb, n.taken)
FROM (
    SELECT u.id AS user_id, u.place,
        (ARRAY['failed_login', 'rate_limit_exceeded', 'refresh_token_reused', 'failed_login'])[1 + u.place % 4] AS event_type,
        (ARRAY['low', 'medium', 'high', 'critical'])[1 + u.place % 4] AS severity,
        (ARRAY[NULL, 'limited', 'session ended', 'locked'])[1 + u.place % 4] AS taken
    FROM unnest($1::uuid[]) WITH ORDINALITY AS u (id, place)
) AS n;

-- name: refresh_summaries :value
-- Count what dashboards show.
-- no parameters
SELECT account.refresh_summaries();
