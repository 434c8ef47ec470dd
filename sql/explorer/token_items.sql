-- name: select_token_items :one
-- A page of the items of a token that somebody holds, by id, each with its first owners.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 token id of the cursor, $5 token, $6 most owners shown
WITH RECURSIVE upwards AS (
    -- From id to id through the index: however many hold one, it is one step.
    (
        SELECT b.token_id, 1 AS step FROM chain.token_balances AS b
        WHERE NOT $2::boolean AND b.token = $5::bytea AND b.standard <> 20 AND b.balance > 0
          AND b.token_id > coalesce($4::numeric, -1)
        ORDER BY b.token_id LIMIT 1
    )
    UNION ALL
    SELECT b.token_id, u.step + 1
    FROM upwards AS u
    CROSS JOIN LATERAL (
        SELECT b.token_id FROM chain.token_balances AS b
        WHERE b.token = $5::bytea AND b.standard <> 20 AND b.balance > 0 AND b.token_id > u.token_id
        ORDER BY b.token_id LIMIT 1
    ) AS b
    WHERE u.step <= $1::integer
), downwards AS (
    (
        SELECT b.token_id, 1 AS step FROM chain.token_balances AS b
        WHERE $2::boolean AND b.token = $5::bytea AND b.standard <> 20 AND b.balance > 0
          AND b.token_id < coalesce($4::numeric, 'Infinity'::numeric)
        ORDER BY b.token_id DESC LIMIT 1
    )
    UNION ALL
    SELECT b.token_id, u.step + 1
    FROM downwards AS u
    CROSS JOIN LATERAL (
        SELECT b.token_id FROM chain.token_balances AS b
        WHERE b.token = $5::bytea AND b.standard <> 20 AND b.balance > 0 AND b.token_id < u.token_id
        ORDER BY b.token_id DESC LIMIT 1
    ) AS b
    WHERE u.step <= $1::integer
), found AS (
    SELECT * FROM upwards UNION ALL SELECT * FROM downwards
), rows AS (
    SELECT f.token_id FROM found AS f WHERE f.step <= $1::integer
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (SELECT min(x.ancestor_number) FROM chain.reorgs AS x WHERE x.sequence > $3::bigint) AS reorged_to,
       (SELECT count(*) FROM found) > $1::integer AS more,
       (SELECT ARRAY[min(token_id)::text] FROM rows HAVING count(*) > 0) AS first_key,
       (SELECT ARRAY[max(token_id)::text] FROM rows HAVING count(*) > 0) AS last_key,
       EXISTS (SELECT FROM chain.tokens AS k WHERE k.token = $5::bytea AND k.standard <> 20) AS has_items,
       (
           SELECT coalesce(json_agg(json_build_object(
               'token_id', r.token_id::text,
               'standard', i.standard,
               'owners', i.owners,
               'more_owners', i.more_owners
           ) ORDER BY r.token_id), '[]')
           FROM rows AS r
           CROSS JOIN LATERAL (
               SELECT 'ERC-' || min(o.standard) AS standard, count(*) > $6::integer AS more_owners,
                   json_agg(json_build_object(
                       'holder', '0x' || encode(o.holder, 'hex'), 'balance', o.balance::text,
                       'transfer_count', o.transfer_count, 'first_block', o.first_block) ORDER BY o.holder)
                       FILTER (WHERE o.place <= $6::integer) AS owners
               FROM (
                   SELECT b.*, row_number() OVER (ORDER BY b.holder) AS place FROM chain.token_balances AS b
                   WHERE b.token = $5::bytea AND b.token_id = r.token_id AND b.standard <> 20 AND b.balance > 0
                   ORDER BY b.holder LIMIT $6::integer + 1
               ) AS o
           ) AS i
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'token_balances';

-- name: select_token_item :one
-- One item with its first owners; `data` is null where nobody holds it.
-- $1 token, $2 token id, $3 most owners shown
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       CASE WHEN i.owners IS NOT NULL THEN json_build_object(
           'token_id', $2::numeric::text,
           'standard', i.standard,
           'owners', i.owners,
           'more_owners', i.more_owners
       ) END::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'token_balances'
CROSS JOIN LATERAL (
    SELECT 'ERC-' || min(o.standard) AS standard, count(*) > $3::integer AS more_owners,
           json_agg(json_build_object(
                       'holder', '0x' || encode(o.holder, 'hex'), 'balance', o.balance::text,
                       'transfer_count', o.transfer_count, 'first_block', o.first_block) ORDER BY o.holder)
               FILTER (WHERE o.place <= $3::integer) AS owners
    FROM (
        SELECT b.*, row_number() OVER (ORDER BY b.holder) AS place FROM chain.token_balances AS b
        WHERE b.token = $1::bytea AND b.token_id = $2::numeric AND b.standard <> 20 AND b.balance > 0
        ORDER BY b.holder LIMIT $3::integer + 1
    ) AS o
) AS i;

-- name: select_token_item_owners :one
-- A page of the owners of one item, by address.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 holder of the cursor, $5 token, $6 token id
WITH found AS (
    (
        SELECT b.* FROM chain.token_balances AS b
        WHERE NOT $2::boolean AND b.token = $5::bytea AND b.token_id = $6::numeric AND b.standard <> 20
          AND b.balance > 0 AND b.holder > coalesce($4::bytea, '\x'::bytea)
        ORDER BY b.holder LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT b.* FROM chain.token_balances AS b
        WHERE $2::boolean AND b.token = $5::bytea AND b.token_id = $6::numeric AND b.standard <> 20
          AND b.balance > 0 AND b.holder < coalesce($4::bytea, '\x'::bytea)
        ORDER BY b.holder DESC LIMIT $1::integer + 1
    )
), rows AS (
    SELECT p.*
    FROM (
        SELECT f.*, row_number() OVER (ORDER BY f.holder) AS place, count(*) OVER () AS found FROM found AS f
    ) AS p
    WHERE CASE WHEN $2::boolean THEN p.found + 1 - p.place ELSE p.place END <= $1::integer
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (SELECT min(x.ancestor_number) FROM chain.reorgs AS x WHERE x.sequence > $3::bigint) AS reorged_to,
       (SELECT count(*) FROM found) > $1::integer AS more,
       (SELECT ARRAY[encode(holder, 'hex')] FROM rows ORDER BY place LIMIT 1) AS first_key,
       (SELECT ARRAY[encode(holder, 'hex')] FROM rows ORDER BY place DESC LIMIT 1) AS last_key,
       EXISTS (SELECT FROM chain.tokens AS k WHERE k.token = $5::bytea AND k.standard <> 20) AS has_items,
       (
           SELECT coalesce(json_agg(json_build_object(
                       'holder', '0x' || encode(o.holder, 'hex'), 'balance', o.balance::text,
                       'transfer_count', o.transfer_count, 'first_block', o.first_block) ORDER BY o.place), '[]')
           FROM rows AS o
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'token_balances';
