-- name: select_pin :one
-- The highest stored block, at whose state the node is asked.
-- no parameters
SELECT upper(blocks) - 1 AS number, last_hash AS hash FROM chain.coverage ORDER BY blocks DESC LIMIT 1;

-- name: await_commits :exec
-- Until the transaction ends no block is stored or removed and nothing is announced but by itself (invariant 10).
-- no parameters
SELECT FROM chain.chain_state FOR NO KEY UPDATE;

-- name: holds_block :value
-- Whether this block is stored.
-- $1 number, $2 hash
SELECT EXISTS (SELECT FROM chain.blocks WHERE number = $1::bigint AND hash = $2::bytea);

-- name: lock_fetch_progress :one
-- Which blocks were looked through; a reorg waits until the transaction ends.
-- $1 what is fetched
SELECT first_block AS first, last_block AS last FROM chain.fetch_progress WHERE fetched = $1::text FOR UPDATE;

-- name: update_fetch_progress :exec
-- Say which blocks were looked through.
-- $1 what is fetched, $2 first block, $3 last block
UPDATE chain.fetch_progress SET first_block = $2::bigint, last_block = $3::bigint WHERE fetched = $1::text;

-- name: select_highest_coverage :one
-- The highest stored range; none in an empty database.
-- no parameters
SELECT lower(blocks) AS first, upper(blocks) - 1 AS last FROM chain.coverage ORDER BY blocks DESC LIMIT 1;

-- name: revert_fetched :exec
-- Remove what was read from the node above the ancestor of a reorg; in the reorg's own transaction.
-- $1 ancestor number
SELECT chain.revert_fetched($1::bigint);
