-- name: select_fees_of_day :one
-- What the transactions of one day (UTC) paid; `data` is null where no block of it is derived.
-- $1 day
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (
           SELECT json_build_object('total_fees', n.fees::text) FROM chain.network_daily AS n
           WHERE n.bucket = $1::timestamptz
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'addresses';

-- name: select_gas_prices :one
-- What the transactions of the newest blocks paid for gas, in gwei above the base fee and with it.
-- $1 lowest block, $2 highest block
WITH paid AS (
    SELECT coalesce(x.effective_gas_price, x.gas_price) AS price FROM chain.transactions AS x
    WHERE x.block_number BETWEEN $1::bigint AND $2::bigint
), newest AS (
    SELECT b.number, b.base_fee_per_gas, b.gas_used::numeric / nullif(b.gas_limit, 0) AS ratio FROM chain.blocks AS b
    WHERE b.number BETWEEN $1::bigint AND $2::bigint ORDER BY b.number DESC LIMIT 5
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       t.head_number BETWEEN $1::bigint AND $2::bigint AS covered,
       (
           SELECT json_build_object(
               'LastBlock', t.head_number::text,
               'SafeGasPrice', trim_scale(coalesce(percentile_disc(0.1) WITHIN GROUP (ORDER BY p.price), 0) / 1e9)::text,
               'ProposeGasPrice', trim_scale(coalesce(percentile_disc(0.5) WITHIN GROUP (ORDER BY p.price), 0) / 1e9)::text,
               'FastGasPrice', trim_scale(coalesce(percentile_disc(0.9) WITHIN GROUP (ORDER BY p.price), 0) / 1e9)::text,
               'suggestBaseFee', (SELECT trim_scale(coalesce(n.base_fee_per_gas, 0) / 1e9)::text FROM newest AS n ORDER BY n.number DESC LIMIT 1),
               'gasUsedRatio', (SELECT string_agg(trim_scale(round(n.ratio, 15))::text, ',' ORDER BY n.number DESC) FROM newest AS n)
           )
           FROM paid AS p
       )::text AS data
FROM chain.tip AS t;

-- name: select_network :one
-- Which network this is.
-- There are no parameters.
SELECT chain_id::text AS chain_id, '0x' || encode(genesis_hash, 'hex') AS genesis_hash FROM chain.chain_state;
