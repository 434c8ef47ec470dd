-- name: select_transaction_token_transfers :one
-- A page of the token transfers of one transaction, in their order; `number` is null where it is not in this block.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 its block, $5 its log index, $6 its batch index, $7 block, $8 hash of the transaction
WITH owner AS (
    SELECT x.* FROM chain.transactions AS x WHERE x.block_number = $7::bigint AND x.hash = $8::bytea
), found AS (
    (
        SELECT m.* FROM chain.token_transfers AS m CROSS JOIN owner AS o
        WHERE NOT (SELECT $2::boolean) AND m.block_number = $7::bigint AND m.transaction_index = o.transaction_index
          AND (m.block_number, m.log_index, m.batch_index)
            > (coalesce($4::bigint, $7::bigint), coalesce($5::integer, -1), coalesce($6::integer, 0))
        ORDER BY m.log_index, m.batch_index LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT m.* FROM chain.token_transfers AS m CROSS JOIN owner AS o
        WHERE (SELECT $2::boolean) AND m.block_number = $7::bigint AND m.transaction_index = o.transaction_index
          AND (m.block_number, m.log_index, m.batch_index) < ($4::bigint, $5::integer, $6::integer)
        ORDER BY m.log_index DESC, m.batch_index DESC LIMIT $1::integer + 1
    )
), rows AS (
    SELECT p.*
    FROM (
        SELECT f.*, CASE WHEN $2::boolean THEN row_number() OVER (ORDER BY f.log_index DESC, f.batch_index DESC)
                    ELSE row_number() OVER (ORDER BY f.log_index, f.batch_index) END AS place
        FROM found AS f
    ) AS p
    WHERE p.place <= $1::integer
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (SELECT min(o.ancestor_number) FROM chain.reorgs AS o WHERE o.sequence > $3::bigint) AS reorged_to,
       (SELECT o.block_number FROM owner AS o) AS number,
       (SELECT count(*) FROM found) > $1::integer AS more,
       (SELECT ARRAY[block_number::text, log_index::text, batch_index::text] FROM rows ORDER BY log_index, batch_index LIMIT 1) AS first_key,
       (SELECT ARRAY[block_number::text, log_index::text, batch_index::text] FROM rows ORDER BY log_index DESC, batch_index DESC LIMIT 1) AS last_key,
       (
           SELECT coalesce(json_agg(json_build_object(
               'block_number', r.block_number,
               'log_index', r.log_index,
               'batch_index', r.batch_index,
               'transaction_index', r.transaction_index,
               'transaction_hash', '0x' || encode(x.hash, 'hex'),
               'timestamp', x.timestamp,
               'token', json_build_object(
                   'address', '0x' || encode(r.token, 'hex'), 'name', n.name, 'symbol', n.symbol, 'decimals', n.decimals),
               'standard', 'ERC-' || r.standard,
               'operator', '0x' || encode(r.operator, 'hex'),
               'from_address', '0x' || encode(r.from_address, 'hex'),
               'to_address', '0x' || encode(r.to_address, 'hex'),
               'token_id', r.token_id::text,
               'amount', r.amount::text,
               'final', r.block_number <= coalesce(t.finalized_number, -1)
           ) ORDER BY r.log_index, r.batch_index), '[]')
           FROM rows AS r
           CROSS JOIN owner AS x
           LEFT JOIN chain.token_metadata AS n ON n.token = r.token
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'token_transfers';

-- name: select_address_token_transfer_blocks :value
-- The blocks that a page of an address's token transfers lies in.
-- $1 limit, $2 backward, $3 block of the cursor, $4 its log index, $5 its batch index, $6 address, $7 roles it must have, $8 token or null, $9 rows looked at
SELECT coalesce(array_agg(DISTINCT f.block_number), '{}')
FROM (
    (
        SELECT s.block_number FROM (
            SELECT a.* FROM chain.address_token_transfers AS a
            WHERE NOT $2::boolean AND a.address = $6::bytea
                  AND (a.block_number, a.log_index, a.batch_index)
                    < (coalesce($3::bigint, 9223372036854775807), coalesce($4::integer, 0), coalesce($5::integer, 0))
            ORDER BY a.block_number DESC, a.log_index DESC, a.batch_index DESC LIMIT $9::integer
        ) AS s
        WHERE s.roles & $7::smallint = $7::smallint AND ($8::bytea IS NULL OR s.token = $8::bytea)
        ORDER BY s.block_number DESC, s.log_index DESC, s.batch_index DESC LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT s.block_number FROM (
            SELECT a.* FROM chain.address_token_transfers AS a
            WHERE $2::boolean AND a.address = $6::bytea
                  AND (a.block_number, a.log_index, a.batch_index) > ($3::bigint, $4::integer, $5::integer)
            ORDER BY a.block_number, a.log_index, a.batch_index LIMIT $9::integer
        ) AS s
        WHERE s.roles & $7::smallint = $7::smallint AND ($8::bytea IS NULL OR s.token = $8::bytea)
        ORDER BY s.block_number, s.log_index, s.batch_index LIMIT $1::integer + 1
    )
) AS f;

-- name: select_address_token_transfers :one
-- A page of the token transfers of an address, newest first.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 its block, $5 its log index, $6 its batch index, $7 address, $8 roles it must have, $9 token or null, $10 rows looked at, $11 the blocks that the page lies in as far as is known, null where facts are no hypertables
WITH found AS (
    (
        SELECT s.* FROM (
            SELECT a.* FROM chain.address_token_transfers AS a
            WHERE NOT $2::boolean AND a.address = $7::bytea
                  AND (a.block_number, a.log_index, a.batch_index)
                    < (coalesce($4::bigint, 9223372036854775807), coalesce($5::integer, 0), coalesce($6::integer, 0))
            ORDER BY a.block_number DESC, a.log_index DESC, a.batch_index DESC LIMIT $10::integer
        ) AS s
        WHERE s.roles & $8::smallint = $8::smallint AND ($9::bytea IS NULL OR s.token = $9::bytea)
        ORDER BY s.block_number DESC, s.log_index DESC, s.batch_index DESC LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT s.* FROM (
            SELECT a.* FROM chain.address_token_transfers AS a
            WHERE $2::boolean AND a.address = $7::bytea
                  AND (a.block_number, a.log_index, a.batch_index) > ($4::bigint, $5::integer, $6::integer)
            ORDER BY a.block_number, a.log_index, a.batch_index LIMIT $10::integer
        ) AS s
        WHERE s.roles & $8::smallint = $8::smallint AND ($9::bytea IS NULL OR s.token = $9::bytea)
        ORDER BY s.block_number, s.log_index, s.batch_index LIMIT $1::integer + 1
    )
), rows AS (
    SELECT p.*
    FROM (
        SELECT f.*, CASE WHEN $2::boolean THEN row_number() OVER (ORDER BY f.block_number, f.log_index, f.batch_index)
                    ELSE row_number() OVER (ORDER BY f.block_number DESC, f.log_index DESC, f.batch_index DESC) END AS place
        FROM found AS f
    ) AS p
    WHERE p.place <= $1::integer
), counted AS (
    SELECT count(*) > $1::integer AS is_full FROM found
), scan_end AS (
    SELECT e.block_number, e.log_index, e.batch_index
    FROM (
        (
            SELECT a.block_number, a.log_index, a.batch_index,
                   row_number() OVER (ORDER BY a.block_number DESC, a.log_index DESC, a.batch_index DESC) AS place
            FROM chain.address_token_transfers AS a
            WHERE NOT $2::boolean AND a.address = $7::bytea
                  AND (a.block_number, a.log_index, a.batch_index)
                    < (coalesce($4::bigint, 9223372036854775807), coalesce($5::integer, 0), coalesce($6::integer, 0))
            ORDER BY a.block_number DESC, a.log_index DESC, a.batch_index DESC LIMIT $10::integer
        )
        UNION ALL
        (
            SELECT a.block_number, a.log_index, a.batch_index,
                   row_number() OVER (ORDER BY a.block_number, a.log_index, a.batch_index) AS place
            FROM chain.address_token_transfers AS a
            WHERE $2::boolean AND a.address = $7::bytea
                  AND (a.block_number, a.log_index, a.batch_index) > ($4::bigint, $5::integer, $6::integer)
            ORDER BY a.block_number, a.log_index, a.batch_index LIMIT $10::integer
        )
    ) AS e
    WHERE NOT (SELECT c.is_full FROM counted AS c) AND e.place = $10::integer
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (SELECT min(o.ancestor_number) FROM chain.reorgs AS o WHERE o.sequence > $3::bigint) AS reorged_to,
       (SELECT coalesce(bool_and($11::bigint[] IS NULL OR r.block_number = ANY ($11::bigint[])), true) FROM rows AS r) AS holds,
       c.is_full OR EXISTS (SELECT FROM scan_end) AS more,
       (
           SELECT ARRAY[k.block_number::text, k.log_index::text, k.batch_index::text]
           FROM (
               SELECT block_number, log_index, batch_index FROM rows
               UNION ALL
               SELECT block_number, log_index, batch_index FROM scan_end WHERE $2::boolean
               UNION ALL
               -- An empty page: back to where it came from, the row of the cursor included.
               SELECT $4::bigint, $5::integer, $6::integer - 1 WHERE NOT $2::boolean AND NOT EXISTS (SELECT FROM rows)
           ) AS k
           WHERE k.block_number IS NOT NULL
           ORDER BY k.block_number DESC, k.log_index DESC, k.batch_index DESC LIMIT 1
       ) AS first_key,
       (
           SELECT ARRAY[k.block_number::text, k.log_index::text, k.batch_index::text]
           FROM (
               SELECT block_number, log_index, batch_index FROM rows
               UNION ALL
               SELECT block_number, log_index, batch_index FROM scan_end WHERE NOT $2::boolean
               UNION ALL
               SELECT $4::bigint, $5::integer, $6::integer + 1 WHERE $2::boolean AND NOT EXISTS (SELECT FROM rows)
           ) AS k
           WHERE k.block_number IS NOT NULL
           ORDER BY k.block_number, k.log_index, k.batch_index LIMIT 1
       ) AS last_key,
       (
           SELECT coalesce(json_agg(json_build_object(
               'block_number', r.block_number,
               'log_index', r.log_index,
               'batch_index', r.batch_index,
               'transaction_index', r.transaction_index,
               'transaction_hash', '0x' || encode(x.hash, 'hex'),
               'timestamp', x.timestamp,
               'token', json_build_object(
                   'address', '0x' || encode(r.token, 'hex'), 'name', n.name, 'symbol', n.symbol, 'decimals', n.decimals),
               'standard', 'ERC-' || r.standard,
               'operator', '0x' || encode(r.operator, 'hex'),
               'from_address', '0x' || encode(r.from_address, 'hex'),
               'to_address', '0x' || encode(r.to_address, 'hex'),
               'token_id', r.token_id::text,
               'amount', r.amount::text,
               'direction', CASE k.roles WHEN 1 THEN 'out' WHEN 2 THEN 'in' ELSE 'self' END,
               'final', r.block_number <= coalesce(t.finalized_number, -1)
           ) ORDER BY r.block_number DESC, r.log_index DESC, r.batch_index DESC), '[]')
           FROM rows AS k
           CROSS JOIN LATERAL (
               SELECT m.* FROM chain.token_transfers AS m
               WHERE m.block_number = k.block_number AND m.log_index = k.log_index AND m.batch_index = k.batch_index
                 AND ($11::bigint[] IS NULL OR m.block_number = ANY ($11::bigint[]))
              AND m.block_number BETWEEN coalesce(($11::bigint[])[1], 0) AND coalesce(($11::bigint[])[cardinality($11::bigint[])], 9223372036854775807)
               LIMIT 1
           ) AS r
           CROSS JOIN LATERAL (
               SELECT x.hash, x.timestamp FROM chain.transactions AS x
               WHERE x.block_number = k.block_number AND x.transaction_index = r.transaction_index
                 AND ($11::bigint[] IS NULL OR x.block_number = ANY ($11::bigint[]))
              AND x.block_number BETWEEN coalesce(($11::bigint[])[1], 0) AND coalesce(($11::bigint[])[cardinality($11::bigint[])], 9223372036854775807)
               LIMIT 1
           ) AS x
           LEFT JOIN chain.token_metadata AS n ON n.token = r.token
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'address_token_transfers'
CROSS JOIN counted AS c;
