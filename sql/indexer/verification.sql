-- name: select_verification :one
-- The verified range, what stopped it, and how many reorgs have cut it.
-- no parameters
SELECT first_block, verified_to, resets, difference, checked_at FROM chain.verification;

-- name: select_lowest_coverage :one
-- The lowest stored range; none in an empty database.
-- no parameters
SELECT lower(blocks) AS first, upper(blocks) - 1 AS last FROM chain.coverage ORDER BY blocks LIMIT 1;

-- name: advance_verification :value
-- Say that blocks $3…$4 are verified, unless a reorg or another check came in between; true when it was said.
-- $1 resets when it was read, $2 verified_to when it was read, $3 first block, $4 last block, $5 what stops it (null: nothing)
UPDATE chain.verification
SET first_block = $3::bigint, verified_to = $4::bigint, difference = $5::text, checked_at = now()
WHERE resets = $1::bigint AND verified_to = $2::bigint
RETURNING true;

-- name: cut_verification :exec
-- Forget what was verified above the ancestor of a reorg; in the reorg's own transaction.
-- $1 ancestor number
UPDATE chain.verification
SET verified_to = greatest(least(verified_to, $1::bigint), first_block - 1), resets = resets + 1, difference = NULL;
