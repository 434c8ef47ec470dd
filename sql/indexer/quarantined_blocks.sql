-- name: upsert_quarantined_block :exec
-- Keep a block that cannot be stored, with the reason; the rest of the range goes on.
-- $1 number, $2 hash (null: unknown), $3 kind, $4 reason
INSERT INTO chain.quarantined_blocks (number, hash, kind, reason)
VALUES ($1::bigint, $2::bytea, $3::text, $4::text)
ON CONFLICT (number) DO UPDATE
SET hash = excluded.hash, kind = excluded.kind, reason = excluded.reason,
    attempts = chain.quarantined_blocks.attempts + 1, last_seen_at = now();

-- name: delete_quarantined_between :exec
-- These blocks are stored now.
-- $1 first block, $2 last block
DELETE FROM chain.quarantined_blocks WHERE number BETWEEN $1::bigint AND $2::bigint;

-- name: select_quarantined_blocks :many
-- Blocks set aside, lowest first, at most 1,000.
-- no parameters
SELECT number, kind, reason, attempts, first_seen_at, last_seen_at
FROM chain.quarantined_blocks
ORDER BY number
LIMIT 1000;

-- name: select_quarantined_ranges :many
-- All blocks set aside as ranges of neighbours, lowest first.
-- no parameters
SELECT min(number) AS first, max(number) AS last
FROM (SELECT number, number - row_number() OVER (ORDER BY number) AS island FROM chain.quarantined_blocks) AS numbered
GROUP BY island
ORDER BY first;

-- name: count_quarantined_blocks :value
-- How many blocks are set aside.
-- no parameters
SELECT count(*) FROM chain.quarantined_blocks;

-- name: delete_quarantined_covered :exec
-- Forget those that were stored after all.
-- no parameters
DELETE FROM chain.quarantined_blocks AS q
WHERE EXISTS (SELECT FROM chain.coverage AS c WHERE c.blocks @> q.number);

-- name: select_quarantined_block :one
-- Why a block is set aside; none: it is not.
-- $1 number
SELECT kind, reason FROM chain.quarantined_blocks WHERE number = $1::bigint;
