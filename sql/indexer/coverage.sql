-- name: select_coverage :many
-- All stored ranges, lowest first.
-- no parameters
SELECT lower(blocks) AS first, upper(blocks) - 1 AS last, first_parent_hash, last_hash
FROM chain.coverage
ORDER BY lower(blocks);

-- name: select_coverage_between :many
-- The stored ranges that share a block with $1…$2.
-- $1 first block, $2 last block
SELECT lower(blocks) AS first, upper(blocks) - 1 AS last, first_parent_hash, last_hash
FROM chain.coverage
WHERE blocks && int8range($1::bigint, $2::bigint, '[]')
ORDER BY lower(blocks);

-- name: delete_coverage_between :exec
-- Forget the ranges that share a block with $1…$2; the caller writes what replaces them.
-- $1 first block, $2 last block
DELETE FROM chain.coverage WHERE blocks && int8range($1::bigint, $2::bigint, '[]');

-- name: insert_coverage :exec
-- Say that blocks $1…$2 are stored.
-- $1 first block, $2 last block, $3 parent hash of the first, $4 hash of the last
INSERT INTO chain.coverage (blocks, first_parent_hash, last_hash)
VALUES (int8range($1::bigint, $2::bigint, '[]'), $3::bytea, $4::bytea);
