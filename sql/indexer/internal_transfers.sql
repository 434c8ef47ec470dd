-- name: queue_blocks_to_trace :exec
-- Queue blocks $1…$2 that have transactions.
-- $1 first block, $2 last block
INSERT INTO chain.traced_blocks (block_number, block_hash, transfers, state, attempts, next_try_at)
SELECT number, hash, 0, 'waiting', 0, now()
FROM chain.blocks
WHERE number BETWEEN $1::bigint AND $2::bigint AND transaction_count > 0
ON CONFLICT (block_number) DO NOTHING;

-- name: select_block_to_trace :one
-- The newest block that waits, or may be tried again, of the newest $1 stored ones.
-- $1 how many blocks
SELECT block_number AS number, block_hash AS hash
FROM chain.traced_blocks
WHERE next_try_at <= now()
  AND block_number > (SELECT upper(blocks) - 1 FROM chain.coverage ORDER BY blocks DESC LIMIT 1) - $1::bigint
ORDER BY block_number DESC
LIMIT 1;

-- name: select_transaction_hashes :many
-- The transactions of a block, in their order.
-- $1 block number
SELECT hash FROM chain.transactions WHERE block_number = $1::bigint ORDER BY transaction_index;

-- name: insert_internal_transfers :exec
-- Keep the transfers within the transactions of one block.
-- $1 block number, $2 the transfers as a JSON array of objects
INSERT INTO chain.internal_transfers (
    block_number, transaction_index, trace_address, type, from_address, to_address, value, gas_used, error
)
SELECT $1::bigint, transaction_index, trace_address, type, decode(from_address, 'hex'), decode(to_address, 'hex'),
       value, gas_used, error
FROM jsonb_to_recordset($2::text::jsonb) AS transfer (
    transaction_index integer, trace_address integer[], type text, from_address text, to_address text,
    value numeric, gas_used bigint, error text
);

-- name: update_traced_block :value
-- Keep what came of asking for the traces of a block; whether it is something else than what was known.
-- $1 block number, $2 block hash, $3 transfers, $4 state, $5 fault, $6 seconds until it is tried again, $7 attempts at most
WITH known AS (
    SELECT transfers, state, fault FROM chain.traced_blocks
    WHERE block_number = $1::bigint AND block_hash = $2::bytea
), kept AS (
    UPDATE chain.traced_blocks
    SET transfers = $3::integer, state = $4::text, fault = $5::text, attempts = attempts + 1, fetched_at = now(),
        next_try_at = CASE WHEN $4::text <> 'traced' AND attempts + 1 < $7::integer
                      THEN now() + make_interval(secs => $6::float8 * 4 ^ attempts) END
    WHERE block_number = $1::bigint AND block_hash = $2::bytea
)
SELECT (transfers, state, fault) IS DISTINCT FROM ($3::integer, $4::text, $5::text) FROM known;
