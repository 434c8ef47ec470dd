-- name: select_next_coverage :one
-- The lowest stored range that reaches $1…$2; none where nothing of it is covered.
-- $1 first block, $2 last block
SELECT lower(blocks) AS first, upper(blocks) - 1 AS last, first_parent_hash, last_hash
FROM chain.coverage
WHERE blocks && int8range($1::bigint, $2::bigint, '[]')
ORDER BY lower(blocks)
LIMIT 1;

-- name: select_uncovered_rows :one
-- The lowest block of $1…$2 in each fact; all null where nothing is stored.
-- $1 first block, $2 last block
SELECT (SELECT min(number) FROM chain.blocks WHERE number BETWEEN $1::bigint AND $2::bigint) AS blocks,
       (SELECT min(block_number) FROM chain.transactions
        WHERE block_number BETWEEN $1::bigint AND $2::bigint) AS transactions,
       (SELECT min(block_number) FROM chain.logs WHERE block_number BETWEEN $1::bigint AND $2::bigint) AS logs;

-- name: select_whole_blocks :many
-- Every column of blocks $1…$2 and where their hashes are said to be. LIMIT keeps it a look-up per row.
-- $1 first block, $2 last block
SELECT number, blocks.hash, parent_hash, extract(epoch FROM timestamp) AS timestamp, miner, gas_limit, gas_used,
       base_fee_per_gas, difficulty, total_difficulty, size, nonce, mix_hash, sha3_uncles, state_root,
       transactions_root, receipts_root, logs_bloom, extra_data, withdrawals_root, blob_gas_used,
       excess_blob_gas, parent_beacon_block_root, requests_hash, block_access_list_hash, slot_number, uncles,
       withdrawals, transaction_count, log_count, location.located_number
FROM chain.blocks
LEFT JOIN LATERAL (
    SELECT found.number AS located_number FROM chain.block_locations AS found
    WHERE found.hash = blocks.hash LIMIT 1
) AS location ON true
WHERE number BETWEEN $1::bigint AND $2::bigint
ORDER BY number;

-- name: select_whole_transactions :many
-- Every column of the transactions of blocks $1…$2 and where their hashes are said to be.
-- $1 first block, $2 last block
SELECT block_number, transaction_index, transactions.hash, extract(epoch FROM timestamp) AS timestamp, type,
       from_address, to_address, nonce, value, gas_limit, gas_price, max_fee_per_gas, max_priority_fee_per_gas,
       max_fee_per_blob_gas, input, chain_id, v, r, s, access_list, blob_versioned_hashes,
       authorization_list, extra, status, root, cumulative_gas_used, gas_used, effective_gas_price,
       contract_address, blob_gas_used, blob_gas_price, revert_reason, log_count,
       location.located_number, location.located_index
FROM chain.transactions
LEFT JOIN LATERAL (
    SELECT found.block_number AS located_number, found.transaction_index AS located_index
    FROM chain.transaction_locations AS found
    WHERE found.hash = transactions.hash LIMIT 1
) AS location ON true
WHERE block_number BETWEEN $1::bigint AND $2::bigint
ORDER BY block_number, transaction_index;

-- name: select_whole_logs :many
-- Every column of the logs of blocks $1…$2.
-- $1 first block, $2 last block
SELECT block_number, log_index, transaction_index, address, topic0, topic1, topic2, topic3, data
FROM chain.logs
WHERE block_number BETWEEN $1::bigint AND $2::bigint
ORDER BY block_number, log_index;

-- name: select_location_pages :one
-- Pages of both location tables, to read them in slices: they have no index by block number.
-- no parameters
SELECT (pg_relation_size('chain.block_locations') / current_setting('block_size')::bigint)::integer AS blocks,
       (pg_relation_size('chain.transaction_locations') / current_setting('block_size')::bigint)::integer
           AS transactions;

-- name: count_block_locations :many
-- How many hashes of blocks $3…$4 one slice of pages holds, per $5 blocks.
-- $1 first row of the slice, $2 row after it, $3 first block, $4 last block, $5 blocks per bucket
SELECT number / $5::bigint AS bucket, count(*) AS rows
FROM chain.block_locations
WHERE ctid >= $1::tid AND ctid < $2::tid AND number BETWEEN $3::bigint AND $4::bigint
GROUP BY 1;

-- name: count_transaction_locations :many
-- The same for transactions.
-- $1 first row of the slice, $2 row after it, $3 first block, $4 last block, $5 blocks per bucket
SELECT block_number / $5::bigint AS bucket, count(*) AS rows
FROM chain.transaction_locations
WHERE ctid >= $1::tid AND ctid < $2::tid AND block_number BETWEEN $3::bigint AND $4::bigint
GROUP BY 1;

-- name: select_block_location_hashes :many
-- The hashes of some buckets of blocks that one slice of pages holds.
-- $1 first row of the slice, $2 row after it, $3 first block, $4 last block, $5 blocks per bucket, $6 buckets
SELECT number / $5::bigint AS bucket, hash
FROM chain.block_locations
WHERE ctid >= $1::tid AND ctid < $2::tid AND number BETWEEN $3::bigint AND $4::bigint
  AND number / $5::bigint = ANY ($6::bigint[]);

-- name: select_transaction_location_hashes :many
-- The same for transactions.
-- $1 first row of the slice, $2 row after it, $3 first block, $4 last block, $5 blocks per bucket, $6 buckets
SELECT block_number / $5::bigint AS bucket, hash
FROM chain.transaction_locations
WHERE ctid >= $1::tid AND ctid < $2::tid AND block_number BETWEEN $3::bigint AND $4::bigint
  AND block_number / $5::bigint = ANY ($6::bigint[]);

-- name: select_stray_block_locations :many
-- Those of some hashes whose location, within $2…$3, names a block that has another hash or is not there.
-- $1 hashes, $2 first block, $3 last block
SELECT location.hash, location.number
FROM chain.block_locations AS location
WHERE location.hash = ANY ($1::bytea[]) AND location.number BETWEEN $2::bigint AND $3::bigint
  AND NOT EXISTS (
      SELECT FROM chain.blocks AS fact
      WHERE fact.number BETWEEN $2::bigint AND $3::bigint
        AND fact.number = location.number AND fact.hash = location.hash)
ORDER BY location.number, location.hash;

-- name: select_stray_transaction_locations :many
-- The same for transactions.
-- $1 hashes, $2 first block, $3 last block
SELECT location.hash, location.block_number AS number, location.transaction_index
FROM chain.transaction_locations AS location
WHERE location.hash = ANY ($1::bytea[]) AND location.block_number BETWEEN $2::bigint AND $3::bigint
  AND NOT EXISTS (
      SELECT FROM chain.transactions AS fact
      WHERE fact.block_number BETWEEN $2::bigint AND $3::bigint
        AND fact.block_number = location.block_number
        AND fact.transaction_index = location.transaction_index AND fact.hash = location.hash)
ORDER BY location.block_number, location.transaction_index, location.hash;
