-- name: select_contract_events :one
-- Decoded events of one contract, newest first, by name or signature and by arguments.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 its block, $5 its log index, $6 lowest block looked at, $7 highest, $8 whether the list ends there, $9 logs looked at, $10 name or signature or null, $11 names and $12 values of arguments, $13 address
WITH scanned AS MATERIALIZED (
    (
        SELECT e.block_number, e.log_index,
               ($10::text IS NULL OR $10::text IN (e.name, e.signature)) AND NOT EXISTS (
                   SELECT FROM unnest($11::text[], $12::text[]) AS w (name, value)
                   WHERE e.arguments ->> w.name IS DISTINCT FROM w.value
               ) AS matches
        FROM chain.decoded_events AS e
        WHERE NOT $2::boolean AND e.address = $13::bytea AND e.block_number BETWEEN $6::bigint AND $7::bigint
          AND (e.block_number, e.log_index) < (coalesce($4::bigint, 9223372036854775807), coalesce($5::bigint, 0))
        ORDER BY e.block_number DESC, e.log_index DESC LIMIT $9::integer + 1
    )
    UNION ALL
    (
        SELECT e.block_number, e.log_index,
               ($10::text IS NULL OR $10::text IN (e.name, e.signature)) AND NOT EXISTS (
                   SELECT FROM unnest($11::text[], $12::text[]) AS w (name, value)
                   WHERE e.arguments ->> w.name IS DISTINCT FROM w.value
               ) AS matches
        FROM chain.decoded_events AS e
        WHERE $2::boolean AND e.address = $13::bytea AND e.block_number BETWEEN $6::bigint AND $7::bigint
          AND (e.block_number, e.log_index) > (coalesce($4::bigint, -1), coalesce($5::bigint, 0))
        ORDER BY e.block_number, e.log_index LIMIT $9::integer + 1
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
       d.first_block AS complete_from, d.derived_to AS complete_to,
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
               'transaction_index', e.transaction_index,
               'transaction_hash', '0x' || encode(x.hash, 'hex'),
               'timestamp', x.timestamp,
               'abi', e.abi,
               'name', e.name,
               'signature', e.signature,
               'arguments', e.arguments,
               'undecodable', e.undecodable,
               'final', r.block_number <= coalesce(t.finalized_number, -1)
           ) ORDER BY r.block_number DESC, r.log_index DESC), '[]')
           FROM rows AS r
           CROSS JOIN LATERAL (
               SELECT e.* FROM chain.decoded_events AS e
               WHERE e.block_number = r.block_number AND e.log_index = r.log_index
                 AND e.block_number BETWEEN $6::bigint AND $7::bigint
               LIMIT 1
           ) AS e
           CROSS JOIN LATERAL (
               SELECT x.hash, x.timestamp FROM chain.transactions AS x
               WHERE x.block_number = r.block_number AND x.transaction_index = e.transaction_index
                 AND x.block_number BETWEEN $6::bigint AND $7::bigint
               LIMIT 1
           ) AS x
       )::text AS data
FROM chain.tip AS t
CROSS JOIN ends AS n
LEFT JOIN chain.derivations AS d ON d.derivation = 'decoded_events';
