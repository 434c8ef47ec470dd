-- name: select_links :many
-- Number, hash and parent hash of stored blocks $1…$2, lowest first.
-- $1 first block, $2 last block
SELECT number, hash, parent_hash
FROM chain.blocks
WHERE number BETWEEN $1::bigint AND $2::bigint
ORDER BY number;

-- name: select_block_time :value
-- When a stored block was made.
-- $1 number
SELECT timestamp FROM chain.blocks WHERE number = $1::bigint;

-- name: select_rate :one
-- Blocks and transactions of the newest outbox minute, for the rate shown by status.
-- no parameters
SELECT coalesce(sum(to_block - from_block + 1), 0)::bigint AS blocks,
       coalesce(extract(epoch FROM max(created_at) - min(created_at)), 0)::float8 AS seconds
FROM (
    SELECT from_block, to_block, created_at
    FROM chain.outbox
    WHERE kind = 'blocks'
    ORDER BY sequence DESC
    LIMIT 200
) AS newest
WHERE created_at > now() - interval '1 minute';
