-- name: select_assets :many
-- A page of assets, newest first.
-- $1 limit, $2 created_at and $3 id of the cursor, $4 type, $5 status, $6 category, $7 whether drafts are shown
WITH page AS (
    SELECT a.id, a.created_at
    FROM account.assets AS a
    WHERE ($2::timestamptz IS NULL OR (a.created_at, a.id) < ($2::timestamptz, $3::uuid))
      AND ($4::text IS NULL OR a.type = $4::text)
      AND ($5::text IS NULL OR a.status = $5::text)
      AND ($6::text IS NULL OR a.category = $6::text)
      AND ($7::boolean OR a.status <> 'draft')
    ORDER BY a.created_at DESC, a.id DESC LIMIT $1::integer
)
SELECT a.id, a.type, a.title, a.category, a.location, a.image_url, a.status, a.contract_address, a.created_at,
       d.currency, d.token_symbol, d.token_price, d.minimum_investment, d.expected_roi, d.soft_cap, d.deadline,
       d.min_tier_required, m.cap, m.total_invested, m.total_reserved, m.investor_count, m.interested_count
FROM page AS p
JOIN account.assets AS a ON a.id = p.id
JOIN account.asset_metrics AS m ON m.asset_id = p.id
LEFT JOIN account.asset_details AS d ON d.asset_id = p.id
ORDER BY p.created_at DESC, p.id DESC;

-- name: select_assets_matching :many
-- A page of assets that have all of some words, the best match first.
-- $1 limit, $2 rank and $3 id of the cursor, $4 type, $5 status, $6 category, $7 words
SELECT a.id, f.rank::double precision AS rank, a.type, a.title, a.category, a.location, a.image_url, a.status,
       a.contract_address, a.created_at, d.currency, d.token_symbol, d.token_price, d.minimum_investment, d.expected_roi,
       d.soft_cap, d.deadline, d.min_tier_required, m.cap, m.total_invested, m.total_reserved, m.investor_count,
       m.interested_count
FROM account.assets_matching(
    $7::text, $4::text, $5::text, $6::text, $2::double precision::real, $3::uuid, $1::integer
) AS f
JOIN account.assets AS a ON a.id = f.asset_id
JOIN account.asset_metrics AS m ON m.asset_id = f.asset_id
LEFT JOIN account.asset_details AS d ON d.asset_id = f.asset_id
ORDER BY f.rank DESC, f.asset_id DESC;

-- name: select_asset :one
-- One asset with its details and totals.
-- $1 asset, $2 user who asks or null, $3 whether drafts are shown
SELECT a.id, a.type, a.title, a.description, a.category, a.location, a.image_url, a.status, a.contract_address,
       a.metadata::text AS metadata, a.version, a.created_at, a.updated_at,
       d.asset_id IS NOT NULL AS has_details, d.currency, d.token_symbol, d.token_price, d.token_decimals, d.max_supply,
       d.expected_roi, d.lockup_period, d.minimum_investment, d.soft_cap, d.deadline, d.contact_format, d.contact_value,
       d.jurisdiction, d.spv_name, d.custody_type, d.min_tier_required, d.legal_documents::text AS legal_documents,
       d.agreement_url, d.agreement_hash,
       m.cap, m.total_invested, m.total_reserved, m.investor_count, m.interested_count,
       m.performance_data::text AS performance_data, m.last_updated,
       EXISTS (SELECT FROM account.asset_interests AS i WHERE i.asset_id = a.id AND i.user_id = $2::uuid) AS is_interested
FROM account.assets AS a
JOIN account.asset_metrics AS m ON m.asset_id = a.id
LEFT JOIN account.asset_details AS d ON d.asset_id = a.id
WHERE a.id = $1::uuid AND ($3::boolean OR a.status <> 'draft');

-- name: insert_asset :value
-- A new draft; its id.
-- $1 contract, $2 type, $3 title, $4 description, $5 category, $6 location, $7 image, $8 metadata as JSON, $9 administrator
INSERT INTO account.assets (contract_address, type, title, description, category, location, image_url, metadata, created_by)
VALUES ($1::bytea, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text, $8::text::jsonb, $9::uuid)
RETURNING id;

-- name: update_asset :exec
-- Change what an asset says of itself; it is locked before.
-- $1 asset, $2 contract, $3 type, $4 title, $5 description, $6 category, $7 location, $8 image, $9 metadata as JSON
UPDATE account.assets
SET contract_address = $2::bytea, type = $3::text, title = $4::text, description = $5::text, category = $6::text,
    location = $7::text, image_url = $8::text, metadata = $9::text::jsonb
WHERE id = $1::uuid;

-- name: update_asset_version :exec
-- Give an asset its next version, for what changed beside it; it is locked before.
-- $1 asset
UPDATE account.assets SET title = title WHERE id = $1::uuid;

-- name: upsert_asset_details :exec
-- The terms of an asset, all of them.
-- $1 asset, $2 currency, $3 token symbol, $4 token price, $5 token decimals, $6 supply, $7 expected return, $8 lockup in days, $9 minimum, $10 soft cap, $11 deadline, $12 format and $13 value of the contact, $14 jurisdiction, $15 company, $16 custody, $17 tier, $18 legal documents as JSON, $19 agreement, $20 its hash
INSERT INTO account.asset_details AS d (
    asset_id, currency, token_symbol, token_price, token_decimals, max_supply, expected_roi, lockup_period,
    minimum_investment, soft_cap, deadline, contact_format, contact_value, jurisdiction, spv_name, custody_type,
    min_tier_required, legal_documents, agreement_url, agreement_hash
) VALUES (
    $1::uuid, $2::text, $3::text, $4::numeric, $5::smallint, $6::bigint, $7::numeric, $8::integer, $9::numeric,
    $10::numeric, $11::timestamptz, $12::text, $13::text, $14::text, $15::text, $16::text, $17::smallint,
    $18::text::jsonb, $19::text, $20::bytea
)
ON CONFLICT (asset_id) DO UPDATE
SET currency = excluded.currency, token_symbol = excluded.token_symbol, token_price = excluded.token_price,
    token_decimals = excluded.token_decimals, max_supply = excluded.max_supply, expected_roi = excluded.expected_roi,
    lockup_period = excluded.lockup_period, minimum_investment = excluded.minimum_investment,
    soft_cap = excluded.soft_cap, deadline = excluded.deadline, contact_format = excluded.contact_format,
    contact_value = excluded.contact_value, jurisdiction = excluded.jurisdiction, spv_name = excluded.spv_name,
    custody_type = excluded.custody_type, min_tier_required = excluded.min_tier_required,
    legal_documents = excluded.legal_documents, agreement_url = excluded.agreement_url,
    agreement_hash = excluded.agreement_hash;

-- name: select_asset_deadline :value
-- The deadline of an asset as it stands.
-- $1 asset
SELECT deadline FROM account.asset_details WHERE asset_id = $1::uuid;

-- name: update_asset_performance :exec
-- What is told of how an asset does.
-- $1 asset, $2 JSON
UPDATE account.asset_metrics SET performance_data = $2::text::jsonb, last_updated = now() WHERE asset_id = $1::uuid;

-- name: insert_asset_interest :value
-- Note the interest of a user; nothing when it is noted already.
-- $1 asset, $2 user
INSERT INTO account.asset_interests (asset_id, user_id) VALUES ($1::uuid, $2::uuid)
ON CONFLICT (asset_id, user_id) DO NOTHING
RETURNING true;

-- name: delete_asset_interest :value
-- Forget it again; nothing when there was none.
-- $1 asset, $2 user
DELETE FROM account.asset_interests WHERE asset_id = $1::uuid AND user_id = $2::uuid RETURNING true;
