-- name: select_contract_interactions_blocks :value
-- The blocks of a page of the transactions that called a contract.
-- $1 limit, $2 backward, $3 block and $4 index of the cursor, $5 address
WITH found AS (
    (
        SELECT a.block_number, a.transaction_index FROM chain.address_transactions AS a
        WHERE NOT $2::boolean AND a.address = $5::bytea AND a.roles & 2 = 2
          AND (a.block_number, a.transaction_index) < (coalesce($3::bigint, 9223372036854775807), coalesce($4::bigint, 0))
        ORDER BY a.block_number DESC, a.transaction_index DESC LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT a.block_number, a.transaction_index FROM chain.address_transactions AS a
        WHERE $2::boolean AND a.address = $5::bytea AND a.roles & 2 = 2
          AND (a.block_number, a.transaction_index) > (coalesce($3::bigint, -1), coalesce($4::bigint, 0))
        ORDER BY a.block_number, a.transaction_index LIMIT $1::integer + 1
    )
)
SELECT array_agg(DISTINCT f.block_number) FROM found AS f;

-- name: select_contract_interactions :one
-- A page of the transactions that called a contract, newest first.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 its block, $5 its index, $6 address, $7 blocks they are thought to be in, or null where facts are plain tables
WITH found AS (
    (
        SELECT a.block_number, a.transaction_index FROM chain.address_transactions AS a
        WHERE NOT $2::boolean AND a.address = $6::bytea AND a.roles & 2 = 2
          AND (a.block_number, a.transaction_index) < (coalesce($4::bigint, 9223372036854775807), coalesce($5::bigint, 0))
        ORDER BY a.block_number DESC, a.transaction_index DESC LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT a.block_number, a.transaction_index FROM chain.address_transactions AS a
        WHERE $2::boolean AND a.address = $6::bytea AND a.roles & 2 = 2
          AND (a.block_number, a.transaction_index) > (coalesce($4::bigint, -1), coalesce($5::bigint, 0))
        ORDER BY a.block_number, a.transaction_index LIMIT $1::integer + 1
    )
), rows AS (
    SELECT p.*
    FROM (
        SELECT f.*, row_number() OVER (ORDER BY f.block_number DESC, f.transaction_index DESC) AS place, count(*) OVER () AS found
        FROM found AS f
    ) AS p
    WHERE CASE WHEN $2::boolean THEN p.found + 1 - p.place ELSE p.place END <= $1::integer
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (SELECT min(o.ancestor_number) FROM chain.reorgs AS o WHERE o.sequence > $3::bigint) AS reorged_to,
       (SELECT count(*) FROM found) > $1::integer AS more,
       (SELECT ARRAY[block_number::text, transaction_index::text] FROM rows ORDER BY place LIMIT 1) AS first_key,
       (SELECT ARRAY[block_number::text, transaction_index::text] FROM rows ORDER BY place DESC LIMIT 1) AS last_key,
       $7::bigint[] IS NULL OR NOT EXISTS (SELECT FROM rows AS r WHERE NOT r.block_number = ANY ($7::bigint[])) AS hint_holds,
       (
           SELECT coalesce(json_agg(json_build_object(
               'block_number', r.block_number,
               'transaction_index', r.transaction_index,
               'transaction_hash', '0x' || encode(x.hash, 'hex'),
               'timestamp', x.timestamp,
               'wallet', '0x' || encode(x.from_address, 'hex'),
               'value', x.value::text,
               'selector', CASE WHEN octet_length(x.input) >= 4 THEN '0x' || encode(substring(x.input FROM 1 FOR 4), 'hex') END,
               'method', c.name,
               'signature', c.signature,
               'arguments', c.arguments,
               'outcome', CASE x.status WHEN 1 THEN 'succeeded' WHEN 0 THEN 'failed' ELSE 'unknown' END,
               'error', coalesce(c.error_reason, c.error_name),
               'gas_used', x.gas_used,
               'final', r.block_number <= coalesce(t.finalized_number, -1)
           ) ORDER BY r.place), '[]')
           FROM rows AS r
           JOIN chain.transactions AS x
               ON x.block_number = r.block_number AND x.transaction_index = r.transaction_index
              AND ($7::bigint[] IS NULL OR x.block_number = ANY ($7::bigint[]))
              AND x.block_number BETWEEN coalesce(($7::bigint[])[1], 0) AND coalesce(($7::bigint[])[cardinality($7::bigint[])], 9223372036854775807)
           LEFT JOIN chain.decoded_calls AS c
               ON c.block_number = r.block_number AND c.transaction_index = r.transaction_index
              AND ($7::bigint[] IS NULL OR c.block_number = ANY ($7::bigint[]))
              AND c.block_number BETWEEN coalesce(($7::bigint[])[1], 0) AND coalesce(($7::bigint[])[cardinality($7::bigint[])], 9223372036854775807)
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'address_transactions';
