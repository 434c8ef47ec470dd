-- name: select_outbox_from :many
-- Rows from a sequence on, itself included, in order; the first one shows whether history is still the same.
-- $1 sequence, $2 how many
SELECT sequence, (extract(epoch FROM created_at) * 1000000)::bigint AS stamp,
       kind, from_block, to_block, head_hash, payload::text AS payload
FROM chain.outbox
WHERE sequence >= $1::bigint
ORDER BY sequence
LIMIT $2::integer;

-- name: select_outbox_bounds :one
-- The lowest and highest sequence there is, and which network and database they belong to; no row before the first start.
-- no parameters
SELECT chain_id::text AS chain_id, (extract(epoch FROM created_at) * 1000000)::bigint AS founded,
       coalesce((SELECT min(sequence) FROM chain.outbox), outbox_sequence + 1) AS oldest,
       outbox_sequence AS newest, pg_is_in_recovery() AS is_standby
FROM chain.chain_state;
