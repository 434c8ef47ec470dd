-- name: select_block :one
-- One block with its header, its round and whether the block above is there; `data` is null where it is not indexed.
-- $1 number, $2 hash, or null: the block must have it
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       b.number, b.hash,
       (SELECT lower(c.blocks) FROM chain.coverage AS c ORDER BY c.blocks LIMIT 1) AS indexed_from,
       json_build_object(
           'number', b.number,
           'hash', '0x' || encode(b.hash, 'hex'),
           'parent_hash', '0x' || encode(b.parent_hash, 'hex'),
           'timestamp', b.timestamp,
           'miner', '0x' || encode(b.miner, 'hex'),
           'transaction_count', b.transaction_count,
           'log_count', b.log_count,
           'gas_used', b.gas_used,
           'gas_limit', b.gas_limit,
           'base_fee_per_gas', b.base_fee_per_gas::text,
           'size', b.size,
           'final', b.number <= coalesce(t.finalized_number, -1),
           'difficulty', b.difficulty::text,
           'total_difficulty', b.total_difficulty::text,
           'nonce', '0x' || encode(b.nonce, 'hex'),
           'mix_hash', '0x' || encode(b.mix_hash, 'hex'),
           'sha3_uncles', '0x' || encode(b.sha3_uncles, 'hex'),
           'state_root', '0x' || encode(b.state_root, 'hex'),
           'transactions_root', '0x' || encode(b.transactions_root, 'hex'),
           'receipts_root', '0x' || encode(b.receipts_root, 'hex'),
           'logs_bloom', '0x' || encode(b.logs_bloom, 'hex'),
           'extra_data', '0x' || encode(b.extra_data, 'hex'),
           'withdrawals_root', '0x' || encode(b.withdrawals_root, 'hex'),
           'blob_gas_used', b.blob_gas_used,
           'excess_blob_gas', b.excess_blob_gas,
           'parent_beacon_block_root', '0x' || encode(b.parent_beacon_block_root, 'hex'),
           'requests_hash', '0x' || encode(b.requests_hash, 'hex'),
           'uncles', ARRAY(SELECT '0x' || encode(u.hash, 'hex') FROM unnest(b.uncles) WITH ORDINALITY AS u (hash, place)
                           ORDER BY u.place),
           'withdrawals', b.withdrawals,
           'round', r.round,
           'proven', r.proven,
           'next_number', CASE WHEN b.number < t.head_number
                                AND EXISTS (SELECT FROM chain.coverage AS c WHERE c.blocks @> b.number + 1)
                          THEN b.number + 1 END
       )::text AS data
FROM chain.tip AS t
-- In a subquery of its own: of an outer join's condition TimescaleDB takes no bounds, and opens every chunk.
LEFT JOIN LATERAL (
    SELECT c.* FROM chain.blocks AS c
    WHERE c.number = $1::bigint AND c.hash = coalesce($2::bytea, c.hash)
    LIMIT 1
) AS b ON true
LEFT JOIN chain.consensus_rounds AS r ON r.block_number = b.number;

-- name: select_block_location :value
-- The number of a block by its hash.
-- $1 hash
SELECT number FROM chain.block_locations WHERE hash = $1::bytea;

-- name: select_blocks :one
-- A page of blocks, newest first.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 number of the cursor, $5 lowest number looked at, $6 highest
WITH found AS (
    (
        SELECT b.* FROM chain.blocks AS b
        WHERE NOT $2::boolean AND b.number BETWEEN $5::bigint AND $6::bigint
          AND ($4::bigint IS NULL OR b.number < $4::bigint)
        ORDER BY b.number DESC LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT b.* FROM chain.blocks AS b
        WHERE $2::boolean AND b.number BETWEEN $5::bigint AND $6::bigint AND b.number > $4::bigint
        ORDER BY b.number LIMIT $1::integer + 1
    )
), placed AS (
    SELECT f.*, row_number() OVER (ORDER BY CASE WHEN $2::boolean THEN f.number ELSE -f.number END) AS place
    FROM found AS f
), rows AS (
    SELECT * FROM placed WHERE place <= $1::integer
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       (SELECT min(x.ancestor_number) FROM chain.reorgs AS x WHERE x.sequence > $3::bigint) AS reorged_to,
       (SELECT count(*) FROM found) > $1::integer AS more,
       (SELECT ARRAY[max(number)::text] FROM rows HAVING count(*) > 0) AS first_key,
       (SELECT ARRAY[min(number)::text] FROM rows HAVING count(*) > 0) AS last_key,
       (
           SELECT coalesce(json_agg(json_build_object(
               'number', r.number,
               'hash', '0x' || encode(r.hash, 'hex'),
               'parent_hash', '0x' || encode(r.parent_hash, 'hex'),
               'timestamp', r.timestamp,
               'miner', '0x' || encode(r.miner, 'hex'),
               'transaction_count', r.transaction_count,
               'log_count', r.log_count,
               'gas_used', r.gas_used,
               'gas_limit', r.gas_limit,
               'base_fee_per_gas', r.base_fee_per_gas::text,
               'size', r.size,
               'final', r.number <= coalesce(t.finalized_number, -1)
           ) ORDER BY r.number DESC), '[]')
           FROM rows AS r
       )::text AS data
FROM chain.tip AS t;
