-- name: lock_messages :value
-- Write to an application alone until the transaction ends, so that who has read up to an id has read all before it.
-- $1 application
SELECT pg_advisory_xact_lock(hashtextextended('pend messages ' || $1::text, 0));

-- name: next_message_id :value
-- The id of a new message, which its body is sealed for.
-- no parameters
SELECT nextval('account.messages_id_seq');

-- name: insert_message :one
-- A message, without its body.
-- $1 id, $2 application, $3 its applicant, $4 audience, $5 the administrator who wrote it or null, $6 sealed body
INSERT INTO account.messages (id, application_id, user_id, audience, author_admin_id, body)
OVERRIDING SYSTEM VALUE
VALUES ($1::bigint, $2::uuid, $3::uuid, $4::text, $5::uuid, $6::bytea)
RETURNING id, application_id, audience, author_admin_id, created_at;

-- name: select_messages :many
-- Messages of an application after one that was read, in order.
-- $1 application, $2 id of the last one read, $3 rows, $4 whether those among reviewers are included
SELECT id, application_id, audience, author_admin_id, body, created_at
FROM account.messages
WHERE application_id = $1::uuid AND id > $2::bigint AND ($4::boolean OR audience = 'applicant')
ORDER BY id
LIMIT $3::integer;

-- name: select_conversation :one
-- The applicant of an application.
-- $1 application, $2 the user whose it must be; null: anybody's
SELECT user_id FROM account.kyc_applications WHERE id = $1::uuid AND ($2::uuid IS NULL OR user_id = $2::uuid);
