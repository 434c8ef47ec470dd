-- name: select_logs_after :many
-- Logs of these blocks behind a log of the first one, long data left out.
-- $1 first block, $2 last block, $3 log index, $4 addresses, $5 first topics, $6 how many, $7 bytes of data
SELECT block_number, log_index, transaction_index, address, topic0, topic1, topic2, topic3,
       CASE WHEN octet_length(data) <= $7::integer THEN data END AS data
FROM chain.logs
WHERE block_number BETWEEN $1::bigint AND $2::bigint
  AND (block_number, log_index) > ($1::bigint, $3::integer)
  AND ($4::bytea[] IS NULL OR address = ANY ($4::bytea[]))
  AND ($5::bytea[] IS NULL OR topic0 = ANY ($5::bytea[]))
ORDER BY block_number, log_index
LIMIT $6::integer;

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
