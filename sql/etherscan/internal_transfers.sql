-- name: select_traced_blocks :one
-- How many traced blocks of a range hold internal transfers, up to one more than allowed, and which; whether any is traced at all.
-- $1 first block, $2 last block, $3 blocks at most
SELECT (SELECT coalesce(array_agg(b.block_number), '{}') FROM (
           SELECT block_number FROM chain.traced_blocks
           WHERE block_number BETWEEN $1::bigint AND $2::bigint AND transfers > 0
           ORDER BY block_number LIMIT $3::bigint + 1
       ) AS b) AS blocks,
       EXISTS (SELECT FROM chain.traced_blocks WHERE state = 'traced') AS traced;

-- name: select_internal_transfers :one
-- A page of internal transfers of traced blocks, of one address or of all.
-- $1 address or null, $2 first block, $3 last block, $4 newest first, $5 rows, $6 rows before them, $7 blocks that hold them
WITH found AS (
    SELECT i.* FROM chain.internal_transfers AS i
    WHERE i.block_number = ANY ($7::bigint[])
      AND ($1::bytea IS NULL OR i.from_address = $1::bytea OR i.to_address = $1::bytea)
), keys AS (
    (
        SELECT f.* FROM found AS f WHERE NOT $4::boolean
        ORDER BY f.block_number, f.transaction_index, f.trace_address LIMIT $5::bigint OFFSET $6::bigint
    )
    UNION ALL
    (
        SELECT f.* FROM found AS f WHERE $4::boolean
        ORDER BY f.block_number DESC, f.transaction_index DESC, f.trace_address DESC LIMIT $5::bigint OFFSET $6::bigint
    )
), rows AS (
    SELECT k.*, x.hash, x.timestamp,
           row_number() OVER (ORDER BY k.block_number, k.transaction_index, k.trace_address)
               * CASE WHEN $4::boolean THEN -1 ELSE 1 END AS place
    FROM keys AS k
    JOIN chain.transactions AS x ON x.block_number = k.block_number AND x.transaction_index = k.transaction_index
    WHERE x.block_number = ANY ($7::bigint[])
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       NOT EXISTS (
           SELECT FROM chain.traced_blocks AS b
           WHERE b.block_number BETWEEN $2::bigint AND $3::bigint AND b.transfers > 0
             AND b.block_number <> ALL ($7::bigint[])
       ) AS covered,
       (
           SELECT coalesce(json_agg(json_build_object(
               'blockNumber', r.block_number::text,
               'timeStamp', extract(epoch FROM r.timestamp)::bigint::text,
               'hash', '0x' || encode(r.hash, 'hex'),
               'from', '0x' || encode(r.from_address, 'hex'),
               'to', CASE WHEN r.type = 'create' THEN '' ELSE coalesce('0x' || encode(r.to_address, 'hex'), '') END,
               'value', r.value::text,
               'contractAddress', CASE WHEN r.type = 'create' THEN coalesce('0x' || encode(r.to_address, 'hex'), '') ELSE '' END,
               'input', '',
               'type', CASE r.type WHEN 'selfdestruct' THEN 'suicide' ELSE r.type END,
               'gas', '',
               'gasUsed', coalesce(r.gas_used::text, ''),
               'traceId', array_to_string(r.trace_address, '_'),
               'isError', CASE WHEN r.error IS NULL THEN '0' ELSE '1' END,
               'errCode', coalesce(r.error, '')
           ) ORDER BY r.place), '[]')
           FROM rows AS r
       )::text AS data
FROM chain.tip AS t;

-- name: select_internal_transfers_of_transaction :one
-- The internal transfers of one transaction; `state` says whether its block is traced.
-- $1 hash, $2 its block
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number, b.state,
       CASE WHEN x.hash IS NOT NULL THEN (
           SELECT coalesce(json_agg(json_build_object(
               'blockNumber', i.block_number::text,
               'timeStamp', extract(epoch FROM x.timestamp)::bigint::text,
               'from', '0x' || encode(i.from_address, 'hex'),
               'to', CASE WHEN i.type = 'create' THEN '' ELSE coalesce('0x' || encode(i.to_address, 'hex'), '') END,
               'value', i.value::text,
               'contractAddress', CASE WHEN i.type = 'create' THEN coalesce('0x' || encode(i.to_address, 'hex'), '') ELSE '' END,
               'input', '',
               'type', CASE i.type WHEN 'selfdestruct' THEN 'suicide' ELSE i.type END,
               'gas', '',
               'gasUsed', coalesce(i.gas_used::text, ''),
               'isError', CASE WHEN i.error IS NULL THEN '0' ELSE '1' END,
               'errCode', coalesce(i.error, '')
           ) ORDER BY i.trace_address), '[]')
           FROM chain.internal_transfers AS i
           WHERE i.block_number = $2::bigint AND i.transaction_index = x.transaction_index
       ) END::text AS data
FROM chain.tip AS t
LEFT JOIN chain.transaction_locations AS y ON y.hash = $1::bytea AND y.block_number = $2::bigint
LEFT JOIN chain.transactions AS x
    ON x.block_number = $2::bigint AND x.transaction_index = y.transaction_index AND x.hash = y.hash
LEFT JOIN chain.traced_blocks AS b ON b.block_number = $2::bigint;
