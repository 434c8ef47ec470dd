-- name: select_validator_set :one
-- Who may agree on a block, and since when; `data` is null where there is no set, as on networks without validators.
-- $1 block number, or null: the highest block that is derived
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       coalesce($1::bigint, d.derived_to) AS block_number,
       (
           SELECT json_build_object(
               'block_number', coalesce($1::bigint, d.derived_to),
               'from_block', v.from_block,
               'validators', CASE WHEN v.validators IS NOT NULL THEN ARRAY(
                   SELECT '0x' || encode(x.address, 'hex') FROM unnest(v.validators) WITH ORDINALITY AS x (address, place)
                   ORDER BY x.place) END,
               'added', CASE WHEN v.added IS NOT NULL THEN ARRAY(
                   SELECT '0x' || encode(x.address, 'hex') FROM unnest(v.added) WITH ORDINALITY AS x (address, place)
                   ORDER BY x.place) END,
               'removed', CASE WHEN v.removed IS NOT NULL THEN ARRAY(
                   SELECT '0x' || encode(x.address, 'hex') FROM unnest(v.removed) WITH ORDINALITY AS x (address, place)
                   ORDER BY x.place) END,
               'consensus', t.consensus
           )
           FROM chain.validators AS v
           WHERE v.from_block <= coalesce($1::bigint, d.derived_to)
           ORDER BY v.from_block DESC
           LIMIT 1
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'consensus_rounds';

-- name: select_validator :one
-- What one validator is and did lately; `data` is null for an address that never was one.
-- $1 address
WITH latest AS (
    SELECT max(h.hour) AS hour FROM chain.validator_hourly AS h
), recent AS (
    SELECT h.* FROM chain.validator_hourly AS h, latest AS l
    WHERE h.hour > l.hour - interval '30 days' AND h.validator = $1::bytea
), spans AS (
    SELECT s.span, json_build_object(
               'blocks_proposed', coalesce(sum(r.blocks_proposed), 0),
               'proposals_missed', coalesce(sum(r.proposals_missed), 0),
               'blocks_sealed', coalesce(sum(r.blocks_sealed), 0),
               'blocks_in_set', coalesce(sum(r.blocks_in_set), 0),
               'rounds_above_zero', coalesce(sum(r.rounds_above_zero), 0)
           ) AS duty
    FROM (VALUES ('day', interval '1 day'), ('month', interval '30 days')) AS s (span, length)
    CROSS JOIN latest AS l
    LEFT JOIN recent AS r ON r.hour > l.hour - s.length
    GROUP BY s.span
), found AS (
    SELECT (SELECT min(r.block_number) FROM chain.consensus_rounds AS r WHERE r.proposer = $1::bytea) AS first_proposed,
           (SELECT max(r.block_number) FROM chain.consensus_rounds AS r WHERE r.proposer = $1::bytea) AS last_proposed,
           (SELECT min(v.from_block) FROM chain.validators AS v WHERE $1::bytea = ANY (v.validators)) AS first_in_set,
           (SELECT $1::bytea = ANY (v.validators) FROM chain.validators AS v ORDER BY v.from_block DESC LIMIT 1) AS is_validator
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       CASE WHEN num_nonnulls(f.first_proposed, f.first_in_set) > 0 OR EXISTS (SELECT FROM recent)
       THEN json_build_object(
           'address', '0x' || encode($1::bytea, 'hex'),
           'is_validator', f.is_validator,
           'first_in_set', f.first_in_set,
           'first_proposed', f.first_proposed,
           'last_proposed', f.last_proposed,
           'last_day', (SELECT s.duty FROM spans AS s WHERE s.span = 'day'),
           'last_30_days', (SELECT s.duty FROM spans AS s WHERE s.span = 'month')
       ) END::text AS data
FROM chain.tip AS t
CROSS JOIN found AS f
LEFT JOIN chain.derivations AS d ON d.derivation = 'validator_hourly';

-- name: select_validator_uptime :one
-- What one validator did in each hour or day in which it did or missed anything, oldest first.
-- $1 address, $2 'hour' or 'day', $3 first time, or null: $5 before the last, $4 time after the last, or null: after the newest hour, $5 span
WITH asked AS (
    SELECT coalesce($3::timestamptz, b.until - $5::interval) AS since, b.until
    FROM (
        SELECT coalesce($4::timestamptz, (
                   SELECT date_trunc($2::text, max(h.hour), 'UTC') + ('1 ' || $2::text)::interval
                   FROM chain.validator_hourly AS h
               )) AS until
    ) AS b
), points AS (
    SELECT date_trunc($2::text, h.hour, 'UTC') AS time,
           sum(h.blocks_proposed) AS blocks_proposed, sum(h.proposals_missed) AS proposals_missed,
           sum(h.blocks_sealed) AS blocks_sealed, sum(h.blocks_in_set) AS blocks_in_set,
           sum(h.rounds_above_zero) AS rounds_above_zero
    FROM chain.validator_hourly AS h
    WHERE h.validator = $1::bytea
      AND h.hour >= (SELECT date_trunc($2::text, a.since, 'UTC') FROM asked AS a)
      AND h.hour < (SELECT a.until FROM asked AS a)
    GROUP BY 1
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (SELECT max(h.hour) FROM chain.validator_hourly AS h) AS newest,
       (SELECT n.last_block FROM chain.network_hourly AS n WHERE n.bucket < $4::timestamptz
        ORDER BY n.bucket DESC LIMIT 1) AS last_block,
       json_build_object(
           'address', '0x' || encode($1::bytea, 'hex'),
           'interval', $2::text,
           'from', (SELECT a.since FROM asked AS a),
           'to', (SELECT a.until FROM asked AS a),
           'points', (
               SELECT coalesce(json_agg(json_build_object(
                   'time', p.time,
                   'blocks_proposed', p.blocks_proposed,
                   'proposals_missed', p.proposals_missed,
                   'blocks_sealed', p.blocks_sealed,
                   'blocks_in_set', p.blocks_in_set,
                   'rounds_above_zero', p.rounds_above_zero
               ) ORDER BY p.time), '[]')
               FROM points AS p
           )
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'validator_hourly';

-- name: select_agreed_block_numbers :value
-- Which blocks a page of blocks of one proposer, or of blocks that took more than one round, lies in.
-- $1 limit, $2 backward, $3 number of the cursor, $4 proposer, or null: blocks above round 0
SELECT array_agg(f.block_number)
FROM (
    (
        SELECT r.block_number FROM chain.consensus_rounds AS r
        WHERE $4::bytea IS NOT NULL AND r.proposer = $4::bytea AND NOT $2::boolean
          AND ($3::bigint IS NULL OR r.block_number < $3::bigint)
        ORDER BY r.block_number DESC LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT r.block_number FROM chain.consensus_rounds AS r
        WHERE $4::bytea IS NOT NULL AND r.proposer = $4::bytea AND $2::boolean AND r.block_number > $3::bigint
        ORDER BY r.block_number LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT r.block_number FROM chain.consensus_rounds AS r
        WHERE $4::bytea IS NULL AND r.round > 0 AND NOT $2::boolean
          AND ($3::bigint IS NULL OR r.block_number < $3::bigint)
        ORDER BY r.block_number DESC LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT r.block_number FROM chain.consensus_rounds AS r
        WHERE $4::bytea IS NULL AND r.round > 0 AND $2::boolean AND r.block_number > $3::bigint
        ORDER BY r.block_number LIMIT $1::integer + 1
    )
) AS f;

-- name: select_agreed_blocks :one
-- A page of blocks of one proposer, or of blocks that took more than one round, newest first, and how each was agreed on.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 number of the cursor, $5 proposer, or null: blocks above round 0, $6 where the page is thought to lie
WITH found AS (
    (
        SELECT r.* FROM chain.consensus_rounds AS r
        WHERE $5::bytea IS NOT NULL AND r.proposer = $5::bytea AND NOT $2::boolean
          AND ($4::bigint IS NULL OR r.block_number < $4::bigint)
        ORDER BY r.block_number DESC LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT r.* FROM chain.consensus_rounds AS r
        WHERE $5::bytea IS NOT NULL AND r.proposer = $5::bytea AND $2::boolean AND r.block_number > $4::bigint
        ORDER BY r.block_number LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT r.* FROM chain.consensus_rounds AS r
        WHERE $5::bytea IS NULL AND r.round > 0 AND NOT $2::boolean
          AND ($4::bigint IS NULL OR r.block_number < $4::bigint)
        ORDER BY r.block_number DESC LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT r.* FROM chain.consensus_rounds AS r
        WHERE $5::bytea IS NULL AND r.round > 0 AND $2::boolean AND r.block_number > $4::bigint
        ORDER BY r.block_number LIMIT $1::integer + 1
    )
), placed AS (
    SELECT f.*,
           row_number() OVER (ORDER BY CASE WHEN $2::boolean THEN f.block_number ELSE -f.block_number END) AS place
    FROM found AS f
), rows AS (
    SELECT * FROM placed WHERE place <= $1::integer
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (SELECT min(x.ancestor_number) FROM chain.reorgs AS x WHERE x.sequence > $3::bigint) AS reorged_to,
       NOT EXISTS (SELECT FROM rows AS r WHERE r.block_number <> ALL ($6::bigint[])) AS hint_holds,
       (SELECT count(*) FROM found) > $1::integer AS more,
       (SELECT ARRAY[max(block_number)::text] FROM rows HAVING count(*) > 0) AS first_key,
       (SELECT ARRAY[min(block_number)::text] FROM rows HAVING count(*) > 0) AS last_key,
       (
           SELECT coalesce(json_agg(json_build_object(
               'number', r.block_number,
               'hash', '0x' || encode(b.hash, 'hex'),
               'timestamp', b.timestamp,
               'transaction_count', b.transaction_count,
               'gas_used', b.gas_used,
               'proposer', '0x' || encode(r.proposer, 'hex'),
               'round', r.round,
               'committers', ARRAY(
                   SELECT '0x' || encode(x.address, 'hex') FROM unnest(r.committers) WITH ORDINALITY AS x (address, place)
                   ORDER BY x.place),
               'missed', CASE WHEN r.missed IS NOT NULL THEN ARRAY(
                   SELECT '0x' || encode(x.address, 'hex') FROM unnest(r.missed) WITH ORDINALITY AS x (address, place)
                   ORDER BY x.place) END,
               'proven', r.proven,
               'final', r.block_number <= coalesce(t.finalized_number, -1)
           ) ORDER BY r.block_number DESC), '[]')
           FROM rows AS r
           JOIN chain.blocks AS b ON b.number = r.block_number AND b.number = ANY ($6::bigint[])
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'consensus_rounds';
