-- name: select_events_of_contract :one
-- Logs of one contract with these topics, newest first.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 its block, $5 its log index, $6 lowest block looked at, $7 highest, $8 whether the list ends there, $9 logs looked at, $10 to $13 topics or nulls, $14 address
WITH scanned AS MATERIALIZED (
    (
        SELECT l.block_number, l.log_index,
               ($10::bytea IS NULL OR l.topic0 IS NOT DISTINCT FROM $10::bytea)
               AND ($11::bytea IS NULL OR l.topic1 IS NOT DISTINCT FROM $11::bytea)
               AND ($12::bytea IS NULL OR l.topic2 IS NOT DISTINCT FROM $12::bytea)
               AND ($13::bytea IS NULL OR l.topic3 IS NOT DISTINCT FROM $13::bytea) AS matches
        FROM chain.logs AS l
        WHERE NOT $2::boolean AND l.address = $14::bytea AND l.block_number BETWEEN $6::bigint AND $7::bigint
          AND (l.block_number, l.log_index) < (coalesce($4::bigint, 9223372036854775807), coalesce($5::bigint, 0))
        ORDER BY l.block_number DESC, l.log_index DESC LIMIT $9::integer + 1
    )
    UNION ALL
    (
        SELECT l.block_number, l.log_index,
               ($10::bytea IS NULL OR l.topic0 IS NOT DISTINCT FROM $10::bytea)
               AND ($11::bytea IS NULL OR l.topic1 IS NOT DISTINCT FROM $11::bytea)
               AND ($12::bytea IS NULL OR l.topic2 IS NOT DISTINCT FROM $12::bytea)
               AND ($13::bytea IS NULL OR l.topic3 IS NOT DISTINCT FROM $13::bytea) AS matches
        FROM chain.logs AS l
        WHERE $2::boolean AND l.address = $14::bytea AND l.block_number BETWEEN $6::bigint AND $7::bigint
          AND (l.block_number, l.log_index) > (coalesce($4::bigint, -1), coalesce($5::bigint, 0))
        ORDER BY l.block_number, l.log_index LIMIT $9::integer + 1
    )
), looked AS (
    -- What is taken from the scan comes in its order.
    SELECT s.* FROM scanned AS s LIMIT $9::integer
), found AS MATERIALIZED (
    SELECT s.block_number, s.log_index FROM looked AS s WHERE s.matches LIMIT $1::integer + 1
), rows AS (
    SELECT f.* FROM found AS f LIMIT $1::integer
), counted AS (
    -- Looking further than what fills the page is left out where the page is full.
    SELECT n.is_filled, CASE WHEN n.is_filled THEN false ELSE (SELECT count(*) FROM scanned) > $9::integer END AS is_cut
    FROM (SELECT count(*) > $1::integer AS is_filled FROM found) AS n
), ends AS (
    SELECT c.*,
           CASE WHEN c.is_cut THEN (
               SELECT ARRAY[s.block_number::text, s.log_index::text] FROM looked AS s
               ORDER BY CASE WHEN $2::boolean THEN -s.block_number ELSE s.block_number END,
                        CASE WHEN $2::boolean THEN -s.log_index ELSE s.log_index END LIMIT 1
           ) WHEN $2::boolean THEN ARRAY[$7::bigint::text, '2147483647'] ELSE ARRAY[$6::bigint::text, '0'] END
               AS edge,
           (SELECT ARRAY[r.block_number::text, r.log_index::text] FROM rows AS r ORDER BY r.block_number DESC, r.log_index DESC LIMIT 1) AS newest,
           (SELECT ARRAY[r.block_number::text, r.log_index::text] FROM rows AS r ORDER BY r.block_number, r.log_index LIMIT 1) AS oldest
    FROM counted AS c
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       (SELECT min(o.ancestor_number) FROM chain.reorgs AS o WHERE o.sequence > $3::bigint) AS reorged_to,
       n.is_filled OR n.is_cut AS is_full,
       n.is_cut,
       n.is_filled OR n.is_cut OR NOT $8::boolean AS more,
       CASE WHEN $2::boolean AND NOT n.is_filled THEN n.edge ELSE coalesce(n.newest, n.edge) END AS first_key,
       CASE WHEN NOT $2::boolean AND NOT n.is_filled THEN n.edge ELSE coalesce(n.oldest, n.edge) END AS last_key,
       (
           SELECT coalesce(json_agg(json_build_object(
               'block_number', r.block_number,
               'log_index', r.log_index,
               'transaction_index', l.transaction_index,
               'transaction_hash', '0x' || encode(x.hash, 'hex'),
               'timestamp', x.timestamp,
               'address', '0x' || encode(l.address, 'hex'),
               'topics', array_remove(ARRAY['0x' || encode(l.topic0, 'hex'), '0x' || encode(l.topic1, 'hex'),
                                            '0x' || encode(l.topic2, 'hex'), '0x' || encode(l.topic3, 'hex')], NULL),
               'data', '0x' || encode(l.data, 'hex'),
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
               SELECT l.* FROM chain.logs AS l
               WHERE l.block_number = r.block_number AND l.log_index = r.log_index
                 AND l.block_number BETWEEN $6::bigint AND $7::bigint
               LIMIT 1
           ) AS l
           CROSS JOIN LATERAL (
               SELECT x.hash, x.timestamp FROM chain.transactions AS x
               WHERE x.block_number = r.block_number AND x.transaction_index = l.transaction_index
                 AND x.block_number BETWEEN $6::bigint AND $7::bigint
               LIMIT 1
           ) AS x
       )::text AS data
FROM chain.tip AS t
CROSS JOIN ends AS n;

-- name: select_events_of_range :one
-- Logs of every contract with these topics, newest first.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 its block, $5 its log index, $6 lowest block looked at, $7 highest, $8 whether the list ends there, $9 logs looked at, $10 to $13 topics or nulls
WITH scanned AS MATERIALIZED (
    (
        SELECT l.block_number, l.log_index,
               ($10::bytea IS NULL OR l.topic0 IS NOT DISTINCT FROM $10::bytea)
               AND ($11::bytea IS NULL OR l.topic1 IS NOT DISTINCT FROM $11::bytea)
               AND ($12::bytea IS NULL OR l.topic2 IS NOT DISTINCT FROM $12::bytea)
               AND ($13::bytea IS NULL OR l.topic3 IS NOT DISTINCT FROM $13::bytea) AS matches
        FROM chain.logs AS l
        WHERE NOT $2::boolean AND l.block_number BETWEEN $6::bigint AND $7::bigint
          AND (l.block_number, l.log_index) < (coalesce($4::bigint, 9223372036854775807), coalesce($5::bigint, 0))
        ORDER BY l.block_number DESC, l.log_index DESC LIMIT $9::integer + 1
    )
    UNION ALL
    (
        SELECT l.block_number, l.log_index,
               ($10::bytea IS NULL OR l.topic0 IS NOT DISTINCT FROM $10::bytea)
               AND ($11::bytea IS NULL OR l.topic1 IS NOT DISTINCT FROM $11::bytea)
               AND ($12::bytea IS NULL OR l.topic2 IS NOT DISTINCT FROM $12::bytea)
               AND ($13::bytea IS NULL OR l.topic3 IS NOT DISTINCT FROM $13::bytea) AS matches
        FROM chain.logs AS l
        WHERE $2::boolean AND l.block_number BETWEEN $6::bigint AND $7::bigint
          AND (l.block_number, l.log_index) > (coalesce($4::bigint, -1), coalesce($5::bigint, 0))
        ORDER BY l.block_number, l.log_index LIMIT $9::integer + 1
    )
), looked AS (
    -- What is taken from the scan comes in its order.
    SELECT s.* FROM scanned AS s LIMIT $9::integer
), found AS MATERIALIZED (
    SELECT s.block_number, s.log_index FROM looked AS s WHERE s.matches LIMIT $1::integer + 1
), rows AS (
    SELECT f.* FROM found AS f LIMIT $1::integer
), counted AS (
    -- Looking further than what fills the page is left out where the page is full.
    SELECT n.is_filled, CASE WHEN n.is_filled THEN false ELSE (SELECT count(*) FROM scanned) > $9::integer END AS is_cut
    FROM (SELECT count(*) > $1::integer AS is_filled FROM found) AS n
), ends AS (
    SELECT c.*,
           CASE WHEN c.is_cut THEN (
               SELECT ARRAY[s.block_number::text, s.log_index::text] FROM looked AS s
               ORDER BY CASE WHEN $2::boolean THEN -s.block_number ELSE s.block_number END,
                        CASE WHEN $2::boolean THEN -s.log_index ELSE s.log_index END LIMIT 1
           ) WHEN $2::boolean THEN ARRAY[$7::bigint::text, '2147483647'] ELSE ARRAY[$6::bigint::text, '0'] END
               AS edge,
           (SELECT ARRAY[r.block_number::text, r.log_index::text] FROM rows AS r ORDER BY r.block_number DESC, r.log_index DESC LIMIT 1) AS newest,
           (SELECT ARRAY[r.block_number::text, r.log_index::text] FROM rows AS r ORDER BY r.block_number, r.log_index LIMIT 1) AS oldest
    FROM counted AS c
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       (SELECT min(o.ancestor_number) FROM chain.reorgs AS o WHERE o.sequence > $3::bigint) AS reorged_to,
       n.is_filled OR n.is_cut AS is_full,
       n.is_cut,
       n.is_filled OR n.is_cut OR NOT $8::boolean AS more,
       CASE WHEN $2::boolean AND NOT n.is_filled THEN n.edge ELSE coalesce(n.newest, n.edge) END AS first_key,
       CASE WHEN NOT $2::boolean AND NOT n.is_filled THEN n.edge ELSE coalesce(n.oldest, n.edge) END AS last_key,
       (
           SELECT coalesce(json_agg(json_build_object(
               'block_number', r.block_number,
               'log_index', r.log_index,
               'transaction_index', l.transaction_index,
               'transaction_hash', '0x' || encode(x.hash, 'hex'),
               'timestamp', x.timestamp,
               'address', '0x' || encode(l.address, 'hex'),
               'topics', array_remove(ARRAY['0x' || encode(l.topic0, 'hex'), '0x' || encode(l.topic1, 'hex'),
                                            '0x' || encode(l.topic2, 'hex'), '0x' || encode(l.topic3, 'hex')], NULL),
               'data', '0x' || encode(l.data, 'hex'),
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
               SELECT l.* FROM chain.logs AS l
               WHERE l.block_number = r.block_number AND l.log_index = r.log_index
                 AND l.block_number BETWEEN $6::bigint AND $7::bigint
               LIMIT 1
           ) AS l
           CROSS JOIN LATERAL (
               SELECT x.hash, x.timestamp FROM chain.transactions AS x
               WHERE x.block_number = r.block_number AND x.transaction_index = l.transaction_index
                 AND x.block_number BETWEEN $6::bigint AND $7::bigint
               LIMIT 1
           ) AS x
       )::text AS data
FROM chain.tip AS t
CROSS JOIN ends AS n;
