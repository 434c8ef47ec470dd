-- name: select_transactions :one
-- A page of transactions of blocks $6 to $7, newest first.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 its block, $5 its index, $6 lowest block looked at, $7 highest, $8 whether the list ends there, $9 status or null, $10 whether it creates a contract, or null
WITH found AS (
    (
        SELECT x.* FROM chain.transactions AS x
        WHERE NOT $2::boolean AND x.block_number BETWEEN $6::bigint AND $7::bigint
          AND (x.block_number, x.transaction_index) < (coalesce($4::bigint, 9223372036854775807), coalesce($5::integer, 0))
          AND ($9::smallint IS NULL OR x.status = $9::smallint)
          AND ($10::boolean IS NULL OR (x.to_address IS NULL) = $10::boolean)
        ORDER BY x.block_number DESC, x.transaction_index DESC LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT x.* FROM chain.transactions AS x
        WHERE $2::boolean AND x.block_number BETWEEN $6::bigint AND $7::bigint
          AND (x.block_number, x.transaction_index) > ($4::bigint, $5::integer)
          AND ($9::smallint IS NULL OR x.status = $9::smallint)
          AND ($10::boolean IS NULL OR (x.to_address IS NULL) = $10::boolean)
        ORDER BY x.block_number, x.transaction_index LIMIT $1::integer + 1
    )
), placed AS (
    SELECT f.*,
           CASE WHEN $2::boolean THEN row_number() OVER (ORDER BY f.block_number, f.transaction_index)
           ELSE row_number() OVER (ORDER BY f.block_number DESC, f.transaction_index DESC) END AS place
    FROM found AS f
), rows AS (
    SELECT * FROM placed WHERE place <= $1::integer
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
           (SELECT ARRAY[block_number::text, transaction_index::text] FROM rows ORDER BY block_number DESC, transaction_index DESC LIMIT 1),
           CASE WHEN NOT $2::boolean AND $4::bigint IS NOT NULL THEN ARRAY[$4::bigint::text, ($5::integer - 1)::text] END)
       END AS first_key,
       CASE WHEN NOT $2::boolean AND NOT c.is_full AND NOT $8::boolean THEN ARRAY[$6::bigint::text, '0']
       ELSE coalesce(
           (SELECT ARRAY[block_number::text, transaction_index::text] FROM rows ORDER BY block_number, transaction_index LIMIT 1),
           CASE WHEN $2::boolean THEN ARRAY[$4::bigint::text, least($5::bigint + 1, 2147483647)::text] END)
       END AS last_key,
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
                   SELECT d.name FROM chain.decoded_calls AS d
                   WHERE d.block_number = r.block_number AND d.transaction_index = r.transaction_index
                     AND d.block_number BETWEEN $6::bigint AND $7::bigint
               ),
               'log_count', r.log_count,
               'final', r.block_number <= coalesce(t.finalized_number, -1)
           ) ORDER BY r.block_number DESC, r.transaction_index DESC), '[]')
           FROM rows AS r
       )::text AS data
FROM chain.tip AS t
CROSS JOIN counted AS c;

-- name: select_hour_with :one
-- The highest block, up to $1, that can hold what a filter wants by the hours that are derived.
-- $1 block, $2 whether a failed transaction is wanted, $3 whether one that creates a contract
SELECT t.outbox_sequence AS sequence,
       CASE WHEN d.derived_to >= least($1::bigint, t.head_number) THEN coalesce((
           SELECT least(h.last_block, $1::bigint) FROM chain.network_hourly AS h
           WHERE h.first_block <= $1::bigint
             -- contracts_created leaves out those that failed.
             AND (h.failed_transactions > 0 OR ($3::boolean AND NOT $2::boolean AND h.contracts_created > 0))
           ORDER BY h.bucket DESC LIMIT 1
       ), d.first_block - 1) ELSE $1::bigint END AS highest
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'addresses';

-- name: select_transaction_location :value
-- The block of a transaction by its hash.
-- $1 hash
SELECT block_number FROM chain.transaction_locations WHERE hash = $1::bytea;

-- name: select_transaction :one
-- One transaction with its receipt and what it did; `data` is null where no indexed block holds it.
-- $1 hash, $2 its block as far as is known, -1 for none, null where facts are no hypertables; $3 rows of each list in it
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       w.block_number,
       coalesce(w.block_number, -1) = coalesce($2::bigint, w.block_number, -1) AS holds,
       x.data
FROM chain.tip AS t
LEFT JOIN chain.transaction_locations AS w ON w.hash = $1::bytea
LEFT JOIN LATERAL (
    SELECT json_build_object(
        'state', 'indexed',
        'hash', '0x' || encode(r.hash, 'hex'),
        'block_number', r.block_number,
        'block_hash', '0x' || encode(b.hash, 'hex'),
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
        'method', d.name,
        'log_count', r.log_count,
        'final', r.block_number <= coalesce(t.finalized_number, -1),
        'input', '0x' || encode(r.input, 'hex'),
        'gas_price', r.gas_price::text,
        'max_fee_per_gas', r.max_fee_per_gas::text,
        'max_priority_fee_per_gas', r.max_priority_fee_per_gas::text,
        'max_fee_per_blob_gas', r.max_fee_per_blob_gas::text,
        'base_fee_per_gas', b.base_fee_per_gas::text,
        'chain_id', r.chain_id::text,
        'v', r.v::text,
        'r', '0x' || encode(r.r, 'hex'),
        's', '0x' || encode(r.s, 'hex'),
        'access_list', r.access_list,
        'blob_versioned_hashes', CASE WHEN r.blob_versioned_hashes IS NOT NULL THEN
            ARRAY(SELECT '0x' || encode(u.hash, 'hex') FROM unnest(r.blob_versioned_hashes) WITH ORDINALITY AS u (hash, place)
                  ORDER BY u.place) END,
        'authorization_list', r.authorization_list,
        'extra', r.extra,
        'root', '0x' || encode(r.root, 'hex'),
        'cumulative_gas_used', r.cumulative_gas_used,
        'blob_gas_used', r.blob_gas_used,
        'blob_gas_price', r.blob_gas_price::text,
        'revert_reason', '0x' || encode(r.revert_reason, 'hex'),
        'call', CASE WHEN d.name IS NOT NULL THEN json_build_object(
            'abi', d.abi, 'name', d.name, 'signature', d.signature, 'arguments', d.arguments,
            'undecodable', d.undecodable) END,
        'error', CASE WHEN num_nonnulls(d.error_name, d.error_reason, d.error_undecodable) > 0 THEN json_build_object(
            'name', d.error_name, 'signature', d.error_signature, 'arguments', d.error_arguments,
            'reason', d.error_reason, 'undecodable', d.error_undecodable) END,
        'logs', (
            SELECT coalesce(json_agg(json_build_object(
                'block_number', l.block_number,
                'log_index', l.log_index,
                'transaction_index', l.transaction_index,
                'transaction_hash', '0x' || encode(r.hash, 'hex'),
                'timestamp', r.timestamp,
                'address', '0x' || encode(l.address, 'hex'),
                'topics', array_remove(ARRAY['0x' || encode(l.topic0, 'hex'), '0x' || encode(l.topic1, 'hex'),
                                             '0x' || encode(l.topic2, 'hex'), '0x' || encode(l.topic3, 'hex')], NULL),
                'data', '0x' || encode(l.data, 'hex'),
                'event', CASE WHEN e.name IS NOT NULL THEN json_build_object(
                    'abi', e.abi, 'name', e.name, 'signature', e.signature, 'arguments', e.arguments,
                    'undecodable', e.undecodable) END,
                'final', l.block_number <= coalesce(t.finalized_number, -1)
            ) ORDER BY l.log_index), '[]')
            FROM (
                SELECT l.* FROM chain.logs AS l
                WHERE l.block_number = coalesce($2::bigint, w.block_number) AND l.transaction_index = r.transaction_index
                ORDER BY l.log_index LIMIT $3::integer
            ) AS l
            LEFT JOIN LATERAL (
                SELECT v.* FROM chain.decoded_events AS v
                WHERE v.block_number = coalesce($2::bigint, w.block_number) AND v.log_index = l.log_index
                LIMIT 1
            ) AS e ON true
        ),
        'token_transfers', (
            SELECT coalesce(json_agg(json_build_object(
                'block_number', m.block_number,
                'log_index', m.log_index,
                'batch_index', m.batch_index,
                'transaction_index', m.transaction_index,
                'transaction_hash', '0x' || encode(r.hash, 'hex'),
                'timestamp', r.timestamp,
                'token', json_build_object(
                    'address', '0x' || encode(m.token, 'hex'), 'name', n.name, 'symbol', n.symbol, 'decimals', n.decimals),
                'standard', 'ERC-' || m.standard,
                'operator', '0x' || encode(m.operator, 'hex'),
                'from_address', '0x' || encode(m.from_address, 'hex'),
                'to_address', '0x' || encode(m.to_address, 'hex'),
                'token_id', m.token_id::text,
                'amount', m.amount::text,
                'final', m.block_number <= coalesce(t.finalized_number, -1)
            ) ORDER BY m.log_index, m.batch_index), '[]')
            FROM (
                SELECT m.* FROM chain.token_transfers AS m
                WHERE m.block_number = coalesce($2::bigint, w.block_number) AND m.transaction_index = r.transaction_index
                ORDER BY m.log_index, m.batch_index LIMIT $3::integer
            ) AS m
            LEFT JOIN chain.token_metadata AS n ON n.token = m.token
        ),
        'internal_transfers', CASE WHEN EXISTS (
            SELECT FROM chain.traced_blocks AS k WHERE k.block_number = r.block_number AND k.state = 'traced'
        ) THEN (
            SELECT coalesce(json_agg(json_build_object(
                'block_number', i.block_number,
                'transaction_index', i.transaction_index,
                'trace_address', i.trace_address,
                'transaction_hash', '0x' || encode(r.hash, 'hex'),
                'timestamp', r.timestamp,
                'type', i.type,
                'from_address', '0x' || encode(i.from_address, 'hex'),
                'to_address', '0x' || encode(i.to_address, 'hex'),
                'value', i.value::text,
                'gas_used', i.gas_used,
                'error', i.error,
                'final', i.block_number <= coalesce(t.finalized_number, -1)
            ) ORDER BY i.trace_address), '[]')
            FROM (
                SELECT i.* FROM chain.internal_transfers AS i
                WHERE i.block_number = coalesce($2::bigint, w.block_number) AND i.transaction_index = r.transaction_index
                ORDER BY i.trace_address LIMIT $3::integer
            ) AS i
        ) END
    )::text AS data
    FROM (
        SELECT v.* FROM chain.transactions AS v
        WHERE v.block_number = coalesce($2::bigint, w.block_number) AND v.transaction_index = w.transaction_index
          AND v.hash = $1::bytea
        LIMIT 1
    ) AS r
    CROSS JOIN LATERAL (
        SELECT v.* FROM chain.blocks AS v WHERE v.number = coalesce($2::bigint, w.block_number) LIMIT 1
    ) AS b
    LEFT JOIN LATERAL (
        SELECT v.* FROM chain.decoded_calls AS v
        WHERE v.block_number = coalesce($2::bigint, w.block_number) AND v.transaction_index = r.transaction_index
        LIMIT 1
    ) AS d ON true
) AS x ON true;

-- name: select_pending_transaction :one
-- What the node says of a transaction, beside where the chain is.
-- $1 the answer as JSON text
SELECT outbox_sequence AS sequence, head_number, head_hash, finalized_number, $1::text AS data
FROM chain.tip;

-- name: select_pending_transactions :one
-- What the node says is pending, but for what an indexed block holds already.
-- $1 limit, $2 the answers as a JSON array with their hashes
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       (
           SELECT coalesce(json_agg(p.answer ORDER BY p.place), '[]')
           FROM (
               SELECT a.answer, a.place
               FROM json_array_elements($2::text::json) WITH ORDINALITY AS a (answer, place)
               WHERE NOT EXISTS (
                   SELECT FROM chain.transaction_locations AS w
                   WHERE w.hash = decode(substring(a.answer ->> 'hash' FROM 3), 'hex')
               )
               ORDER BY a.place LIMIT $1::integer
           ) AS p
       )::text AS data
FROM chain.tip AS t;
