-- name: select_tokens :one
-- A page of tokens, those with the highest figure first.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 figure, $5 address and $6 standard of the cursor, $7 holders, transfers or newest, $8 standard or null
WITH figures AS (
    SELECT k.*, CASE $7::text WHEN 'holders' THEN k.holder_count WHEN 'transfers' THEN k.transfer_count
                ELSE k.first_block END AS figure
    FROM chain.tokens AS k
    WHERE $8::smallint IS NULL OR k.standard = $8::smallint
), found AS (
    (
        SELECT f.* FROM figures AS f
        WHERE NOT $2::boolean
          AND (f.figure, f.token, f.standard) < (coalesce($4::bigint, 9223372036854775807), coalesce($5::bytea, '\x'::bytea), coalesce($6::bigint, 0))
        ORDER BY f.figure DESC, f.token DESC, f.standard DESC LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT f.* FROM figures AS f
        WHERE $2::boolean
          AND (f.figure, f.token, f.standard) > (coalesce($4::bigint, -1), coalesce($5::bytea, '\x'::bytea), coalesce($6::bigint, 0))
        ORDER BY f.figure, f.token, f.standard LIMIT $1::integer + 1
    )
), rows AS (
    SELECT p.*
    FROM (
        SELECT f.*, row_number() OVER (ORDER BY f.figure DESC, f.token DESC, f.standard DESC) AS place, count(*) OVER () AS found
        FROM found AS f
    ) AS p
    WHERE CASE WHEN $2::boolean THEN p.found + 1 - p.place ELSE p.place END <= $1::integer
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (SELECT min(x.ancestor_number) FROM chain.reorgs AS x WHERE x.sequence > $3::bigint) AS reorged_to,
       (SELECT count(*) FROM found) > $1::integer AS more,
       (SELECT ARRAY[figure::text, encode(token, 'hex'), standard::text] FROM rows ORDER BY place LIMIT 1) AS first_key,
       (SELECT ARRAY[figure::text, encode(token, 'hex'), standard::text] FROM rows ORDER BY place DESC LIMIT 1) AS last_key,
       (
           SELECT coalesce(json_agg(json_build_object(
               'address', '0x' || encode(r.token, 'hex'),
               'standard', 'ERC-' || r.standard,
               'name', m.name,
               'symbol', m.symbol,
               'decimals', m.decimals,
               'total_supply', m.total_supply::text,
               'transfer_count', r.transfer_count,
               'holder_count', r.holder_count,
               'minted', r.minted::text,
               'burned', r.burned::text,
               'first_block', r.first_block
           ) ORDER BY r.place), '[]')
           FROM rows AS r
           LEFT JOIN chain.token_metadata AS m ON m.token = r.token
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'token_balances';

-- name: select_token :one
-- One token; `data` is null where the address has moved no token and was not asked as one.
-- $1 token
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       CASE WHEN m.token IS NOT NULL OR s.standards IS NOT NULL THEN json_build_object(
           'address', '0x' || encode($1::bytea, 'hex'),
           'standards', coalesce(s.standards, '[]'),
           'metadata', CASE WHEN m.token IS NOT NULL THEN json_build_object(
               'state', m.state,
               'fault', m.fault,
               'name', m.name,
               'symbol', m.symbol,
               'decimals', m.decimals,
               'total_supply', m.total_supply::text,
               'block_number', m.block_number,
               'block_hash', '0x' || encode(m.block_hash, 'hex'),
               'fetched_at', m.fetched_at
           ) END
       ) END::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'token_balances'
LEFT JOIN chain.token_metadata AS m ON m.token = $1::bytea
CROSS JOIN LATERAL (
    SELECT json_agg(json_build_object(
               'standard', 'ERC-' || k.standard,
               'transfer_count', k.transfer_count,
               'holder_count', k.holder_count,
               'minted', k.minted::text,
               'burned', k.burned::text,
               'first_block', k.first_block
           ) ORDER BY k.standard) AS standards
    FROM chain.tokens AS k
    WHERE k.token = $1::bytea
) AS s;

-- name: select_token_standards :value
-- The standards of a token by the events it has emitted, the lowest first; null: none.
-- $1 token
SELECT array_agg(k.standard ORDER BY k.standard) FROM chain.tokens AS k WHERE k.token = $1::bytea;

-- name: select_token_holders :one
-- A page of the holders of an ERC-20 token, who holds most first.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 balance and $5 holder of the cursor, $6 token
WITH supply AS (
    SELECT nullif(greatest(coalesce(
               (SELECT m.total_supply FROM chain.token_metadata AS m WHERE m.token = $6::bytea),
               (SELECT k.minted - k.burned FROM chain.tokens AS k WHERE k.token = $6::bytea AND k.standard = 20)
           ), 0), 0) AS supply
), found AS (
    (
        SELECT b.* FROM chain.token_balances AS b
        WHERE NOT $2::boolean AND b.token = $6::bytea AND b.standard = 20 AND b.balance > 0
          AND b.balance <= coalesce($4::numeric, 'Infinity'::numeric)
          AND (b.balance < coalesce($4::numeric, 'Infinity'::numeric) OR b.holder > $5::bytea)
        ORDER BY b.balance DESC, b.holder LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT b.* FROM chain.token_balances AS b
        WHERE $2::boolean AND b.token = $6::bytea AND b.standard = 20 AND b.balance > 0
          AND b.balance >= coalesce($4::numeric, 0)
          AND (b.balance > coalesce($4::numeric, 0) OR b.holder < $5::bytea)
        ORDER BY b.balance, b.holder DESC LIMIT $1::integer + 1
    )
), rows AS (
    SELECT p.*
    FROM (
        SELECT f.*, row_number() OVER (ORDER BY f.balance DESC, f.holder) AS place, count(*) OVER () AS found
        FROM found AS f
    ) AS p
    WHERE CASE WHEN $2::boolean THEN p.found + 1 - p.place ELSE p.place END <= $1::integer
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (SELECT min(x.ancestor_number) FROM chain.reorgs AS x WHERE x.sequence > $3::bigint) AS reorged_to,
       (SELECT count(*) FROM found) > $1::integer AS more,
       (SELECT ARRAY[balance::text, encode(holder, 'hex')] FROM rows ORDER BY place LIMIT 1) AS first_key,
       (SELECT ARRAY[balance::text, encode(holder, 'hex')] FROM rows ORDER BY place DESC LIMIT 1) AS last_key,
       (
           SELECT coalesce(json_agg(json_build_object(
               'holder', '0x' || encode(r.holder, 'hex'),
               'token_id', NULL,
               'balance', r.balance::text,
               'share', round(r.balance / s.supply, 8),
               'transfer_count', r.transfer_count,
               'first_block', r.first_block
           ) ORDER BY r.place), '[]')
           FROM rows AS r
           CROSS JOIN supply AS s
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'token_balances';

-- name: select_token_item_holders :one
-- A page of the holders of a token that has items, by address, one row for each item.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 holder and $5 token id of the cursor, $6 token, $7 standard
WITH found AS (
    (
        SELECT b.* FROM chain.token_balances AS b
        WHERE NOT $2::boolean AND b.token = $6::bytea AND b.standard = $7::smallint AND b.balance > 0
          AND (b.holder, b.token_id) > (coalesce($4::bytea, '\x'::bytea), coalesce($5::numeric, -1))
        ORDER BY b.holder, b.token_id LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT b.* FROM chain.token_balances AS b
        WHERE $2::boolean AND b.token = $6::bytea AND b.standard = $7::smallint AND b.balance > 0
          AND (b.holder, b.token_id) < (coalesce($4::bytea, '\x'::bytea), coalesce($5::numeric, -1))
        ORDER BY b.holder DESC, b.token_id DESC LIMIT $1::integer + 1
    )
), rows AS (
    SELECT p.*
    FROM (
        SELECT f.*, row_number() OVER (ORDER BY f.holder, f.token_id) AS place, count(*) OVER () AS found
        FROM found AS f
    ) AS p
    WHERE CASE WHEN $2::boolean THEN p.found + 1 - p.place ELSE p.place END <= $1::integer
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (SELECT min(x.ancestor_number) FROM chain.reorgs AS x WHERE x.sequence > $3::bigint) AS reorged_to,
       (SELECT count(*) FROM found) > $1::integer AS more,
       (SELECT ARRAY[encode(holder, 'hex'), token_id::text] FROM rows ORDER BY place LIMIT 1) AS first_key,
       (SELECT ARRAY[encode(holder, 'hex'), token_id::text] FROM rows ORDER BY place DESC LIMIT 1) AS last_key,
       (
           SELECT coalesce(json_agg(json_build_object(
               'holder', '0x' || encode(r.holder, 'hex'),
               'token_id', r.token_id::text,
               'balance', r.balance::text,
               'share', NULL,
               'transfer_count', r.transfer_count,
               'first_block', r.first_block
           ) ORDER BY r.place), '[]')
           FROM rows AS r
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'token_balances';

-- name: select_transfers_of_token :one
-- Transfers of one token, newest first, found along its logs.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 its block, $5 its log index, $6 lowest block looked at, $7 highest, $8 whether the list ends there, $9 logs looked at, $10 batch index of the cursor, $11 token id or null, $12 token, $13 the id as a 32-byte word or null
WITH scanned AS MATERIALIZED (
    (
        SELECT l.block_number, l.log_index,
               $13::bytea IS NULL OR l.topic3 IS NOT DISTINCT FROM $13::bytea OR substring(l.data FOR 32) = $13::bytea
               OR (octet_length(l.data) > 64 AND position($13::bytea IN l.data) > 0) AS may_match
        FROM chain.logs AS l
        WHERE NOT $2::boolean AND l.address = $12::bytea AND l.block_number BETWEEN $6::bigint AND $7::bigint
          AND (l.block_number, l.log_index) <= (coalesce($4::bigint, 9223372036854775807), coalesce($5::bigint, 0))
        ORDER BY l.block_number DESC, l.log_index DESC LIMIT $9::integer + 1
    )
    UNION ALL
    (
        SELECT l.block_number, l.log_index,
               $13::bytea IS NULL OR l.topic3 IS NOT DISTINCT FROM $13::bytea OR substring(l.data FOR 32) = $13::bytea
               OR (octet_length(l.data) > 64 AND position($13::bytea IN l.data) > 0) AS may_match
        FROM chain.logs AS l
        WHERE $2::boolean AND l.address = $12::bytea AND l.block_number BETWEEN $6::bigint AND $7::bigint
          AND (l.block_number, l.log_index) >= (coalesce($4::bigint, -1), coalesce($5::bigint, 0))
        ORDER BY l.block_number, l.log_index LIMIT $9::integer + 1
    )
), looked AS (
    -- What is taken from the scan comes in its order. An id that a log moved stands somewhere in it.
    SELECT s.* FROM scanned AS s LIMIT $9::integer
), found AS MATERIALIZED (
    SELECT h.*
    FROM looked AS s
    CROSS JOIN LATERAL (
        SELECT h.* FROM chain.token_transfers AS h
        WHERE h.block_number = s.block_number AND h.log_index = s.log_index
          AND h.block_number BETWEEN $6::bigint AND $7::bigint
          AND ($11::numeric IS NULL OR h.token_id = $11::numeric)
          AND CASE WHEN $4::bigint IS NULL THEN true
              WHEN $2::boolean THEN (h.block_number, h.log_index, h.batch_index) > ($4::bigint, $5::bigint, $10::bigint)
              ELSE (h.block_number, h.log_index, h.batch_index) < ($4::bigint, $5::bigint, $10::bigint) END
        ORDER BY CASE WHEN $2::boolean THEN h.batch_index ELSE -h.batch_index END
        LIMIT $1::integer + 1
    ) AS h
    WHERE s.may_match
    LIMIT $1::integer + 1
), rows AS (
    SELECT f.* FROM found AS f LIMIT $1::integer
), counted AS (
    -- Looking further than what fills the page is left out where the page is full.
    SELECT n.is_filled, CASE WHEN n.is_filled THEN false ELSE (SELECT count(*) FROM scanned) > $9::integer END AS is_cut
    FROM (SELECT count(*) > $1::integer AS is_filled FROM found) AS n
), ends AS (
    SELECT c.*,
           CASE WHEN c.is_cut THEN (
               SELECT ARRAY[s.block_number::text, s.log_index::text,
                            CASE WHEN $2::boolean THEN '2147483647' ELSE '0' END] FROM looked AS s
               ORDER BY CASE WHEN $2::boolean THEN -s.block_number ELSE s.block_number END,
                        CASE WHEN $2::boolean THEN -s.log_index ELSE s.log_index END LIMIT 1
           ) WHEN $2::boolean THEN ARRAY[$7::bigint::text, '2147483647', '2147483647'] ELSE ARRAY[$6::bigint::text, '0', '0'] END
               AS edge,
           (SELECT ARRAY[r.block_number::text, r.log_index::text, r.batch_index::text] FROM rows AS r ORDER BY r.block_number DESC, r.log_index DESC, r.batch_index DESC LIMIT 1) AS newest,
           (SELECT ARRAY[r.block_number::text, r.log_index::text, r.batch_index::text] FROM rows AS r ORDER BY r.block_number, r.log_index, r.batch_index LIMIT 1) AS oldest
    FROM counted AS c
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (SELECT min(o.ancestor_number) FROM chain.reorgs AS o WHERE o.sequence > $3::bigint) AS reorged_to,
       EXISTS (SELECT FROM chain.tokens AS k WHERE k.token = $12::bytea) AS is_token,
       n.is_filled OR n.is_cut AS is_full,
       n.is_cut,
       n.is_filled OR n.is_cut OR NOT $8::boolean AS more,
       CASE WHEN $2::boolean AND NOT n.is_filled THEN n.edge ELSE coalesce(n.newest, n.edge) END AS first_key,
       CASE WHEN NOT $2::boolean AND NOT n.is_filled THEN n.edge ELSE coalesce(n.oldest, n.edge) END AS last_key,
       (
           SELECT coalesce(json_agg(json_build_object(
               'block_number', r.block_number,
               'log_index', r.log_index,
               'batch_index', r.batch_index,
               'transaction_index', r.transaction_index,
               'transaction_hash', '0x' || encode(x.hash, 'hex'),
               'timestamp', x.timestamp,
               'token', json_build_object('address', '0x' || encode(r.token, 'hex'), 'name', m.name,
                                          'symbol', m.symbol, 'decimals', m.decimals),
               'standard', 'ERC-' || r.standard,
               'operator', '0x' || encode(r.operator, 'hex'),
               'from_address', '0x' || encode(r.from_address, 'hex'),
               'to_address', '0x' || encode(r.to_address, 'hex'),
               'token_id', r.token_id::text,
               'amount', r.amount::text,
               'final', r.block_number <= coalesce(t.finalized_number, -1)
           ) ORDER BY r.block_number DESC, r.log_index DESC, r.batch_index DESC), '[]')
           FROM rows AS r
           CROSS JOIN LATERAL (
               SELECT x.hash, x.timestamp FROM chain.transactions AS x
               WHERE x.block_number = r.block_number AND x.transaction_index = r.transaction_index
                 AND x.block_number BETWEEN $6::bigint AND $7::bigint
               LIMIT 1
           ) AS x
           LEFT JOIN chain.token_metadata AS m ON m.token = r.token
       )::text AS data
FROM chain.tip AS t
CROSS JOIN ends AS n
LEFT JOIN chain.derivations AS d ON d.derivation = 'token_transfers';
