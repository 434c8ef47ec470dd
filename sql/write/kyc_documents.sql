-- name: insert_kyc_document :value
-- A document that waits for an application; when it was uploaded.
-- $1 id, $2 user, $3 type, $4 sealed file name, $5 key in the storage, $6 bytes, $7 media type, $8 SHA-256, $9 data key
INSERT INTO account.kyc_documents (
    id, user_id, document_type, original_filename, stored_filename, file_size, mime_type, file_hash, data_key_id
) VALUES ($1::uuid, $2::uuid, $3::text, $4::bytea, $5::text, $6::bigint, $7::text, $8::bytea, $9::uuid)
RETURNING uploaded_at;

-- name: kyc_document_exists :value
-- Whether a user has this document.
-- $1 id, $2 user
SELECT EXISTS (SELECT FROM account.kyc_documents WHERE id = $1::uuid AND user_id = $2::uuid);

-- name: select_kyc_documents :many
-- The documents of a user that can still be read, newest first.
-- $1 rows, $2 uploaded at and $3 id of the last one before, $4 user
SELECT id, application_id, document_type, original_filename, mime_type, file_size, file_hash, uploaded_at
FROM account.kyc_documents
WHERE user_id = $4::uuid AND erased_at IS NULL
  AND ($2::timestamptz IS NULL OR (uploaded_at, id) < ($2::timestamptz, $3::uuid))
ORDER BY uploaded_at DESC, id DESC
LIMIT $1::integer;

-- name: select_application_documents :many
-- The documents of an application that can still be read.
-- $1 application
SELECT id, application_id, document_type, original_filename, mime_type, file_size, file_hash, uploaded_at
FROM account.kyc_documents
WHERE application_id = $1::uuid AND erased_at IS NULL
ORDER BY uploaded_at, id;

-- name: select_kyc_document :one
-- A document and its wrapped data key; no row once it is erased.
-- $1 id, $2 user whose it must be; null: anybody's that was submitted
SELECT d.id, d.user_id, d.application_id, d.original_filename, d.stored_filename, d.mime_type, d.file_size, d.file_hash,
       k.id AS data_key_id, k.wrapped, k.master_key_id
FROM account.kyc_documents AS d
JOIN account.data_keys AS k ON k.id = d.data_key_id
WHERE d.id = $1::uuid AND (d.user_id = $2::uuid OR $2::uuid IS NULL AND d.application_id IS NOT NULL)
  AND d.erased_at IS NULL AND k.wrapped IS NOT NULL;

-- name: delete_kyc_document :value
-- Delete a document of no application; its key in the storage.
-- $1 id, $2 user
DELETE FROM account.kyc_documents
WHERE id = $1::uuid AND user_id = $2::uuid AND application_id IS NULL
RETURNING stored_filename;

-- name: attach_kyc_documents :many
-- Make documents part of an application; those that could be.
-- $1 application, $2 documents, $3 user
UPDATE account.kyc_documents SET application_id = $1::uuid
WHERE id = ANY ($2::uuid[]) AND user_id = $3::uuid AND application_id IS NULL AND erased_at IS NULL
RETURNING id;
