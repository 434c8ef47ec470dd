-- name: select_address_transaction_blocks :value
-- The blocks that a page of an address's transactions lies in.
-- $1 limit, $2 backward, $3 block of the cursor, $4 its index, $5 address, $6 roles it must have, $7 rows looked at
SELECT coalesce(array_agg(DISTINCT f.block_number), '{}')
FROM (
    (
        SELECT s.block_number FROM (
            SELECT a.* FROM chain.address_transactions AS a
            WHERE NOT $2::boolean AND a.address = $5::bytea
                  AND (a.block_number, a.transaction_index)
                    < (coalesce($3::bigint, 9223372036854775807), coalesce($4::integer, 0))
            ORDER BY a.block_number DESC, a.transaction_index DESC LIMIT $7::integer
        ) AS s
        WHERE s.roles & $6::smallint = $6::smallint
        ORDER BY s.block_number DESC, s.transaction_index DESC LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT s.block_number FROM (
            SELECT a.* FROM chain.address_transactions AS a
            WHERE $2::boolean AND a.address = $5::bytea AND (a.block_number, a.transaction_index) > ($3::bigint, $4::integer)
            ORDER BY a.block_number, a.transaction_index LIMIT $7::integer
        ) AS s
        WHERE s.roles & $6::smallint = $6::smallint
        ORDER BY s.block_number, s.transaction_index LIMIT $1::integer + 1
    )
) AS f;

-- name: select_address_transactions :one
-- A page of the transactions that an address took part in, newest first.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 its block, $5 its index, $6 address, $7 roles it must have, $8 rows looked at, $9 the blocks that the page lies in as far as is known, null where facts are no hypertables
WITH found AS (
    (
        SELECT s.* FROM (
            SELECT a.* FROM chain.address_transactions AS a
            WHERE NOT $2::boolean AND a.address = $6::bytea
                  AND (a.block_number, a.transaction_index)
                    < (coalesce($4::bigint, 9223372036854775807), coalesce($5::integer, 0))
            ORDER BY a.block_number DESC, a.transaction_index DESC LIMIT $8::integer
        ) AS s
        WHERE s.roles & $7::smallint = $7::smallint
        ORDER BY s.block_number DESC, s.transaction_index DESC LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT s.* FROM (
            SELECT a.* FROM chain.address_transactions AS a
            WHERE $2::boolean AND a.address = $6::bytea AND (a.block_number, a.transaction_index) > ($4::bigint, $5::integer)
            ORDER BY a.block_number, a.transaction_index LIMIT $8::integer
        ) AS s
        WHERE s.roles & $7::smallint = $7::smallint
        ORDER BY s.block_number, s.transaction_index LIMIT $1::integer + 1
    )
), rows AS (
    SELECT p.*
    FROM (
        SELECT f.*, CASE WHEN $2::boolean THEN row_number() OVER (ORDER BY f.block_number, f.transaction_index)
                    ELSE row_number() OVER (ORDER BY f.block_number DESC, f.transaction_index DESC) END AS place
        FROM found AS f
    ) AS p
    WHERE p.place <= $1::integer
), counted AS (
    SELECT count(*) > $1::integer AS is_full FROM found
), scan_end AS (
    SELECT e.block_number, e.transaction_index
    FROM (
        (
            SELECT a.block_number, a.transaction_index,
                   row_number() OVER (ORDER BY a.block_number DESC, a.transaction_index DESC) AS place
            FROM chain.address_transactions AS a
            WHERE NOT $2::boolean AND a.address = $6::bytea
                  AND (a.block_number, a.transaction_index)
                    < (coalesce($4::bigint, 9223372036854775807), coalesce($5::integer, 0))
            ORDER BY a.block_number DESC, a.transaction_index DESC LIMIT $8::integer
        )
        UNION ALL
        (
            SELECT a.block_number, a.transaction_index,
                   row_number() OVER (ORDER BY a.block_number, a.transaction_index) AS place
            FROM chain.address_transactions AS a
            WHERE $2::boolean AND a.address = $6::bytea AND (a.block_number, a.transaction_index) > ($4::bigint, $5::integer)
            ORDER BY a.block_number, a.transaction_index LIMIT $8::integer
        )
    ) AS e
    WHERE NOT (SELECT c.is_full FROM counted AS c) AND e.place = $8::integer
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (SELECT min(o.ancestor_number) FROM chain.reorgs AS o WHERE o.sequence > $3::bigint) AS reorged_to,
       (SELECT coalesce(bool_and($9::bigint[] IS NULL OR r.block_number = ANY ($9::bigint[])), true) FROM rows AS r) AS holds,
       c.is_full OR EXISTS (SELECT FROM scan_end) AS more,
       (
           SELECT ARRAY[k.block_number::text, k.transaction_index::text]
           FROM (
               SELECT block_number, transaction_index FROM rows
               UNION ALL
               SELECT block_number, transaction_index FROM scan_end WHERE $2::boolean
               UNION ALL
               -- An empty page: back to where it came from, the row of the cursor included.
               SELECT $4::bigint, $5::integer - 1 WHERE NOT $2::boolean AND NOT EXISTS (SELECT FROM rows)
           ) AS k
           WHERE k.block_number IS NOT NULL
           ORDER BY k.block_number DESC, k.transaction_index DESC LIMIT 1
       ) AS first_key,
       (
           SELECT ARRAY[k.block_number::text, k.transaction_index::text]
           FROM (
               SELECT block_number, transaction_index FROM rows
               UNION ALL
               SELECT block_number, transaction_index FROM scan_end WHERE NOT $2::boolean
               UNION ALL
               SELECT $4::bigint, $5::integer + 1 WHERE $2::boolean AND NOT EXISTS (SELECT FROM rows)
           ) AS k
           WHERE k.block_number IS NOT NULL
           ORDER BY k.block_number, k.transaction_index LIMIT 1
       ) AS last_key,
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
                   SELECT m.name FROM chain.decoded_calls AS m
                   WHERE m.block_number = k.block_number AND m.transaction_index = k.transaction_index
                     AND ($9::bigint[] IS NULL OR m.block_number = ANY ($9::bigint[]))
              AND m.block_number BETWEEN coalesce(($9::bigint[])[1], 0) AND coalesce(($9::bigint[])[cardinality($9::bigint[])], 9223372036854775807)
               ),
               'log_count', r.log_count,
               'final', r.block_number <= coalesce(t.finalized_number, -1),
               'roles', array_remove(ARRAY[
                   CASE WHEN k.roles & 1 > 0 THEN 'from' END, CASE WHEN k.roles & 2 > 0 THEN 'to' END,
                   CASE WHEN k.roles & 4 > 0 THEN 'creator' END, CASE WHEN k.roles & 8 > 0 THEN 'created' END], NULL)
           ) ORDER BY r.block_number DESC, r.transaction_index DESC), '[]')
           FROM rows AS k
           CROSS JOIN LATERAL (
               SELECT x.* FROM chain.transactions AS x
               WHERE x.block_number = k.block_number AND x.transaction_index = k.transaction_index
                 AND ($9::bigint[] IS NULL OR x.block_number = ANY ($9::bigint[]))
              AND x.block_number BETWEEN coalesce(($9::bigint[])[1], 0) AND coalesce(($9::bigint[])[cardinality($9::bigint[])], 9223372036854775807)
               LIMIT 1
           ) AS r
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'address_transactions'
CROSS JOIN counted AS c;
