-- name: select_factory_logs :many
-- Events of factories in these blocks.
-- $1 first block, $2 last block, $3 factories, $4 first topics
SELECT block_number, log_index, address, topic0, topic1, topic2, topic3,
       CASE WHEN octet_length(data) <= 65536 THEN data ELSE '' END AS data
FROM chain.logs
WHERE block_number BETWEEN $1::bigint AND $2::bigint AND address = ANY ($3::bytea[]) AND topic0 = ANY ($4::bytea[])
ORDER BY block_number, log_index;

-- name: insert_factory_children :exec
-- Add children; one that an earlier scope found stays as it is.
-- $1 children, $2 ids of their ABIs, $3 block numbers, $4 log indexes, $5 factories, $6 scope
INSERT INTO factory_children (child, abi_id, block_number, log_index, factory, scope_id)
SELECT child, abi_id, block_number, log_index, factory, $6::bigint
FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::integer[], $5::bytea[])
    AS found (child, abi_id, block_number, log_index, factory)
ON CONFLICT DO NOTHING;

-- name: select_factory_children :many
-- By which ABIs children are read, from which block on, and since which scope that is known.
-- $1 addresses, $2 last block
SELECT child, abi_id, scope_id, min(block_number) AS block_number
FROM factory_children
WHERE child = ANY ($1::bytea[]) AND block_number <= $2::bigint
GROUP BY child, abi_id, scope_id;

-- name: revert_factory_children :exec
-- Forget the children that blocks from $1 on announced.
-- $1 first block, $2 last block
DELETE FROM factory_children WHERE block_number BETWEEN $1::bigint AND $2::bigint;
