-- name: select_stream_rows :many
-- What rows of the outbox told of, as far as it still stands: what a later reorg took back is not there any more.
-- $1 sequences, $2 first blocks, $3 last blocks, $4 lowest and $5 highest block of all, $6 whether blocks are wanted, $7 whether transactions are, $8 addresses, $9 the same as words, $10 tokens, $11 transactions of a row at most
SELECT r.sequence,
       CASE WHEN $6::boolean THEN (
           SELECT coalesce(json_agg(json_build_object(
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
               'final', b.number <= coalesce(t.finalized_number, -1)
           ) ORDER BY b.number), '[]')
           FROM chain.blocks AS b
           WHERE b.number BETWEEN $4::bigint AND $5::bigint AND b.number BETWEEN r.first AND r.last
       ) END::text AS blocks,
       CASE WHEN $7::boolean OR cardinality($8::bytea[]) > 0 THEN (
           SELECT coalesce(json_agg(json_build_array(
               '0x' || encode(x.from_address, 'hex'),
               '0x' || encode(x.to_address, 'hex'),
               '0x' || encode(x.contract_address, 'hex'),
               json_build_object(
                   'hash', '0x' || encode(x.hash, 'hex'),
                   'block_number', x.block_number,
                   'transaction_index', x.transaction_index,
                   'timestamp', x.timestamp,
                   'type', x.type,
                   'from_address', '0x' || encode(x.from_address, 'hex'),
                   'to_address', '0x' || encode(x.to_address, 'hex'),
                   'contract_address', '0x' || encode(x.contract_address, 'hex'),
                   'nonce', x.nonce::text,
                   'value', x.value::text,
                   'gas_limit', x.gas_limit,
                   'gas_used', x.gas_used,
                   'effective_gas_price', x.effective_gas_price::text,
                   'fee', (x.gas_used * x.effective_gas_price)::text,
                   'status', CASE x.status WHEN 1 THEN 'succeeded' WHEN 0 THEN 'failed' END,
                   'selector', CASE WHEN x.to_address IS NOT NULL AND octet_length(x.input) >= 4
                               THEN '0x' || encode(substring(x.input FROM 1 FOR 4), 'hex') END,
                   'method', d.name,
                   'log_count', x.log_count,
                   'final', x.block_number <= coalesce(t.finalized_number, -1)
               )
           ) ORDER BY x.block_number, x.transaction_index), '[]')
           FROM (
               SELECT * FROM chain.transactions AS x
               WHERE x.block_number BETWEEN $4::bigint AND $5::bigint AND x.block_number BETWEEN r.first AND r.last
                 AND ($7::boolean OR x.from_address = ANY($8::bytea[]) OR x.to_address = ANY($8::bytea[])
                      OR x.contract_address = ANY($8::bytea[]))
               ORDER BY x.block_number, x.transaction_index
               LIMIT $11::integer
           ) AS x
           LEFT JOIN chain.decoded_calls AS d
               ON d.block_number = x.block_number AND d.transaction_index = x.transaction_index
              AND d.block_number BETWEEN $4::bigint AND $5::bigint
       ) END::text AS transactions,
       CASE WHEN cardinality($8::bytea[]) + cardinality($10::bytea[]) > 0 THEN (
           SELECT coalesce(json_agg(json_build_array(
               l.block_number, l.log_index, l.transaction_index, '0x' || encode(x.hash, 'hex'),
               encode(l.address, 'hex'), encode(l.topic0, 'hex'), encode(l.topic1, 'hex'), encode(l.topic2, 'hex'),
               encode(l.topic3, 'hex'), encode(l.data, 'hex')
           ) ORDER BY l.block_number, l.log_index), '[]')
           FROM (
               SELECT * FROM chain.logs AS l
               WHERE l.block_number BETWEEN $4::bigint AND $5::bigint AND l.block_number BETWEEN r.first AND r.last
                 AND l.topic0 IN ('\xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'::bytea,
                                  '\xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62'::bytea,
                                  '\x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb'::bytea)
                 AND (l.address = ANY($10::bytea[]) OR l.topic1 = ANY($9::bytea[]) OR l.topic2 = ANY($9::bytea[])
                      OR l.topic3 = ANY($9::bytea[]))
               ORDER BY l.block_number, l.log_index
               LIMIT 4 * $11::integer
           ) AS l
           JOIN chain.transactions AS x
               ON x.block_number = l.block_number AND x.transaction_index = l.transaction_index
              AND x.block_number BETWEEN $4::bigint AND $5::bigint
       ) END::text AS transfers
FROM chain.tip AS t
CROSS JOIN LATERAL (
    SELECT a.sequence, a.first,
           least(a.last, (SELECT min(o.ancestor_number) FROM chain.reorgs AS o WHERE o.sequence > a.sequence)) AS last
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS a (sequence, first, last)
) AS r
ORDER BY r.sequence;

-- name: select_stream_reorg :one
-- A branch that was replaced, with the hashes of its blocks from the old head down.
-- $1 the reorg's id, $2 hashes at most
SELECT json_build_object(
           'ancestor_number', r.ancestor_number,
           'ancestor_hash', '0x' || encode(r.ancestor_hash, 'hex'),
           'old_head_number', r.old_head_number,
           'old_head_hash', '0x' || encode(r.old_head_hash, 'hex'),
           'depth', r.depth,
           'transactions_removed', r.transactions_removed,
           'removed_blocks', ARRAY(
               SELECT '0x' || encode(o.hash, 'hex') FROM chain.orphaned_blocks AS o
               WHERE o.reorg_id = r.id ORDER BY o.number DESC LIMIT $2::integer
           )
       )::text AS data
FROM chain.reorgs AS r
WHERE r.id = $1::bigint;

-- name: select_stream_head :one
-- The highest stored block.
-- no parameters
SELECT outbox_sequence AS sequence, head_number FROM chain.tip;

-- name: select_stream_stats :one
-- What is going on at the head: pace and load of the last blocks.
-- $1 lowest and $2 highest block looked at
SELECT t.outbox_sequence AS sequence,
       json_build_object(
           'sequence', t.outbox_sequence,
           'head_number', t.head_number,
           'head_hash', '0x' || encode(t.head_hash, 'hex'),
           'finalized_number', t.finalized_number,
           'head_timestamp', w.newest,
           'blocks', w.blocks,
           'transactions', w.transactions,
           'block_interval_s', round(w.seconds / nullif(w.blocks - 1, 0), 3)::float8,
           'transactions_per_second', round(w.transactions_above / nullif(w.seconds, 0), 3)::float8,
           'gas_used_ratio', round(w.gas_used / nullif(w.gas_limit, 0), 6)::float8
       )::text AS data
FROM chain.tip AS t
CROSS JOIN (
    SELECT count(*) AS blocks, max(b.timestamp) AS newest, sum(b.transaction_count) AS transactions,
           sum(b.transaction_count) FILTER (WHERE b.number > $1::bigint) AS transactions_above,
           extract(epoch FROM max(b.timestamp) - min(b.timestamp)) AS seconds,
           sum(b.gas_used)::numeric AS gas_used, sum(b.gas_limit)::numeric AS gas_limit
    FROM chain.blocks AS b
    WHERE b.number BETWEEN $1::bigint AND $2::bigint
) AS w;
