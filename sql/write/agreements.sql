-- name: select_asset_agreement :one
-- The agreement of an offer, and whether the user signed it; no row: there is no such offer.
-- $1 asset, $2 user
SELECT a.id, d.agreement_hash, d.agreement_url,
       EXISTS (SELECT FROM account.investment_agreements AS g
               WHERE g.user_id = $2::uuid AND g.asset_id = a.id AND g.agreement_hash = d.agreement_hash) AS is_signed
FROM account.assets AS a
LEFT JOIN account.asset_details AS d ON d.asset_id = a.id
WHERE a.id = $1::uuid AND a.status <> 'draft';

-- name: insert_agreement :exec
-- Keep a signature over the agreement that is in force; nothing when another one is, or it was signed.
-- $1 user, $2 asset, $3 hash of the agreement, $4 signature, $5 text that was signed
INSERT INTO account.investment_agreements (user_id, asset_id, agreement_hash, agreement_url, signature, signed_text)
SELECT $1::uuid, d.asset_id, d.agreement_hash, d.agreement_url, $4::bytea, $5::text
FROM account.asset_details AS d
WHERE d.asset_id = $2::uuid AND d.agreement_hash = $3::bytea
ON CONFLICT (user_id, asset_id, agreement_hash) DO NOTHING;

-- name: select_agreement :one
-- What the user signed of an asset.
-- $1 user, $2 asset, $3 hash of the agreement
SELECT g.id, g.asset_id, g.agreement_hash, g.agreement_url, g.signature, g.signed_text, g.signed_at
FROM account.investment_agreements AS g
WHERE g.user_id = $1::uuid AND g.asset_id = $2::uuid AND g.agreement_hash = $3::bytea;

-- name: select_agreements :many
-- A page of what the user signed, newest first.
-- $1 limit, $2 signed_at and $3 id of the cursor, $4 user
SELECT g.id, g.asset_id, g.agreement_hash, g.agreement_url, g.signature, g.signed_text, g.signed_at
FROM account.investment_agreements AS g
WHERE g.user_id = $4::uuid AND ($2::timestamptz IS NULL OR (g.signed_at, g.id) < ($2::timestamptz, $3::uuid))
ORDER BY g.signed_at DESC, g.id DESC LIMIT $1::integer;
