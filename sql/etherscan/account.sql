-- name: select_balances :one
-- Balances as they were last read from the node, in the order asked for; null where one may have changed since.
-- $1 addresses
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       (
           SELECT json_agg(json_build_object(
               'account', '0x' || encode(a.address, 'hex'),
               'balance', CASE WHEN u.address IS NULL AND greatest(n.block_number, p.last_block) >= t.head_number
                               THEN n.balance::text END
           ) ORDER BY a.place)
           FROM unnest($1::bytea[]) WITH ORDINALITY AS a (address, place)
           LEFT JOIN chain.native_balances AS n ON n.address = a.address
           LEFT JOIN chain.unread_balances AS u ON u.address = a.address
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.fetch_progress AS p ON p.fetched = 'native_balances';

-- name: select_mined_block_numbers :value
-- The blocks of a page of what one validator proposed, newest first.
-- $1 proposer, $2 rows, $3 rows before them
SELECT coalesce(array_agg(p.block_number), '{}') FROM (
    SELECT r.block_number FROM chain.consensus_rounds AS r WHERE r.proposer = $1::bytea
    ORDER BY r.block_number DESC LIMIT $2::bigint OFFSET $3::bigint
) AS p;

-- name: select_mined_blocks :one
-- A page of the blocks that one validator proposed, newest first, with the fees that it took.
-- $1 proposer, $2 rows, $3 rows before them, $4 numbers of the blocks of the page
WITH keys AS (
    SELECT r.block_number FROM chain.consensus_rounds AS r WHERE r.proposer = $1::bytea
    ORDER BY r.block_number DESC LIMIT $2::bigint OFFSET $3::bigint
), rows AS (
    SELECT b.number, b.timestamp, b.base_fee_per_gas
    FROM keys AS k
    JOIN chain.blocks AS b ON b.number = k.block_number
    WHERE b.number = ANY ($4::bigint[])
), fees AS (
    SELECT x.block_number, sum(x.gas_used * (coalesce(x.effective_gas_price, x.gas_price) - coalesce(r.base_fee_per_gas, 0))) AS fees
    FROM rows AS r
    JOIN chain.transactions AS x ON x.block_number = r.number
    WHERE x.block_number = ANY ($4::bigint[])
    GROUP BY x.block_number
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number, t.consensus,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (SELECT coalesce(bool_and(k.block_number = ANY ($4::bigint[])), true) FROM keys AS k) AS covered,
       (
           SELECT coalesce(json_agg(json_build_object(
               'blockNumber', r.number::text,
               'timeStamp', extract(epoch FROM r.timestamp)::bigint::text,
               'blockReward', coalesce(f.fees, 0)::text
           ) ORDER BY r.number DESC), '[]')
           FROM rows AS r LEFT JOIN fees AS f ON f.block_number = r.number
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'consensus_rounds';

-- name: select_accounts :one
-- A page of every address seen, in the order of addresses.
-- $1 rows, $2 rows before them
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (
           SELECT coalesce(json_agg(json_build_object(
               'address', '0x' || encode(p.address, 'hex'),
               'balance', coalesce(n.balance, 0)::text,
               'stale', n.address IS NULL OR u.address IS NOT NULL
           ) ORDER BY p.address), '[]')
           FROM (
               SELECT a.address FROM chain.addresses AS a ORDER BY a.address LIMIT $1::bigint OFFSET $2::bigint
           ) AS p
           LEFT JOIN chain.native_balances AS n ON n.address = p.address
           LEFT JOIN chain.unread_balances AS u ON u.address = p.address
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'addresses';
