-- name: select_block_logs :one
-- A page of the logs of one block or of one of its transactions, in their order; `number` is null where it is not there.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 its block, $5 its log index, $6 block, $7 hash the block must have or null, $8 hash of the transaction or null
WITH owner AS (
    SELECT b.number, x.transaction_index
    FROM chain.blocks AS b
    LEFT JOIN LATERAL (
        SELECT v.* FROM chain.transactions AS v
        WHERE $8::bytea IS NOT NULL AND v.block_number = $6::bigint AND v.hash = $8::bytea
        LIMIT 1
    ) AS x ON true
    WHERE b.number = $6::bigint AND b.hash = coalesce($7::bytea, b.hash)
      AND ($8::bytea IS NULL OR x.hash IS NOT NULL)
), found AS (
    (
        SELECT l.* FROM chain.logs AS l CROSS JOIN owner AS o
        WHERE NOT (SELECT $2::boolean) AND l.block_number = $6::bigint
          AND (l.block_number, l.log_index) > (coalesce($4::bigint, $6::bigint), coalesce($5::integer, -1))
          AND l.transaction_index = coalesce(o.transaction_index, l.transaction_index)
        ORDER BY l.log_index LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT l.* FROM chain.logs AS l CROSS JOIN owner AS o
        WHERE (SELECT $2::boolean) AND l.block_number = $6::bigint
          AND (l.block_number, l.log_index) < ($4::bigint, $5::integer)
          AND l.transaction_index = coalesce(o.transaction_index, l.transaction_index)
        ORDER BY l.log_index DESC LIMIT $1::integer + 1
    )
), rows AS (
    SELECT p.*
    FROM (
        SELECT f.*, row_number() OVER (ORDER BY CASE WHEN $2::boolean THEN -f.log_index ELSE f.log_index END) AS place
        FROM found AS f
    ) AS p
    WHERE p.place <= $1::integer
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       (SELECT min(o.ancestor_number) FROM chain.reorgs AS o WHERE o.sequence > $3::bigint) AS reorged_to,
       (SELECT lower(c.blocks) FROM chain.coverage AS c ORDER BY c.blocks LIMIT 1) AS indexed_from,
       (SELECT o.number FROM owner AS o) AS number,
       (SELECT count(*) FROM found) > $1::integer AS more,
       (SELECT ARRAY[$6::bigint::text, min(log_index)::text] FROM rows HAVING count(*) > 0) AS first_key,
       (SELECT ARRAY[$6::bigint::text, max(log_index)::text] FROM rows HAVING count(*) > 0) AS last_key,
       (
           SELECT coalesce(json_agg(json_build_object(
               'block_number', r.block_number,
               'log_index', r.log_index,
               'transaction_index', r.transaction_index,
               'transaction_hash', '0x' || encode(x.hash, 'hex'),
               'timestamp', x.timestamp,
               'address', '0x' || encode(r.address, 'hex'),
               'topics', array_remove(ARRAY['0x' || encode(r.topic0, 'hex'), '0x' || encode(r.topic1, 'hex'),
                                            '0x' || encode(r.topic2, 'hex'), '0x' || encode(r.topic3, 'hex')], NULL),
               'data', '0x' || encode(r.data, 'hex'),
               'event', (
                   SELECT json_build_object('abi', e.abi, 'name', e.name, 'signature', e.signature,
                                            'arguments', e.arguments, 'undecodable', e.undecodable)
                   FROM chain.decoded_events AS e
                   WHERE e.block_number = $6::bigint AND e.log_index = r.log_index
               ),
               'final', r.block_number <= coalesce(t.finalized_number, -1)
           ) ORDER BY r.log_index), '[]')
           FROM rows AS r
           CROSS JOIN LATERAL (
               SELECT x.hash, x.timestamp FROM chain.transactions AS x
               WHERE x.block_number = $6::bigint AND x.transaction_index = r.transaction_index
               LIMIT 1
           ) AS x
       )::text AS data
FROM chain.tip AS t;

-- name: select_address_logs :one
-- A page of the logs of one contract in blocks $6 to $7, newest first.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 its block, $5 its log index, $6 lowest block looked at, $7 highest, $8 whether the list ends there, $9 address
WITH found AS (
    (
        SELECT l.* FROM chain.logs AS l
        WHERE NOT $2::boolean AND l.address = $9::bytea AND l.block_number BETWEEN $6::bigint AND $7::bigint
          AND (l.block_number, l.log_index) < (coalesce($4::bigint, 9223372036854775807), coalesce($5::integer, 0))
        ORDER BY l.block_number DESC, l.log_index DESC LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT l.* FROM chain.logs AS l
        WHERE $2::boolean AND l.address = $9::bytea AND l.block_number BETWEEN $6::bigint AND $7::bigint
          AND (l.block_number, l.log_index) > ($4::bigint, $5::integer)
        ORDER BY l.block_number, l.log_index LIMIT $1::integer + 1
    )
), rows AS (
    SELECT p.*
    FROM (
        SELECT f.*, CASE WHEN $2::boolean THEN row_number() OVER (ORDER BY f.block_number, f.log_index)
                    ELSE row_number() OVER (ORDER BY f.block_number DESC, f.log_index DESC) END AS place
        FROM found AS f
    ) AS p
    WHERE p.place <= $1::integer
), counted AS (
    SELECT count(*) > $1::integer AS is_full FROM found
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       (SELECT min(o.ancestor_number) FROM chain.reorgs AS o WHERE o.sequence > $3::bigint) AS reorged_to,
       c.is_full,
       c.is_full OR NOT $8::boolean AS more,
       CASE WHEN $2::boolean AND NOT c.is_full AND NOT $8::boolean THEN ARRAY[$7::bigint::text, '2147483647']
       -- Of an empty page: back to where it came from, the row of the cursor included.
       ELSE coalesce(
           (SELECT ARRAY[block_number::text, log_index::text] FROM rows ORDER BY block_number DESC, log_index DESC LIMIT 1),
           CASE WHEN NOT $2::boolean AND $4::bigint IS NOT NULL THEN ARRAY[$4::bigint::text, ($5::integer - 1)::text] END)
       END AS first_key,
       CASE WHEN NOT $2::boolean AND NOT c.is_full AND NOT $8::boolean THEN ARRAY[$6::bigint::text, '0']
       ELSE coalesce(
           (SELECT ARRAY[block_number::text, log_index::text] FROM rows ORDER BY block_number, log_index LIMIT 1),
           CASE WHEN $2::boolean THEN ARRAY[$4::bigint::text, least($5::bigint + 1, 2147483647)::text] END)
       END AS last_key,
       (
           SELECT coalesce(json_agg(json_build_object(
               'block_number', r.block_number,
               'log_index', r.log_index,
               'transaction_index', r.transaction_index,
               'transaction_hash', '0x' || encode(x.hash, 'hex'),
               'timestamp', x.timestamp,
               'address', '0x' || encode(r.address, 'hex'),
               'topics', array_remove(ARRAY['0x' || encode(r.topic0, 'hex'), '0x' || encode(r.topic1, 'hex'),
                                            '0x' || encode(r.topic2, 'hex'), '0x' || encode(r.topic3, 'hex')], NULL),
               'data', '0x' || encode(r.data, 'hex'),
               'event', (
                   SELECT json_build_object('abi', e.abi, 'name', e.name, 'signature', e.signature,
                                            'arguments', e.arguments, 'undecodable', e.undecodable)
                   FROM chain.decoded_events AS e
                   WHERE e.block_number = r.block_number AND e.log_index = r.log_index
                     AND e.block_number BETWEEN $6::bigint AND $7::bigint
               ),
               'final', r.block_number <= coalesce(t.finalized_number, -1)
           ) ORDER BY r.block_number DESC, r.log_index DESC), '[]')
           FROM rows AS r
           CROSS JOIN LATERAL (
               SELECT x.hash, x.timestamp FROM chain.transactions AS x
               WHERE x.block_number = r.block_number AND x.transaction_index = r.transaction_index
                 AND x.block_number BETWEEN $6::bigint AND $7::bigint
               LIMIT 1
           ) AS x
       )::text AS data
FROM chain.tip AS t
CROSS JOIN counted AS c;
