-- name: forget_expired :value
-- Remove what is over; the keys of documents that go with it.
-- no parameters
SELECT account.forget_expired();

-- name: select_files_to_delete :many
-- Files of erased users that are still stored.
-- $1 limit
SELECT user_id, stored_filename FROM account.files_to_delete($1::integer);

-- name: file_deleted :exec
-- Say that a file of an erased user is gone.
-- $1 user, $2 key
SELECT account.file_deleted($1::uuid, $2::text);

-- name: select_unnamed_files :many
-- Which of these keys no row names.
-- $1 keys
SELECT key FROM account.unnamed_files($1::text[]) AS key;
