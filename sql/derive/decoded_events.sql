-- name: select_logs_between :many
-- Logs of these blocks in their order, long data left out.
-- $1 first block, $2 last block, $3 addresses, $4 first topics, $5 bytes of data, $6 how many to skip, $7 how many
SELECT block_number, log_index, transaction_index, address, topic0, topic1, topic2, topic3,
       CASE WHEN octet_length(data) <= $5::integer THEN data END AS data
FROM chain.logs
WHERE block_number BETWEEN $1::bigint AND $2::bigint
  AND ($3::bytea[] IS NULL OR address = ANY ($3::bytea[]))
  AND ($4::bytea[] IS NULL OR topic0 = ANY ($4::bytea[]))
ORDER BY block_number, log_index
OFFSET $6::integer
LIMIT $7::integer;

-- name: select_log_data :one
-- The data of one log up to a length, and its length.
-- $1 block number, $2 log index, $3 bytes
SELECT CASE WHEN octet_length(data) <= $3::integer THEN data END AS data, octet_length(data) AS length
FROM chain.logs
WHERE block_number = $1::bigint AND log_index = $2::integer;

-- name: revert_decoded_events :exec
-- Take the events of these blocks back.
-- $1 first block, $2 last block
SELECT chain.delete_blocks('decoded_events', $1::bigint) WHERE $2::bigint >= $1::bigint;
