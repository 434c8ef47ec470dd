-- name: select_token_balance_history :one
-- A page of an address's transfers of one token, newest first, with what it held after each: counted back from what it holds now, or on from the cursor.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 its block, $5 its log index, $6 its batch index, $7 balance after its row, $8 by how much its row changed it, $9 address, $10 roles it must have, $11 token, $12 rows looked at, $13 the blocks that the page lies in as far as is known, null where facts are no hypertables
WITH found AS (
    (
        SELECT s.* FROM (
            SELECT a.* FROM chain.address_token_transfers AS a
            WHERE NOT $2::boolean AND a.address = $9::bytea
                  AND (a.block_number, a.log_index, a.batch_index)
                    < (coalesce($4::bigint, 9223372036854775807), coalesce($5::integer, 0), coalesce($6::integer, 0))
            ORDER BY a.block_number DESC, a.log_index DESC, a.batch_index DESC LIMIT $12::integer
        ) AS s
        WHERE s.roles & $10::smallint = $10::smallint AND ($11::bytea IS NULL OR s.token = $11::bytea)
        ORDER BY s.block_number DESC, s.log_index DESC, s.batch_index DESC LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT s.* FROM (
            SELECT a.* FROM chain.address_token_transfers AS a
            WHERE $2::boolean AND a.address = $9::bytea
                  AND (a.block_number, a.log_index, a.batch_index) > ($4::bigint, $5::integer, $6::integer)
            ORDER BY a.block_number, a.log_index, a.batch_index LIMIT $12::integer
        ) AS s
        WHERE s.roles & $10::smallint = $10::smallint AND ($11::bytea IS NULL OR s.token = $11::bytea)
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
            WHERE NOT $2::boolean AND a.address = $9::bytea
                  AND (a.block_number, a.log_index, a.batch_index)
                    < (coalesce($4::bigint, 9223372036854775807), coalesce($5::integer, 0), coalesce($6::integer, 0))
            ORDER BY a.block_number DESC, a.log_index DESC, a.batch_index DESC LIMIT $12::integer
        )
        UNION ALL
        (
            SELECT a.block_number, a.log_index, a.batch_index,
                   row_number() OVER (ORDER BY a.block_number, a.log_index, a.batch_index) AS place
            FROM chain.address_token_transfers AS a
            WHERE $2::boolean AND a.address = $9::bytea
                  AND (a.block_number, a.log_index, a.batch_index) > ($4::bigint, $5::integer, $6::integer)
            ORDER BY a.block_number, a.log_index, a.batch_index LIMIT $12::integer
        )
    ) AS e
    WHERE NOT (SELECT c.is_full FROM counted AS c) AND e.place = $12::integer
), moved AS (
    SELECT k.*, m.transaction_index, m.amount, m.from_address, m.to_address,
           CASE k.roles WHEN 1 THEN -m.amount WHEN 2 THEN m.amount ELSE 0 END AS change
    FROM rows AS k
    CROSS JOIN LATERAL (
        SELECT m.* FROM chain.token_transfers AS m
        WHERE m.block_number = k.block_number AND m.log_index = k.log_index AND m.batch_index = k.batch_index
          AND ($13::bigint[] IS NULL OR m.block_number = ANY ($13::bigint[]))
              AND m.block_number BETWEEN coalesce(($13::bigint[])[1], 0) AND coalesce(($13::bigint[])[cardinality($13::bigint[])], 9223372036854775807)
        LIMIT 1
    ) AS m
), start AS (
    -- Forward: what it held after the row that comes next.
    SELECT CASE
        WHEN $7::numeric IS NULL THEN (
            SELECT coalesce(sum(h.balance), 0) FROM chain.token_balances AS h
            WHERE h.holder = $9::bytea AND h.token = $11::bytea AND h.standard IN (20, 721, 1155)
        )
        WHEN $2::boolean THEN $7::numeric
        ELSE $7::numeric - $8::numeric
    END AS balance
), balanced AS (
    SELECT v.*,
           CASE WHEN $2::boolean THEN s.balance + sum(v.change) OVER newer
           ELSE s.balance - (sum(v.change) OVER newer - v.change) END AS balance
    FROM moved AS v
    CROSS JOIN start AS s
    WINDOW newer AS (ORDER BY v.place)
), ends AS (
    SELECT block_number, log_index, batch_index, balance, change, true AS is_first, true AS is_last FROM balanced
    UNION ALL
    -- Where looking ended, nothing moved: the balance after the last row in that direction.
    SELECT e.block_number, e.log_index, e.batch_index,
           CASE WHEN $2::boolean THEN s.balance + coalesce((SELECT sum(v.change) FROM moved AS v), 0)
           ELSE s.balance - coalesce((SELECT sum(v.change) FROM moved AS v), 0) END,
           0, $2::boolean, NOT $2::boolean
    FROM scan_end AS e
    CROSS JOIN start AS s
    WHERE NOT EXISTS (
        SELECT FROM balanced AS b
        WHERE (b.block_number, b.log_index, b.batch_index) = (e.block_number, e.log_index, e.batch_index)
    )
    UNION ALL
    -- An empty page: back to where it came from, the row of the cursor included.
    SELECT $4::bigint, $5::integer, $6::integer + CASE WHEN $2::boolean THEN 1 ELSE -1 END,
           CASE WHEN $2::boolean THEN $7::numeric ELSE $7::numeric - $8::numeric END,
           0, NOT $2::boolean, $2::boolean
    WHERE $4::bigint IS NOT NULL AND NOT EXISTS (SELECT FROM rows)
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (SELECT min(o.ancestor_number) FROM chain.reorgs AS o WHERE o.sequence > $3::bigint) AS reorged_to,
       (SELECT coalesce(bool_and($13::bigint[] IS NULL OR r.block_number = ANY ($13::bigint[])), true) FROM rows AS r) AS holds,
       d.derived_to = b.derived_to AND d.first_block = b.first_block AS agrees,
       c.is_full OR EXISTS (SELECT FROM scan_end) AS more,
       (
           SELECT ARRAY[k.block_number::text, k.log_index::text, k.batch_index::text, k.balance::text, k.change::text]
           FROM ends AS k WHERE k.is_first ORDER BY k.block_number DESC, k.log_index DESC, k.batch_index DESC LIMIT 1
       ) AS first_key,
       (
           SELECT ARRAY[k.block_number::text, k.log_index::text, k.batch_index::text, k.balance::text, k.change::text]
           FROM ends AS k WHERE k.is_last ORDER BY k.block_number, k.log_index, k.batch_index LIMIT 1
       ) AS last_key,
       (
           SELECT coalesce(json_agg(json_build_object(
               'block_number', r.block_number,
               'log_index', r.log_index,
               'batch_index', r.batch_index,
               'transaction_index', r.transaction_index,
               'transaction_hash', '0x' || encode(x.hash, 'hex'),
               'timestamp', x.timestamp,
               'direction', CASE r.roles WHEN 1 THEN 'out' WHEN 2 THEN 'in' ELSE 'self' END,
               'counterparty', '0x' || encode(CASE r.roles WHEN 2 THEN r.from_address ELSE r.to_address END, 'hex'),
               'amount', r.amount::text,
               'change', r.change::text,
               'balance', r.balance::text,
               'final', r.block_number <= coalesce(t.finalized_number, -1)
           ) ORDER BY r.block_number DESC, r.log_index DESC, r.batch_index DESC), '[]')
           FROM balanced AS r
           CROSS JOIN LATERAL (
               SELECT x.hash, x.timestamp FROM chain.transactions AS x
               WHERE x.block_number = r.block_number AND x.transaction_index = r.transaction_index
                 AND ($13::bigint[] IS NULL OR x.block_number = ANY ($13::bigint[]))
              AND x.block_number BETWEEN coalesce(($13::bigint[])[1], 0) AND coalesce(($13::bigint[])[cardinality($13::bigint[])], 9223372036854775807)
               LIMIT 1
           ) AS x
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'address_token_transfers'
LEFT JOIN chain.derivations AS b ON b.derivation = 'token_balances'
CROSS JOIN counted AS c;
