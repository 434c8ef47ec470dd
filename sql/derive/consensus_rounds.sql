-- name: select_consensus :value
-- By which rule the network agrees; none before it is known.
-- no parameters
SELECT consensus FROM chain.chain_state;

-- name: select_headers :many
-- Everything that is hashed of blocks $1…$2.
-- $1 first block, $2 last block
SELECT number, extract(epoch FROM timestamp) AS timestamp, parent_hash, miner, gas_limit, gas_used,
       base_fee_per_gas, difficulty, nonce, mix_hash, sha3_uncles, state_root, transactions_root, receipts_root,
       logs_bloom, extra_data, withdrawals_root, blob_gas_used, excess_blob_gas, parent_beacon_block_root,
       requests_hash, block_access_list_hash, slot_number
FROM chain.blocks
WHERE number BETWEEN $1::bigint AND $2::bigint
ORDER BY number;

-- name: select_agreed_before :one
-- The last derived block below $1, its validators and the set that is trusted since.
-- $1 block
SELECT r.block_number, r.proposer, r.vote_address, r.proven, r.set_from, s.validators, r.trusted_from,
       t.validators AS trusted
FROM consensus_rounds AS r
JOIN validators AS s ON s.from_block = r.set_from
LEFT JOIN validators AS t ON t.from_block = r.trusted_from
WHERE r.block_number < $1::bigint
ORDER BY r.block_number DESC
LIMIT 1;

-- name: select_open_votes :many
-- The latest vote below block $3 of each of some validators on each of some addresses, where nothing voids it.
-- $1 addresses voted on, $2 validators, $3 block
SELECT subject.address AS subject, voter.address AS voter, vote.vote_add
FROM unnest($1::bytea[]) AS subject (address)
CROSS JOIN unnest($2::bytea[]) AS voter (address)
CROSS JOIN LATERAL (
    SELECT r.block_number, r.vote_add FROM consensus_rounds AS r
    WHERE r.vote_address = subject.address AND r.proposer = voter.address AND r.block_number < $3::bigint
    ORDER BY r.block_number DESC
    LIMIT 1
) AS vote
WHERE NOT EXISTS (
    SELECT FROM validators AS v
    WHERE v.from_block > vote.block_number AND v.from_block < $3::bigint
      AND (v.added IS NULL OR v.epoch OR (v.added || v.removed) && ARRAY[subject.address, voter.address])
);

-- name: delete_consensus_rounds :exec
-- Forget how blocks $1…$2 were agreed on.
-- $1 first block, $2 last block
DELETE FROM consensus_rounds WHERE block_number BETWEEN $1::bigint AND $2::bigint;

-- name: delete_validators :exec
-- Forget the sets that begin in blocks $1…$2.
-- $1 first block, $2 last block
DELETE FROM validators WHERE from_block BETWEEN $1::bigint AND $2::bigint;
