-- name: select_block_transactions :one
-- A page of the transactions of one block, in their order; `number` is null where it is not there.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 its block, $5 its index, $6 block, $7 hash the block must have, or null
WITH owner AS (
    SELECT b.number FROM chain.blocks AS b
    WHERE b.number = $6::bigint AND b.hash = coalesce($7::bytea, b.hash)
), found AS (
    (
        SELECT x.* FROM chain.transactions AS x CROSS JOIN owner
        WHERE NOT (SELECT $2::boolean) AND x.block_number = $6::bigint
          AND (x.block_number, x.transaction_index) > (coalesce($4::bigint, $6::bigint), coalesce($5::integer, -1))
        ORDER BY x.transaction_index LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT x.* FROM chain.transactions AS x CROSS JOIN owner
        WHERE (SELECT $2::boolean) AND x.block_number = $6::bigint
          AND (x.block_number, x.transaction_index) < ($4::bigint, $5::integer)
        ORDER BY x.transaction_index DESC LIMIT $1::integer + 1
    )
), rows AS (
    SELECT p.*
    FROM (
        SELECT f.*, row_number() OVER (
            ORDER BY CASE WHEN $2::boolean THEN -f.transaction_index ELSE f.transaction_index END) AS place
        FROM found AS f
    ) AS p
    WHERE p.place <= $1::integer
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       (SELECT min(o.ancestor_number) FROM chain.reorgs AS o WHERE o.sequence > $3::bigint) AS reorged_to,
       (SELECT lower(c.blocks) FROM chain.coverage AS c ORDER BY c.blocks LIMIT 1) AS indexed_from,
       (SELECT o.number FROM owner AS o) AS number,
       (SELECT count(*) FROM found) > $1::integer AS more,
       (SELECT ARRAY[$6::bigint::text, min(transaction_index)::text] FROM rows HAVING count(*) > 0) AS first_key,
       (SELECT ARRAY[$6::bigint::text, max(transaction_index)::text] FROM rows HAVING count(*) > 0) AS last_key,
       (
           SELECT coalesce(json_agg(json_build_object(
               'hash', '0x' || encode(r.hash, 'hex'),
               'block_number', r.block_number,
               'transaction_index', r.transaction_index,
               'timestamp', r.timestamp,
               'type', r.type,
               'from_address', '0x' || encode(r.from_address, 'hex'),
               'to_address', '0x' || encode(r.to_address, 'hex'),
               'contract_address', '0x' || encode(r.contract_address, 'hex'),
               'nonce', r.nonce::text,
               'value', r.value::text,
               'gas_limit', r.gas_limit,
               'gas_used', r.gas_used,
               'effective_gas_price', coalesce(r.effective_gas_price, r.gas_price)::text,
               'fee', (r.gas_used * coalesce(r.effective_gas_price, r.gas_price))::text,
               'status', CASE r.status WHEN 1 THEN 'succeeded' WHEN 0 THEN 'failed' END,
               'selector', CASE WHEN r.to_address IS NOT NULL AND octet_length(r.input) >= 4
                           THEN '0x' || encode(substring(r.input FROM 1 FOR 4), 'hex') END,
               'method', (
                   SELECT d.name FROM chain.decoded_calls AS d
                   WHERE d.block_number = $6::bigint AND d.transaction_index = r.transaction_index
               ),
               'log_count', r.log_count,
               'final', r.block_number <= coalesce(t.finalized_number, -1)
           ) ORDER BY r.transaction_index), '[]')
           FROM rows AS r
       )::text AS data
FROM chain.tip AS t;

-- name: select_covered :many
-- The stored ranges, highest first.
-- no parameters
SELECT lower(blocks) AS first, upper(blocks) - 1 AS last FROM chain.coverage ORDER BY blocks DESC;

-- name: select_hour_bounds :one
-- Between which blocks, both included, the one before and the one after a time lie, as far as hours are derived.
-- $1 time
SELECT h.first_block - 1 AS low, h.last_block + 1 AS high
FROM chain.network_hourly AS h
WHERE h.bucket <= $1::timestamptz
  AND EXISTS (SELECT FROM chain.network_hourly AS n WHERE n.bucket > $1::timestamptz)
ORDER BY h.bucket DESC
LIMIT 1;

-- name: select_block_time :value
-- When a block was made; nothing where it is not stored.
-- $1 number
SELECT timestamp FROM chain.blocks WHERE number = $1::bigint;

-- name: select_block_at :one
-- A block that is the last up to a time, or the first from it on; `holds` says whether it is, `next_to` what stands on the other side of the time.
-- $1 number, $2 number of its neighbour on the other side, $3 time, $4 whether the last up to the time is meant
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       b.number,
       n.number AS next_to,
       CASE WHEN $4::boolean THEN b.timestamp <= $3::timestamptz AND coalesce(n.timestamp > $3::timestamptz, true)
       ELSE b.timestamp >= $3::timestamptz AND coalesce(n.timestamp < $3::timestamptz, true) END AS holds,
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
           'final', b.number <= coalesce(t.finalized_number, -1)
       )::text AS data
FROM chain.tip AS t
LEFT JOIN LATERAL (SELECT c.* FROM chain.blocks AS c WHERE c.number = $1::bigint LIMIT 1) AS b ON true
LEFT JOIN LATERAL (SELECT c.* FROM chain.blocks AS c WHERE c.number = $2::bigint LIMIT 1) AS n ON true;
