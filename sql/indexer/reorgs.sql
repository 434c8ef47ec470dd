-- name: insert_reorg :value
-- Keep that a branch was replaced; its id names the orphaned blocks.
-- $1 ancestor number, $2 ancestor hash, $3 old head number, $4 old head hash, $5 new head number, $6 new head hash, $7 depth, $8 outbox sequence
INSERT INTO chain.reorgs
    (ancestor_number, ancestor_hash, old_head_number, old_head_hash, new_head_number, new_head_hash, depth,
     transactions_removed, sequence)
VALUES ($1::bigint, $2::bytea, $3::bigint, $4::bytea, $5::bigint, $6::bytea, $7::integer, 0, $8::bigint)
RETURNING id;

-- name: revert_above :value
-- Remove every fact above the ancestor, chunk by chunk, keeping the orphaned headers; transactions removed.
-- $1 ancestor number, $2 reorg id
SELECT chain.revert_above($1::bigint, $2::bigint);

-- name: update_reorg_removed :exec
-- Complete the reorg's row.
-- $1 reorg id, $2 transactions removed
UPDATE chain.reorgs SET transactions_removed = $2::bigint WHERE id = $1::bigint;

-- name: select_last_reorg :one
-- The newest reorg.
-- no parameters
SELECT detected_at, ancestor_number, old_head_number, new_head_number, depth, transactions_removed
FROM chain.reorgs
ORDER BY id DESC
LIMIT 1;
