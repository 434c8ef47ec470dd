-- name: lock_asset :one
-- One asset as it stands, unchanged by others until the transaction ends; no row for who may not change it.
-- $1 asset
SELECT id, type, status, contract_address, title, description, category, location, image_url, metadata::text AS metadata,
       version
FROM account.assets
WHERE id = $1::uuid
FOR NO KEY UPDATE;

-- name: select_asset_readiness :one
-- What an asset needs before it is offered.
-- $1 asset
SELECT a.type, a.contract_address IS NOT NULL AS has_contract, d.asset_id IS NOT NULL AS has_details,
       d.contact_value IS NOT NULL AS has_contact, coalesce(d.deadline <= now(), false) AS is_over
FROM account.assets AS a
LEFT JOIN account.asset_details AS d ON d.asset_id = a.id
WHERE a.id = $1::uuid;

-- name: update_asset_status :one
-- Take one asset along an edge; no row when it is in another state by now.
-- $1 asset, $2 its present state, $3 the next one
UPDATE account.assets SET status = $3::text
WHERE id = $1::uuid AND status = $2::text
RETURNING version;
