-- name: select_calls_between :many
-- Transactions of these blocks with a selector or revert data, in their order; long bytes left out.
-- $1 first block, $2 last block, $3 recipients, $4 selectors, $5 bytes, $6 how many to skip, $7 how many
SELECT block_number, transaction_index, to_address,
       CASE WHEN to_address IS NOT NULL THEN substring(input FROM 1 FOR 4) ELSE '' END AS selector,
       CASE WHEN to_address IS NULL THEN '' WHEN octet_length(input) <= $5::integer THEN input END AS input,
       CASE WHEN octet_length(revert_reason) <= $5::integer THEN revert_reason
            WHEN revert_reason IS NULL THEN '' END AS revert_reason
FROM chain.transactions
WHERE block_number BETWEEN $1::bigint AND $2::bigint
  AND (to_address IS NOT NULL AND octet_length(input) >= 4 OR octet_length(revert_reason) >= 4)
  AND ($3::bytea[] IS NULL OR to_address = ANY ($3::bytea[]))
  AND ($4::bytea[] IS NULL OR to_address IS NOT NULL AND substring(input FROM 1 FOR 4) = ANY ($4::bytea[])
       OR substring(revert_reason FROM 1 FOR 4) = ANY ($4::bytea[]))
ORDER BY block_number, transaction_index
OFFSET $6::integer
LIMIT $7::integer;

-- name: select_call_data :one
-- Input and revert data of one transaction up to a length, and the lengths.
-- $1 block number, $2 transaction index, $3 bytes
SELECT CASE WHEN octet_length(input) <= $3::integer THEN input END AS input, octet_length(input) AS input_length,
       CASE WHEN octet_length(revert_reason) <= $3::integer THEN revert_reason END AS revert_reason
FROM chain.transactions
WHERE block_number = $1::bigint AND transaction_index = $2::integer;

-- name: revert_decoded_calls :exec
-- Take the calls of these blocks back.
-- $1 first block, $2 last block
SELECT chain.delete_blocks('decoded_calls', $1::bigint) WHERE $2::bigint >= $1::bigint;
