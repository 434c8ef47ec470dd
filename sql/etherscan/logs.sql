-- name: select_logs :one
-- Logs of a range of blocks in their order, of one contract or of all; topics are combined from left to right. `data` is null where it is too large.
-- $1 address or null, $2 first block, $3 last block, $4 rows, $5 rows before them, $6 four topics or nulls, $7 whether topics 1 to 3 are joined to those before by or, $8 bytes of data at most
WITH found AS (
    SELECT l.*,
           CASE WHEN ($6::bytea[])[1] IS NOT NULL THEN coalesce(l.topic0 = ($6::bytea[])[1], false) END AS is0,
           CASE WHEN ($6::bytea[])[2] IS NOT NULL THEN coalesce(l.topic1 = ($6::bytea[])[2], false) END AS is1,
           CASE WHEN ($6::bytea[])[3] IS NOT NULL THEN coalesce(l.topic2 = ($6::bytea[])[3], false) END AS is2,
           CASE WHEN ($6::bytea[])[4] IS NOT NULL THEN coalesce(l.topic3 = ($6::bytea[])[4], false) END AS is3
    FROM chain.logs AS l
    WHERE l.block_number BETWEEN $2::bigint AND $3::bigint AND ($1::bytea IS NULL OR l.address = $1::bytea)
), folded AS (
    SELECT f.*, CASE WHEN c.until2 IS NULL THEN f.is3 WHEN f.is3 IS NULL THEN c.until2
                     WHEN ($7::boolean[])[3] THEN c.until2 OR f.is3 ELSE c.until2 AND f.is3 END AS wanted
    FROM found AS f
    CROSS JOIN LATERAL (SELECT CASE WHEN f.is0 IS NULL THEN f.is1 WHEN f.is1 IS NULL THEN f.is0
                                    WHEN ($7::boolean[])[1] THEN f.is0 OR f.is1 ELSE f.is0 AND f.is1 END AS until1) AS a
    CROSS JOIN LATERAL (SELECT CASE WHEN a.until1 IS NULL THEN f.is2 WHEN f.is2 IS NULL THEN a.until1
                                    WHEN ($7::boolean[])[2] THEN a.until1 OR f.is2 ELSE a.until1 AND f.is2 END AS until2) AS c
), keys AS (
    SELECT f.* FROM folded AS f WHERE coalesce(f.wanted, true)
    ORDER BY f.block_number, f.log_index LIMIT $4::bigint OFFSET $5::bigint
), rows AS (
    SELECT k.*, x.hash, x.timestamp, x.gas_used,
           coalesce(x.effective_gas_price, x.gas_price, x.max_fee_per_gas) AS gas_price, b.hash AS block_hash
    FROM keys AS k
    JOIN chain.transactions AS x ON x.block_number = k.block_number AND x.transaction_index = k.transaction_index
    JOIN chain.blocks AS b ON b.number = k.block_number
    WHERE x.block_number BETWEEN $2::bigint AND $3::bigint AND b.number BETWEEN $2::bigint AND $3::bigint
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       (SELECT count(*) FROM rows) >= $4::bigint AS full,
       CASE WHEN (SELECT coalesce(sum(octet_length(r.data)), 0) FROM rows AS r) <= $8::bigint THEN (
           SELECT coalesce(json_agg(json_build_object(
               'address', '0x' || encode(r.address, 'hex'),
               'topics', (
                   SELECT coalesce(json_agg('0x' || encode(p.topic, 'hex') ORDER BY p.place), '[]')
                   FROM unnest(ARRAY[r.topic0, r.topic1, r.topic2, r.topic3]) WITH ORDINALITY AS p (topic, place)
                   WHERE p.topic IS NOT NULL
               ),
               'data', '0x' || encode(r.data, 'hex'),
               'blockNumber', '0x' || to_hex(r.block_number),
               'blockHash', '0x' || encode(r.block_hash, 'hex'),
               'timeStamp', '0x' || to_hex(extract(epoch FROM r.timestamp)::bigint),
               'gasPrice', '0x' || to_hex(least(r.gas_price, 9223372036854775807)::bigint),
               'gasUsed', '0x' || to_hex(r.gas_used),
               'logIndex', '0x' || to_hex(r.log_index),
               'transactionHash', '0x' || encode(r.hash, 'hex'),
               'transactionIndex', '0x' || to_hex(r.transaction_index)
           ) ORDER BY r.block_number, r.log_index), '[]')
           FROM rows AS r
       ) END::text AS data
FROM chain.tip AS t;
