-- name: select_wallets_blocks :value
-- The blocks that a page of wallets names.
-- $1 limit, $2 whether it runs upwards, $3 first block and $4 address of the cursor
WITH found AS (
    (
        SELECT a.* FROM chain.addresses AS a
        WHERE NOT $2::boolean AND a.contract_block IS NULL
          AND (a.first_block, a.address)
            < (coalesce($3::bigint, 9223372036854775807), coalesce($4::bytea, '\x'::bytea))
        ORDER BY a.first_block DESC, a.address DESC LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT a.* FROM chain.addresses AS a
        WHERE $2::boolean AND a.contract_block IS NULL
          AND (a.first_block, a.address) > (coalesce($3::bigint, -1), coalesce($4::bytea, '\x'::bytea))
        ORDER BY a.first_block, a.address LIMIT $1::integer + 1
    )
)
SELECT array_agg(DISTINCT b.number)
FROM found AS x
CROSS JOIN LATERAL (VALUES (x.first_block), (x.last_block)) AS b (number)
WHERE b.number IS NOT NULL;

-- name: select_wallets :one
-- A page of addresses that never behaved as contracts, by the block that saw them first.
-- $1 limit, $2 whether it runs upwards, $3 sequence of the cursor, $4 first block and $5 address of the cursor, $6 whether the list begins with the oldest, $7 blocks it is thought to name, or null where facts are plain tables
WITH found AS (
    (
        SELECT a.* FROM chain.addresses AS a
        WHERE NOT $2::boolean AND a.contract_block IS NULL
          AND (a.first_block, a.address)
            < (coalesce($4::bigint, 9223372036854775807), coalesce($5::bytea, '\x'::bytea))
        ORDER BY a.first_block DESC, a.address DESC LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT a.* FROM chain.addresses AS a
        WHERE $2::boolean AND a.contract_block IS NULL
          AND (a.first_block, a.address) > (coalesce($4::bigint, -1), coalesce($5::bytea, '\x'::bytea))
        ORDER BY a.first_block, a.address LIMIT $1::integer + 1
    )
), placed AS (
    SELECT f.*, row_number() OVER (ORDER BY f.first_block, f.address) AS height, count(*) OVER () AS found
    FROM found AS f
), rows AS (
    SELECT p.*, CASE WHEN $6::boolean THEN p.height ELSE -p.height END AS place
    FROM placed AS p
    WHERE CASE WHEN $2::boolean THEN p.height ELSE p.found + 1 - p.height END <= $1::integer
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (SELECT min(x.ancestor_number) FROM chain.reorgs AS x WHERE x.sequence > $3::bigint) AS reorged_to,
       (SELECT count(*) FROM found) > $1::integer AS more,
       (SELECT ARRAY[first_block::text, encode(address, 'hex')] FROM rows ORDER BY place LIMIT 1) AS first_key,
       (SELECT ARRAY[first_block::text, encode(address, 'hex')] FROM rows ORDER BY place DESC LIMIT 1) AS last_key,
       $7::bigint[] IS NULL OR NOT EXISTS (
           SELECT FROM rows AS r
           WHERE NOT r.first_block = ANY ($7::bigint[]) OR NOT r.last_block = ANY ($7::bigint[])
       ) AS hint_holds,
       (
           SELECT coalesce(json_agg(json_build_object(
               'address', '0x' || encode(r.address, 'hex'),
               'transaction_count', r.transaction_count,
               'sent_count', r.sent_count,
               'received_count', r.received_count,
               'created_count', r.created_count,
               'token_transfer_count', r.token_transfer_count,
               'nonce', r.nonce::text,
               'first_block', r.first_block,
               'first_seen', f.timestamp,
               'last_block', r.last_block,
               'last_seen', l.timestamp,
               'native', CASE WHEN n.address IS NOT NULL THEN json_build_object(
                   'balance', n.balance::text,
                   'block_number', n.block_number,
                   'block_hash', '0x' || encode(n.block_hash, 'hex'),
                   'fetched_at', n.fetched_at,
                   'fresh', n.block_number >= coalesce(r.last_block, 0)
                       AND NOT EXISTS (SELECT FROM chain.unread_balances AS u WHERE u.address = r.address)
               ) END,
               'tier', owned.tier
           ) ORDER BY r.place), '[]')
           FROM rows AS r
           LEFT JOIN chain.blocks AS f ON f.number = r.first_block AND ($7::bigint[] IS NULL OR f.number = ANY ($7::bigint[]))
           LEFT JOIN chain.blocks AS l ON l.number = r.last_block AND ($7::bigint[] IS NULL OR l.number = ANY ($7::bigint[]))
           LEFT JOIN chain.native_balances AS n ON n.address = r.address
           LEFT JOIN account_public.wallets AS owned ON owned.wallet = r.address
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'addresses';

-- name: select_wallet_blocks :value
-- The blocks that the answer about a wallet names.
-- $1 address
SELECT ARRAY[a.first_block, coalesce(a.last_block, a.first_block)] FROM chain.addresses AS a WHERE a.address = $1::bytea;

-- name: select_wallet :one
-- One wallet; `data` is null where no block has the address, or it behaved as a contract.
-- $1 address, $2 blocks it is thought to name, or null where facts are plain tables
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       a.contract_block,
       coalesce(a.first_block = ANY ($2::bigint[]) AND coalesce(a.last_block, a.first_block) = ANY ($2::bigint[]), true)
           AS hint_holds,
       CASE WHEN a.address IS NOT NULL AND a.contract_block IS NULL THEN json_build_object(
               'address', '0x' || encode(a.address, 'hex'),
               'transaction_count', a.transaction_count,
               'sent_count', a.sent_count,
               'received_count', a.received_count,
               'created_count', a.created_count,
               'token_transfer_count', a.token_transfer_count,
               'nonce', a.nonce::text,
               'first_block', a.first_block,
               'first_seen', f.timestamp,
               'last_block', a.last_block,
               'last_seen', l.timestamp,
               'native', CASE WHEN n.address IS NOT NULL THEN json_build_object(
                   'balance', n.balance::text,
                   'block_number', n.block_number,
                   'block_hash', '0x' || encode(n.block_hash, 'hex'),
                   'fetched_at', n.fetched_at,
                   'fresh', n.block_number >= coalesce(a.last_block, 0)
                       AND NOT EXISTS (SELECT FROM chain.unread_balances AS u WHERE u.address = a.address)
               ) END,
               'tier', owned.tier
           ) END::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'addresses'
LEFT JOIN chain.addresses AS a ON a.address = $1::bytea
LEFT JOIN chain.blocks AS f ON f.number = a.first_block AND ($2::bigint[] IS NULL OR f.number = ANY ($2::bigint[]))
LEFT JOIN chain.blocks AS l ON l.number = a.last_block AND ($2::bigint[] IS NULL OR l.number = ANY ($2::bigint[]))
LEFT JOIN chain.native_balances AS n ON n.address = a.address
LEFT JOIN account_public.wallets AS owned ON owned.wallet = a.address;
