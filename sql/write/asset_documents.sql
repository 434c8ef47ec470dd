-- name: select_asset_documents :many
-- The documents of one asset, oldest first.
-- $1 asset, $2 limit
SELECT id, title, file_size, mime_type, file_hash, uploaded_at
FROM account.asset_documents
WHERE asset_id = $1::uuid
ORDER BY uploaded_at, id LIMIT $2::integer;

-- name: select_asset_document :one
-- Where one document of an asset lies, and what it must hash to.
-- $1 asset, $2 document, $3 whether drafts are shown
SELECT d.id, d.title, d.stored_filename, d.file_size, d.mime_type, d.file_hash, d.uploaded_at
FROM account.asset_documents AS d
JOIN account.assets AS a ON a.id = d.asset_id
WHERE d.asset_id = $1::uuid AND d.id = $2::uuid AND ($3::boolean OR a.status <> 'draft');

-- name: count_asset_documents :value
-- How many documents an asset has, which is locked before.
-- $1 asset, $2 highest number that matters
SELECT count(*) FROM (SELECT FROM account.asset_documents WHERE asset_id = $1::uuid LIMIT $2::integer) AS d;

-- name: insert_asset_document :one
-- A document that lies in the storage.
-- $1 id, $2 asset, $3 title, $4 key in the storage, $5 bytes, $6 type, $7 hash, $8 administrator
INSERT INTO account.asset_documents (id, asset_id, title, stored_filename, file_size, mime_type, file_hash, uploaded_by)
VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::bigint, $6::text, $7::bytea, $8::uuid)
RETURNING id, title, file_size, mime_type, file_hash, uploaded_at;

-- name: delete_asset_document :value
-- Take a document out of an asset; its key in the storage, nothing when there is none.
-- $1 asset, $2 document
DELETE FROM account.asset_documents WHERE asset_id = $1::uuid AND id = $2::uuid RETURNING stored_filename;

-- name: has_asset_document :value
-- Whether a document is named by an asset.
-- $1 document
SELECT EXISTS (SELECT FROM account.asset_documents WHERE id = $1::uuid);
