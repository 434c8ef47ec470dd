-- name: insert_outbox :exec
-- Announce a committed change; the sequence was claimed in the same transaction (invariant 10).
-- $1 sequence, $2 kind, $3 from block, $4 to block, $5 head hash, $6 payload
INSERT INTO chain.outbox (sequence, kind, from_block, to_block, head_hash, payload)
VALUES ($1::bigint, $2::text, $3::bigint, $4::bigint, $5::bytea, $6::text::jsonb);

-- name: insert_outbox_rows :exec
-- Announce a committed change by several rows; their sequences were claimed in the same transaction (invariant 10).
-- $1 first sequence, $2 kind, $3 from block, $4 to block, $5 head hash, $6 payloads
INSERT INTO chain.outbox (sequence, kind, from_block, to_block, head_hash, payload)
SELECT $1::bigint + place - 1, $2::text, $3::bigint, $4::bigint, $5::bytea, payload::jsonb
FROM unnest($6::text[]) WITH ORDINALITY AS announced (payload, place);

-- name: notify_outbox :exec
-- Wake whoever listens; sent when the transaction commits.
-- $1 sequence
SELECT pg_notify('pend_outbox', $1::bigint::text);

-- name: delete_outbox_up_to :value
-- Forget the oldest rows up to a sequence, some at a time; how many went.
-- $1 highest sequence that may go, $2 how many at most
WITH gone AS (
    DELETE FROM chain.outbox
    WHERE sequence <= $1::bigint AND sequence < (SELECT min(sequence) FROM chain.outbox) + $2::bigint
    RETURNING 1
)
SELECT count(*) FROM gone;
