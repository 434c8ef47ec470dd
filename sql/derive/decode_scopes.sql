-- name: record_decode_scope :value
-- Say that blocks were decoded by a version: the highest scope grows where it says the same right below them.
-- $1 first block, $2 last block, $3 version
WITH newest AS (
    SELECT id, last_block, addresses, topics, selectors, version FROM chain.decode_scopes ORDER BY id DESC LIMIT 1
), grown AS (
    UPDATE chain.decode_scopes AS s SET last_block = $2::bigint
    FROM newest AS n
    WHERE s.id = n.id AND n.version = $3::bigint AND n.last_block = $1::bigint - 1
      AND num_nonnulls(n.addresses, n.topics, n.selectors) = 0
    RETURNING s.id
), made AS (
    INSERT INTO chain.decode_scopes (first_block, last_block, version)
    SELECT $1::bigint, $2::bigint, $3::bigint WHERE NOT EXISTS (SELECT FROM grown)
    RETURNING id
)
SELECT id FROM grown UNION ALL SELECT id FROM made;

-- name: insert_decode_scope :value
-- Say that some logs and calls were decoded anew.
-- $1 first block, $2 last block, $3 version, $4 addresses, $5 first topics, $6 selectors
INSERT INTO chain.decode_scopes (first_block, last_block, version, addresses, topics, selectors)
VALUES ($1::bigint, $2::bigint, $3::bigint, $4::bytea[], $5::bytea[], $6::bytea[])
RETURNING id;

-- name: select_decode_scopes :many
-- The scopes that hold one of these blocks.
-- $1 first block, $2 last block
SELECT id, first_block, last_block, version, addresses, topics, selectors
FROM chain.decode_scopes
WHERE first_block <= $2::bigint AND last_block >= $1::bigint
ORDER BY id;

-- name: delete_decode_scopes :exec
-- Forget how blocks from $1 on were decoded.
-- $1 first block
DELETE FROM chain.decode_scopes WHERE first_block >= $1::bigint;

-- name: cut_decode_scopes :exec
-- End the scopes that reach into blocks from $1 on below them.
-- $1 first block
UPDATE chain.decode_scopes SET last_block = $1::bigint - 1 WHERE last_block >= $1::bigint;
