-- name: select_pools :one
-- A page of pools, the newest first.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 first block of the cursor, $5 its pool
WITH found AS (
    SELECT p.* FROM chain.pools AS p
    WHERE $4::bigint IS NULL
       OR CASE WHEN $2::boolean THEN (p.first_block, p.pool) > ($4::bigint, $5::bytea)
          ELSE (p.first_block, p.pool) < ($4::bigint, $5::bytea) END
), placed AS (
    SELECT f.*, CASE WHEN $2::boolean THEN row_number() OVER (ORDER BY f.first_block, f.pool)
                ELSE row_number() OVER (ORDER BY f.first_block DESC, f.pool DESC) END AS place
    FROM found AS f
), rows AS (
    SELECT * FROM placed WHERE place <= $1::integer
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (SELECT min(x.ancestor_number) FROM chain.reorgs AS x WHERE x.sequence > $3::bigint) AS reorged_to,
       EXISTS (SELECT FROM placed WHERE place > $1::integer) AS more,
       (SELECT ARRAY[r.first_block::text, encode(r.pool, 'hex')] FROM rows AS r
        ORDER BY r.first_block DESC, r.pool DESC LIMIT 1) AS first_key,
       (SELECT ARRAY[r.first_block::text, encode(r.pool, 'hex')] FROM rows AS r
        ORDER BY r.first_block, r.pool LIMIT 1) AS last_key,
       (
           SELECT coalesce(json_agg(json_build_object(
               'address', '0x' || encode(r.pool, 'hex'),
               'title', named.title,
               'status', named.status,
               'invested', r.invested::text,
               'withdrawn', r.withdrawn::text,
               'balance', r.balance::text,
               'wallet_count', r.wallet_count,
               'investor_count', r.investor_count,
               'investment_count', r.investment_count,
               'withdrawal_count', r.withdrawal_count,
               'first_block', r.first_block,
               'last_block', r.last_block
           ) ORDER BY r.first_block DESC, r.pool DESC), '[]')
           FROM rows AS r
           LEFT JOIN account_public.pools AS named ON named.pool = r.pool
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'decoded_events';

-- name: select_pool_begin :value
-- The lowest block in which a contract can have events; null where it has none. Emitting logs moves its first block, never its last.
-- $1 contract
SELECT coalesce(
    (SELECT a.first_block FROM chain.addresses AS a WHERE a.address = $1::bytea),
    (SELECT n.derived_to + 1 FROM chain.derivations AS n, chain.derivations AS d
     WHERE n.derivation = 'addresses' AND d.derivation = 'decoded_events' AND d.derived_to > n.derived_to)
);

-- name: select_pool :one
-- One pool; `data` is null for what is none.
-- $1 pool, $2 lowest block looked at
WITH positions AS (
    SELECT wallet,
           coalesce(sum(amount) FILTER (WHERE kind > 0), 0) AS invested,
           coalesce(sum(amount) FILTER (WHERE kind < 0), 0) AS withdrawn,
           count(*) FILTER (WHERE kind > 0) AS investments,
           count(*) FILTER (WHERE kind < 0) AS withdrawals,
           min(block_number) AS first_block, max(block_number) AS last_block
    FROM (
        SELECT chain.address_argument(e.arguments, 'investor') AS wallet,
               chain.number_argument(e.arguments, 'amount') AS amount,
               CASE e.signature WHEN 'Invested(address,uint256)' THEN 1 ELSE -1 END AS kind, e.block_number
        FROM chain.decoded_events AS e
        WHERE e.address = $1::bytea AND e.block_number >= $2::bigint
          AND e.signature IN ('Invested(address,uint256)', 'Withdrawn(address,uint256)')
    ) AS flow
    WHERE wallet IS NOT NULL AND amount IS NOT NULL
    GROUP BY wallet
    HAVING count(*) FILTER (WHERE kind > 0) > 0
), total AS (
    SELECT sum(p.invested) AS invested, sum(p.withdrawn) AS withdrawn, count(*) AS wallets,
           count(*) FILTER (WHERE p.invested > p.withdrawn) AS investors,
           sum(p.investments) AS investments, sum(p.withdrawals) AS withdrawals,
           min(p.first_block) AS first_block, max(p.last_block) AS last_block
    FROM positions AS p
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       NOT EXISTS (SELECT FROM chain.addresses AS a WHERE a.address = $1::bytea AND a.first_block < $2::bigint) AS hint_holds,
       CASE WHEN o.wallets > 0 THEN json_build_object(
           'address', '0x' || encode($1::bytea, 'hex'),
           'title', named.title,
           'status', named.status,
           'invested', o.invested::text,
           'withdrawn', o.withdrawn::text,
           'balance', (o.invested - o.withdrawn)::text,
           'wallet_count', o.wallets,
           'investor_count', o.investors,
           'investment_count', o.investments,
           'withdrawal_count', o.withdrawals,
           'first_block', o.first_block,
           'last_block', o.last_block
       ) END::text AS data
FROM chain.tip AS t
CROSS JOIN total AS o
LEFT JOIN chain.derivations AS d ON d.derivation = 'decoded_events'
LEFT JOIN account_public.pools AS named ON named.pool = $1::bytea;

-- name: select_pool_investors :one
-- A page of what wallets have put into one pool and taken out of it, the largest balance first.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 balance of the cursor, $5 its wallet, $6 pool, $7 lowest block looked at
WITH positions AS (
    SELECT wallet,
           coalesce(sum(amount) FILTER (WHERE kind > 0), 0) AS invested,
           coalesce(sum(amount) FILTER (WHERE kind < 0), 0) AS withdrawn,
           sum(amount * kind) AS balance,
           count(*) FILTER (WHERE kind > 0) AS investments,
           count(*) FILTER (WHERE kind < 0) AS withdrawals,
           min(block_number) AS first_block, max(block_number) AS last_block
    FROM (
        SELECT chain.address_argument(e.arguments, 'investor') AS wallet,
               chain.number_argument(e.arguments, 'amount') AS amount,
               CASE e.signature WHEN 'Invested(address,uint256)' THEN 1 ELSE -1 END AS kind, e.block_number
        FROM chain.decoded_events AS e
        WHERE e.address = $6::bytea AND e.block_number >= $7::bigint
          AND e.signature IN ('Invested(address,uint256)', 'Withdrawn(address,uint256)')
    ) AS flow
    WHERE wallet IS NOT NULL AND amount IS NOT NULL
    GROUP BY wallet
    HAVING count(*) FILTER (WHERE kind > 0) > 0
), found AS (
    SELECT p.* FROM positions AS p
    WHERE $4::numeric IS NULL
       OR CASE WHEN $2::boolean THEN (p.balance, p.wallet) > ($4::numeric, $5::bytea)
          ELSE (p.balance, p.wallet) < ($4::numeric, $5::bytea) END
), placed AS (
    SELECT f.*, CASE WHEN $2::boolean THEN row_number() OVER (ORDER BY f.balance, f.wallet)
                ELSE row_number() OVER (ORDER BY f.balance DESC, f.wallet DESC) END AS place
    FROM found AS f
), rows AS (
    SELECT * FROM placed WHERE place <= $1::integer
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (SELECT min(x.ancestor_number) FROM chain.reorgs AS x WHERE x.sequence > $3::bigint) AS reorged_to,
       EXISTS (SELECT FROM positions) AS is_pool,
       NOT EXISTS (SELECT FROM chain.addresses AS a WHERE a.address = $6::bytea AND a.first_block < $7::bigint) AS hint_holds,
       EXISTS (SELECT FROM placed WHERE place > $1::integer) AS more,
       (SELECT ARRAY[r.balance::text, encode(r.wallet, 'hex')] FROM rows AS r
        ORDER BY r.balance DESC, r.wallet DESC LIMIT 1) AS first_key,
       (SELECT ARRAY[r.balance::text, encode(r.wallet, 'hex')] FROM rows AS r
        ORDER BY r.balance, r.wallet LIMIT 1) AS last_key,
       (
           SELECT coalesce(json_agg(json_build_object(
               'wallet', '0x' || encode(r.wallet, 'hex'),
               'invested', r.invested::text,
               'withdrawn', r.withdrawn::text,
               'balance', r.balance::text,
               'investment_count', r.investments,
               'withdrawal_count', r.withdrawals,
               'first_block', r.first_block,
               'last_block', r.last_block
           ) ORDER BY r.balance DESC, r.wallet DESC), '[]')
           FROM rows AS r
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'decoded_events';

-- name: select_pool_flows :one
-- A page of investments into one pool and withdrawals from it, newest first.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 block of the cursor, $5 its log, $6 pool, $7 lowest and $8 highest block looked at
WITH found AS (
    (
        SELECT e.* FROM chain.decoded_events AS e
        WHERE NOT $2::boolean AND e.address = $6::bytea AND e.block_number BETWEEN $7::bigint AND $8::bigint
          AND e.signature IN ('Invested(address,uint256)', 'Withdrawn(address,uint256)')
          AND chain.address_argument(e.arguments, 'investor') IS NOT NULL
          AND chain.number_argument(e.arguments, 'amount') IS NOT NULL
          AND ($4::bigint IS NULL OR (e.block_number, e.log_index) < ($4::bigint, $5::integer))
        ORDER BY e.block_number DESC, e.log_index DESC LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT e.* FROM chain.decoded_events AS e
        WHERE $2::boolean AND e.address = $6::bytea AND e.block_number BETWEEN $7::bigint AND $8::bigint
          AND e.signature IN ('Invested(address,uint256)', 'Withdrawn(address,uint256)')
          AND chain.address_argument(e.arguments, 'investor') IS NOT NULL
          AND chain.number_argument(e.arguments, 'amount') IS NOT NULL
          AND (e.block_number, e.log_index) > ($4::bigint, $5::integer)
        ORDER BY e.block_number, e.log_index LIMIT $1::integer + 1
    )
), placed AS (
    SELECT f.*, CASE WHEN $2::boolean THEN row_number() OVER (ORDER BY f.block_number, f.log_index)
                ELSE row_number() OVER (ORDER BY f.block_number DESC, f.log_index DESC) END AS place
    FROM found AS f
), rows AS (
    SELECT * FROM placed WHERE place <= $1::integer
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (SELECT min(x.ancestor_number) FROM chain.reorgs AS x WHERE x.sequence > $3::bigint) AS reorged_to,
       (SELECT count(*) FROM found) > $1::integer AS more,
       (SELECT ARRAY[r.block_number::text, r.log_index::text] FROM rows AS r
        ORDER BY r.block_number DESC, r.log_index DESC LIMIT 1) AS first_key,
       (SELECT ARRAY[r.block_number::text, r.log_index::text] FROM rows AS r
        ORDER BY r.block_number, r.log_index LIMIT 1) AS last_key,
       (
           SELECT coalesce(json_agg(json_build_object(
               'kind', CASE r.signature WHEN 'Invested(address,uint256)' THEN 'investment' ELSE 'withdrawal' END,
               'wallet', '0x' || encode(chain.address_argument(r.arguments, 'investor'), 'hex'),
               'amount', chain.number_argument(r.arguments, 'amount')::text,
               'block_number', r.block_number,
               'log_index', r.log_index,
               'transaction_index', r.transaction_index,
               'transaction_hash', '0x' || encode(x.hash, 'hex'),
               'timestamp', x.timestamp,
               'final', r.block_number <= coalesce(t.finalized_number, -1)
           ) ORDER BY r.block_number DESC, r.log_index DESC), '[]')
           FROM rows AS r
           JOIN chain.transactions AS x ON x.block_number = r.block_number
               AND x.transaction_index = r.transaction_index AND x.block_number BETWEEN $7::bigint AND $8::bigint
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'decoded_events';

-- name: select_pool_series :one
-- What came into one pool and went out in each hour or day that had blocks, and what was in it after each, oldest first.
-- $1 'hour' or 'day', $2 first time, or null: $4 before the last, $3 time after the last, or null: after the newest, $4 span, $5 pool, $6 lowest block looked at
WITH newest AS (
    SELECT CASE $1::text WHEN 'hour' THEN (SELECT max(bucket) FROM chain.network_hourly)
           ELSE (SELECT max(bucket) FROM chain.network_daily) END AS bucket
), until AS (
    SELECT coalesce($3::timestamptz, n.bucket + ('1 ' || $1::text)::interval) AS time FROM newest AS n
), since AS (
    SELECT date_trunc($1::text, coalesce($2::timestamptz, u.time - $4::interval), 'UTC') AS time FROM until AS u
), buckets AS MATERIALIZED (
    (
        SELECT n.bucket, n.first_block, n.last_block FROM chain.network_hourly AS n
        WHERE $1::text = 'hour' AND n.bucket < (SELECT u.time FROM until AS u)
          AND n.last_block >= $6::bigint
    )
    UNION ALL
    (
        SELECT n.bucket, n.first_block, n.last_block FROM chain.network_daily AS n
        WHERE $1::text = 'day' AND n.bucket < (SELECT u.time FROM until AS u)
          AND n.last_block >= $6::bigint
    )
), flows AS MATERIALIZED (
    SELECT e.block_number, chain.number_argument(e.arguments, 'amount') AS amount,
           e.signature = 'Invested(address,uint256)' AS is_investment
    FROM chain.decoded_events AS e
    WHERE e.address = $5::bytea AND e.block_number >= $6::bigint
      AND e.signature IN ('Invested(address,uint256)', 'Withdrawn(address,uint256)')
      AND chain.address_argument(e.arguments, 'investor') IS NOT NULL
      AND chain.number_argument(e.arguments, 'amount') IS NOT NULL
), placed AS (
    -- Both in order of blocks: the bucket of a flow is the last that begins up to it.
    SELECT z.bucket, z.last_block, f.amount, f.is_investment
    FROM (
        SELECT q.*, count(q.bucket) OVER (ORDER BY q.block_number, q.bucket NULLS LAST) AS nth
        FROM (
            SELECT b.first_block AS block_number, b.bucket, NULL::numeric AS amount, NULL::boolean AS is_investment
            FROM buckets AS b
            UNION ALL
            SELECT w.block_number, NULL, w.amount, w.is_investment FROM flows AS w
        ) AS q
    ) AS f
    JOIN (SELECT b.*, row_number() OVER (ORDER BY b.bucket) AS nth FROM buckets AS b) AS z USING (nth)
), sums AS (
    SELECT p.bucket, max(p.last_block) AS last_block,
           coalesce(sum(p.amount) FILTER (WHERE p.is_investment), 0) AS invested,
           coalesce(sum(p.amount) FILTER (WHERE NOT p.is_investment), 0) AS withdrawn,
           count(*) FILTER (WHERE p.is_investment) AS investments,
           count(*) FILTER (WHERE NOT p.is_investment) AS withdrawals
    FROM placed AS p
    GROUP BY p.bucket
), points AS (
    SELECT s.*, sum(s.invested - s.withdrawn) OVER (ORDER BY s.bucket) AS balance FROM sums AS s
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       greatest(d.first_block, n.first_block) AS complete_from, least(d.derived_to, n.derived_to) AS complete_to,
       (SELECT w.bucket FROM newest AS w) AS newest,
       (SELECT max(p.last_block) FROM points AS p) AS last_block,
       EXISTS (SELECT FROM flows AS f WHERE f.is_investment) AS is_pool,
       NOT EXISTS (SELECT FROM chain.addresses AS a WHERE a.address = $5::bytea AND a.first_block < $6::bigint) AS hint_holds,
       json_build_object(
           'address', '0x' || encode($5::bytea, 'hex'),
           'interval', $1::text,
           'from', (SELECT s.time FROM since AS s),
           'to', (SELECT u.time FROM until AS u),
           'points', (
               SELECT coalesce(json_agg(json_build_object(
                   'time', p.bucket,
                   'invested', p.invested::text,
                   'withdrawn', p.withdrawn::text,
                   'balance', p.balance::text,
                   'investment_count', p.investments,
                   'withdrawal_count', p.withdrawals
               ) ORDER BY p.bucket), '[]')
               FROM points AS p
               WHERE p.bucket >= (SELECT s.time FROM since AS s)
           )
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'decoded_events'
LEFT JOIN chain.derivations AS n ON n.derivation = 'addresses';
