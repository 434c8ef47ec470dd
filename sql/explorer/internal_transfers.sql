-- name: select_transaction_internal_transfers :one
-- A page of the transfers within one transaction, in the order of their calls; `number` is null where it is not in this block.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 its block, $5 its trace address, $6 block, $7 hash of the transaction
WITH owner AS (
    SELECT x.* FROM chain.transactions AS x WHERE x.block_number = $6::bigint AND x.hash = $7::bytea
), found AS (
    (
        SELECT i.* FROM chain.internal_transfers AS i CROSS JOIN owner AS o
        WHERE NOT (SELECT $2::boolean) AND i.block_number = $6::bigint AND i.transaction_index = o.transaction_index
          AND ($4::bigint IS NULL OR (i.block_number, i.trace_address) > ($4::bigint, $5::integer[]))
        ORDER BY i.trace_address LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT i.* FROM chain.internal_transfers AS i CROSS JOIN owner AS o
        WHERE (SELECT $2::boolean) AND i.block_number = $6::bigint AND i.transaction_index = o.transaction_index
          AND (i.block_number, i.trace_address) < ($4::bigint, $5::integer[])
        ORDER BY i.trace_address DESC LIMIT $1::integer + 1
    )
), rows AS (
    SELECT p.*
    FROM (
        SELECT f.*, CASE WHEN $2::boolean THEN row_number() OVER (ORDER BY f.trace_address DESC)
                    ELSE row_number() OVER (ORDER BY f.trace_address) END AS place
        FROM found AS f
    ) AS p
    WHERE p.place <= $1::integer
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       (SELECT min(o.ancestor_number) FROM chain.reorgs AS o WHERE o.sequence > $3::bigint) AS reorged_to,
       (SELECT o.block_number FROM owner AS o) AS number,
       (SELECT k.state FROM chain.traced_blocks AS k WHERE k.block_number = $6::bigint) AS trace_state,
       (SELECT count(*) FROM found) > $1::integer AS more,
       (SELECT ARRAY[block_number::text, trace_address::text] FROM rows ORDER BY trace_address LIMIT 1) AS first_key,
       (SELECT ARRAY[block_number::text, trace_address::text] FROM rows ORDER BY trace_address DESC LIMIT 1) AS last_key,
       (
           SELECT coalesce(json_agg(json_build_object(
               'block_number', r.block_number,
               'transaction_index', r.transaction_index,
               'trace_address', r.trace_address,
               'transaction_hash', '0x' || encode(x.hash, 'hex'),
               'timestamp', x.timestamp,
               'type', r.type,
               'from_address', '0x' || encode(r.from_address, 'hex'),
               'to_address', '0x' || encode(r.to_address, 'hex'),
               'value', r.value::text,
               'gas_used', r.gas_used,
               'error', r.error,
               'final', r.block_number <= coalesce(t.finalized_number, -1)
           ) ORDER BY r.trace_address), '[]')
           FROM rows AS r
           CROSS JOIN owner AS x
       )::text AS data
FROM chain.tip AS t;

-- name: select_traced_bounds :one
-- The lowest and the highest block whose traces were wanted; nulls where none were.
-- no parameters
SELECT (SELECT min(block_number) FROM chain.traced_blocks) AS lowest,
       (SELECT max(block_number) FROM chain.traced_blocks) AS highest;

-- name: select_address_internal_transfers :one
-- A page of the transfers within the transactions of blocks $7 to $8 that an address sent or received, newest first; complete for those of the blocks that it names.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 its block, $5 its transaction index, $6 its trace address, $7 lowest block looked at, $8 highest, $9 whether the list ends there, $10 address
WITH found AS (
    (
        SELECT i.* FROM chain.internal_transfers AS i
        WHERE NOT $2::boolean AND i.block_number BETWEEN $7::bigint AND $8::bigint
          AND (i.from_address = $10::bytea OR i.to_address = $10::bytea)
          AND (i.block_number, i.transaction_index, i.trace_address)
            < (coalesce($4::bigint, 9223372036854775807), coalesce($5::integer, 0), coalesce($6::integer[], '{}'))
        ORDER BY i.block_number DESC, i.transaction_index DESC, i.trace_address DESC LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT i.* FROM chain.internal_transfers AS i
        WHERE $2::boolean AND i.block_number BETWEEN $7::bigint AND $8::bigint
          AND (i.from_address = $10::bytea OR i.to_address = $10::bytea)
          AND (i.block_number, i.transaction_index, i.trace_address) > ($4::bigint, $5::integer, $6::integer[])
        ORDER BY i.block_number, i.transaction_index, i.trace_address LIMIT $1::integer + 1
    )
), rows AS (
    SELECT p.*
    FROM (
        SELECT f.*,
               CASE WHEN $2::boolean THEN row_number() OVER (ORDER BY f.block_number, f.transaction_index, f.trace_address)
               ELSE row_number() OVER (ORDER BY f.block_number DESC, f.transaction_index DESC, f.trace_address DESC) END AS place
        FROM found AS f
    ) AS p
    WHERE p.place <= $1::integer
), counted AS (
    SELECT count(*) > $1::integer AS is_full FROM found
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       (SELECT min(o.ancestor_number) FROM chain.reorgs AS o WHERE o.sequence > $3::bigint) AS reorged_to,
       greatest($7::bigint, w.first_block, 1 + (
           SELECT max(k.block_number) FROM chain.traced_blocks AS k
           WHERE k.block_number BETWEEN $7::bigint AND least($8::bigint, w.last_block) AND k.state <> 'traced'
       )) AS complete_from,
       least($8::bigint, w.last_block) AS complete_to,
       c.is_full,
       c.is_full OR NOT $9::boolean AS more,
       CASE WHEN $2::boolean AND NOT c.is_full AND NOT $9::boolean THEN ARRAY[$8::bigint::text, '2147483647', '{}']
       -- Of an empty page: back to where it came from, the row of the cursor included.
       ELSE coalesce(
           (SELECT ARRAY[block_number::text, transaction_index::text, trace_address::text] FROM rows
            ORDER BY block_number DESC, transaction_index DESC, trace_address DESC LIMIT 1),
           CASE WHEN NOT $2::boolean AND $4::bigint IS NOT NULL
           THEN ARRAY[$4::bigint::text, ($5::integer - 1)::text, '{999999999}'] END)
       END AS first_key,
       CASE WHEN NOT $2::boolean AND NOT c.is_full AND NOT $9::boolean THEN ARRAY[$7::bigint::text, '0', '{}']
       ELSE coalesce(
           (SELECT ARRAY[block_number::text, transaction_index::text, trace_address::text] FROM rows
            ORDER BY block_number, transaction_index, trace_address LIMIT 1),
           CASE WHEN $2::boolean THEN ARRAY[$4::bigint::text, $5::integer::text, ($6::integer[] || 0)::text] END)
       END AS last_key,
       (
           SELECT coalesce(json_agg(json_build_object(
               'block_number', r.block_number,
               'transaction_index', r.transaction_index,
               'trace_address', r.trace_address,
               'transaction_hash', '0x' || encode(x.hash, 'hex'),
               'timestamp', x.timestamp,
               'type', r.type,
               'from_address', '0x' || encode(r.from_address, 'hex'),
               'to_address', '0x' || encode(r.to_address, 'hex'),
               'value', r.value::text,
               'gas_used', r.gas_used,
               'error', r.error,
               'final', r.block_number <= coalesce(t.finalized_number, -1)
           ) ORDER BY r.block_number DESC, r.transaction_index DESC, r.trace_address DESC), '[]')
           FROM rows AS r
           CROSS JOIN LATERAL (
               SELECT x.hash, x.timestamp FROM chain.transactions AS x
               WHERE x.block_number = r.block_number AND x.transaction_index = r.transaction_index
                 AND x.block_number BETWEEN $7::bigint AND $8::bigint
               LIMIT 1
           ) AS x
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.fetch_progress AS w ON w.fetched = 'internal_transfers'
CROSS JOIN counted AS c;
