-- name: select_network_stats :one
-- What goes on at the head, in the newest hours and days, and in all derived blocks.
-- $1 lowest and $2 highest block that the pace at the head is taken from
WITH sums AS (
    SELECT s.span, json_build_object(
               'from', min(n.bucket),
               'blocks', coalesce(sum(n.blocks), 0),
               'transactions', coalesce(sum(n.transactions), 0),
               'failed_transactions', coalesce(sum(n.failed_transactions), 0),
               'gas_used', coalesce(sum(n.gas_used), 0),
               'fees', coalesce(sum(n.fees), 0)::text,
               'token_transfers', coalesce(sum(n.token_transfers), 0),
               'contracts_created', coalesce(sum(n.contracts_created), 0),
               'new_addresses', coalesce(sum(n.new_addresses), 0),
               'active_addresses', CASE WHEN count(*) = 1 THEN max(n.active_addresses) END,
               'mean_block_time_s', round(sum(n.interval_s_sum) / nullif(sum(n.intervals), 0), 3)
           ) AS figures
    FROM (
        SELECT 'this_hour' AS span, h.* FROM (SELECT * FROM chain.network_hourly ORDER BY bucket DESC LIMIT 1) AS h
        UNION ALL
        SELECT 'last_hour', h.* FROM (SELECT * FROM chain.network_hourly ORDER BY bucket DESC OFFSET 1 LIMIT 1) AS h
        UNION ALL
        SELECT 'last_24_hours', h.* FROM chain.network_hourly AS h
        WHERE h.bucket > (SELECT max(x.bucket) FROM chain.network_hourly AS x) - interval '24 hours'
        UNION ALL
        SELECT 'today', h.* FROM (SELECT * FROM chain.network_daily ORDER BY bucket DESC LIMIT 1) AS h
        UNION ALL
        SELECT 'total', h.* FROM chain.network_daily AS h
    ) AS n
    JOIN (VALUES ('this_hour'), ('last_hour'), ('last_24_hours'), ('today'), ('total')) AS s (span) USING (span)
    GROUP BY s.span
), pace AS (
    SELECT count(*) AS blocks, max(b.timestamp) AS newest,
           extract(epoch FROM max(b.timestamp) - min(b.timestamp)) AS seconds,
           sum(b.transaction_count) FILTER (WHERE b.number > $1::bigint) AS transactions,
           sum(b.gas_used)::numeric AS gas_used, sum(b.gas_limit)::numeric AS gas_limit
    FROM chain.blocks AS b
    WHERE b.number BETWEEN $1::bigint AND $2::bigint
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       json_build_object(
           'chain_id', t.chain_id::text,
           'consensus', t.consensus,
           'head_number', t.head_number,
           'head_timestamp', p.newest,
           'finalized_number', t.finalized_number,
           'block_time_s', round(p.seconds / nullif(p.blocks - 1, 0), 3),
           'transactions_per_second', round(p.transactions / nullif(p.seconds, 0), 3),
           'gas_used_ratio', round(p.gas_used / nullif(p.gas_limit, 0), 6),
           'this_hour', (SELECT s.figures FROM sums AS s WHERE s.span = 'this_hour'),
           'last_hour', (SELECT s.figures FROM sums AS s WHERE s.span = 'last_hour'),
           'last_24_hours', (SELECT s.figures FROM sums AS s WHERE s.span = 'last_24_hours'),
           'today', (SELECT s.figures FROM sums AS s WHERE s.span = 'today'),
           'total', (SELECT s.figures FROM sums AS s WHERE s.span = 'total')
       )::text AS data
FROM chain.tip AS t
CROSS JOIN pace AS p
LEFT JOIN chain.derivations AS d ON d.derivation = 'addresses';

-- name: select_network_chart :one
-- One figure of the network for each hour or day, oldest first.
-- $1 figure, $2 'hour' or 'day', $3 first time, or null: $5 before the last, $4 time after the last, or null: after the newest, $5 span
WITH newest AS (
    SELECT CASE $2::text WHEN 'hour' THEN (SELECT max(bucket) FROM chain.network_hourly)
           ELSE (SELECT max(bucket) FROM chain.network_daily) END AS bucket
), until AS (
    SELECT coalesce($4::timestamptz, n.bucket + ('1 ' || $2::text)::interval) AS time FROM newest AS n
), since AS (
    SELECT date_trunc($2::text, coalesce($3::timestamptz, u.time - $5::interval), 'UTC') AS time FROM until AS u
), buckets AS (
    (
        SELECT n.* FROM chain.network_hourly AS n
        WHERE $2::text = 'hour' AND n.bucket >= (SELECT s.time FROM since AS s) AND n.bucket < (SELECT u.time FROM until AS u)
    )
    UNION ALL
    (
        SELECT n.* FROM chain.network_daily AS n
        WHERE $2::text = 'day' AND n.bucket >= (SELECT s.time FROM since AS s) AND n.bucket < (SELECT u.time FROM until AS u)
    )
), points AS (
    SELECT b.bucket, b.last_block, CASE $1::text
               WHEN 'blocks' THEN b.blocks::numeric
               WHEN 'transactions' THEN b.transactions::numeric
               WHEN 'failed_transactions' THEN b.failed_transactions::numeric
               WHEN 'gas_used' THEN b.gas_used
               WHEN 'gas_used_ratio' THEN round(b.gas_used / nullif(b.gas_limit, 0), 6)
               WHEN 'fees' THEN b.fees
               WHEN 'contracts_created' THEN b.contracts_created::numeric
               WHEN 'token_transfers' THEN b.token_transfers::numeric
               WHEN 'active_addresses' THEN b.active_addresses::numeric
               WHEN 'new_addresses' THEN b.new_addresses::numeric
               WHEN 'mean_block_time_s' THEN round(b.mean_block_time_s, 3)
               WHEN 'max_block_time_s' THEN b.interval_s_max
           END AS value
    FROM buckets AS b
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (SELECT n.bucket FROM newest AS n) AS newest,
       (SELECT max(p.last_block) FROM points AS p) AS last_block,
       json_build_object(
           'figure', $1::text,
           'interval', $2::text,
           'from', (SELECT s.time FROM since AS s),
           'to', (SELECT u.time FROM until AS u),
           'points', (
               SELECT coalesce(json_agg(json_build_object(
                   'time', p.bucket,
                   'value', CASE WHEN $1::text = 'fees' THEN to_json(p.value::text) ELSE to_json(p.value) END
               ) ORDER BY p.bucket), '[]')
               FROM points AS p
           )
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'addresses';

-- name: select_reorgs :one
-- A page of reorgs, newest first.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 id of the cursor
WITH found AS (
    (
        SELECT x.* FROM chain.reorgs AS x
        WHERE NOT $2::boolean AND ($4::bigint IS NULL OR x.id < $4::bigint)
        ORDER BY x.id DESC LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT x.* FROM chain.reorgs AS x
        WHERE $2::boolean AND x.id > $4::bigint
        ORDER BY x.id LIMIT $1::integer + 1
    )
), placed AS (
    SELECT f.*, row_number() OVER (ORDER BY CASE WHEN $2::boolean THEN f.id ELSE -f.id END) AS place
    FROM found AS f
), rows AS (
    SELECT * FROM placed WHERE place <= $1::integer
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       (SELECT min(x.ancestor_number) FROM chain.reorgs AS x WHERE x.sequence > $3::bigint) AS reorged_to,
       (SELECT count(*) FROM found) > $1::integer AS more,
       (SELECT ARRAY[max(id)::text] FROM rows HAVING count(*) > 0) AS first_key,
       (SELECT ARRAY[min(id)::text] FROM rows HAVING count(*) > 0) AS last_key,
       (
           SELECT coalesce(json_agg(json_build_object(
               'id', r.id,
               'sequence', r.sequence,
               'detected_at', r.detected_at,
               'ancestor_number', r.ancestor_number,
               'ancestor_hash', '0x' || encode(r.ancestor_hash, 'hex'),
               'old_head_number', r.old_head_number,
               'old_head_hash', '0x' || encode(r.old_head_hash, 'hex'),
               'new_head_number', r.new_head_number,
               'new_head_hash', '0x' || encode(r.new_head_hash, 'hex'),
               'depth', r.depth,
               'transactions_removed', r.transactions_removed
           ) ORDER BY r.id DESC), '[]')
           FROM rows AS r
       )::text AS data
FROM chain.tip AS t;

-- name: select_finality :one
-- How far blocks are final, and the reorg that was last.
-- no parameters
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       json_build_object(
           'consensus', t.consensus,
           'head_number', t.head_number,
           'finalized_number', t.finalized_number,
           'blocks_pending', t.head_number - t.finalized_number,
           'last_reorg_at', x.detected_at,
           'last_reorg_depth', x.depth
       )::text AS data
FROM chain.tip AS t
LEFT JOIN LATERAL (SELECT r.detected_at, r.depth FROM chain.reorgs AS r ORDER BY r.id DESC LIMIT 1) AS x ON true;

-- name: select_indexing :one
-- What is indexed, missing, derived, set aside and verified; of ranges and blocks the highest.
-- $1 how many ranges and blocks at most
WITH ranges AS (
    SELECT lower(c.blocks) AS first, upper(c.blocks) - 1 AS last FROM chain.coverage AS c
    ORDER BY c.blocks DESC LIMIT $1::integer
), gaps AS (
    SELECT lag(r.last) OVER (ORDER BY r.first) + 1 AS first, r.first - 1 AS last FROM ranges AS r
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       json_build_object(
           'indexed', (
               SELECT coalesce(json_agg(json_build_object('from_block', r.first, 'to_block', r.last) ORDER BY r.first), '[]')
               FROM ranges AS r
           ),
           'gaps', (
               SELECT coalesce(json_agg(json_build_object('from_block', g.first, 'to_block', g.last) ORDER BY g.first), '[]')
               FROM gaps AS g WHERE g.first IS NOT NULL
           ),
           'derivations', (
               SELECT coalesce(json_agg(json_build_object(
                   'name', d.derivation,
                   'from_block', d.first_block,
                   'to_block', CASE WHEN d.derived_to >= d.first_block THEN d.derived_to END,
                   'lag_blocks', greatest(0, t.head_number - d.derived_to)
               ) ORDER BY d.derivation), '[]')
               FROM chain.derivations AS d
           ),
           'quarantined', (
               SELECT coalesce(json_agg(json_build_object(
                   'number', q.number, 'kind', q.kind, 'attempts', q.attempts,
                   'first_seen_at', q.first_seen_at, 'last_seen_at', q.last_seen_at
               ) ORDER BY q.number), '[]')
               FROM (SELECT * FROM chain.quarantined_blocks ORDER BY number DESC LIMIT $1::integer) AS q
           ),
           'verification', (
               SELECT json_build_object(
                   'from_block', v.first_block,
                   'to_block', CASE WHEN v.verified_to >= v.first_block THEN v.verified_to END,
                   'sound', v.difference IS NULL,
                   'checked_at', v.checked_at
               )
               FROM chain.verification AS v
           ),
           'head_committed_at', (SELECT o.created_at FROM chain.outbox AS o WHERE o.sequence = t.outbox_sequence)
       )::text AS data
FROM chain.tip AS t;
