-- name: select_block_reward :one
-- Who proposed a block and the fees that it took; `data` is null where it is not indexed.
-- $1 number
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       CASE WHEN b.number IS NOT NULL THEN json_build_object(
           'blockNumber', b.number::text,
           'timeStamp', extract(epoch FROM b.timestamp)::bigint::text,
           'blockMiner', '0x' || encode(b.miner, 'hex'),
           'blockReward', (
               SELECT coalesce(sum(x.gas_used * (coalesce(x.effective_gas_price, x.gas_price) - coalesce(b.base_fee_per_gas, 0))), 0)
               FROM chain.transactions AS x WHERE x.block_number = $1::bigint
           )::text,
           'uncles', '[]'::json,
           'uncleInclusionReward', '0'
       ) END::text AS data
FROM chain.tip AS t
LEFT JOIN chain.blocks AS b ON b.number = $1::bigint;

-- name: select_newest_range :one
-- The newest range of blocks that are there without a gap.
-- There are no parameters.
SELECT lower(c.blocks) AS low, upper(c.blocks) - 1 AS high FROM chain.coverage AS c ORDER BY c.blocks DESC LIMIT 1;

-- name: select_block_pace :one
-- The head, and the mean time between blocks in the newest hour that has one.
-- There are no parameters.
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       (
           SELECT h.mean_block_time_s FROM chain.network_hourly AS h
           WHERE h.mean_block_time_s IS NOT NULL ORDER BY h.bucket DESC LIMIT 1
       ) AS mean_block_time_s,
       to_json('0x' || to_hex(t.head_number))::text AS data
FROM chain.tip AS t;
