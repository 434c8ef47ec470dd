-- name: select_history :one
-- How far the stored, final and decoded chain goes; no row: nothing is decoded yet.
-- $1 blocks below the head that are taken for final where the chain names none
SELECT t.head_number,
       CASE WHEN t.finalized_number >= 0 THEN t.finalized_number ELSE t.head_number - $1::integer END AS final_number,
       d.first_block, d.derived_to
FROM chain.tip AS t
JOIN chain.derivations AS d ON d.derivation = 'decoded_events' AND d.derived_to >= d.first_block
WHERE t.head_number IS NOT NULL;

-- name: select_block_times :many
-- When these blocks were made.
-- $1 block numbers
SELECT number, timestamp FROM chain.blocks WHERE number = ANY ($1::bigint[]);

-- name: select_block_hashes :many
-- The hashes of these blocks as they are stored now.
-- $1 block numbers
SELECT number, hash FROM chain.blocks WHERE number = ANY ($1::bigint[]);

-- name: select_open_transactions :many
-- A page of what was asked for and is not settled, the oldest first.
-- $1 time and $2 id of the last one before, $3 limit
SELECT id, kind, wallet, pool, chain_amount, transaction_hash, asked_at_block, created_at, expires_at
FROM account.open_transactions($1::timestamptz, $2::uuid, $3::integer);

-- name: select_transaction_locations :many
-- Where transactions are; those that are not stored are left out.
-- $1 hashes
SELECT hash, block_number, transaction_index FROM chain.transaction_locations WHERE hash = ANY ($1::bytea[]);

-- name: select_reverted :many
-- Those of these transactions that were reverted.
-- $1 block numbers, $2 hashes
SELECT hash FROM chain.transactions
WHERE block_number = ANY ($1::bigint[]) AND hash = ANY ($2::bytea[]) AND status = 0;

-- name: select_pool_events :many
-- A page of investments and withdrawals that wallets made in pools, the lowest first.
-- $1 wallets, $2 pools, $3 last block, $4 block and $5 log of the last one before, $6 limit
SELECT e.block_number, e.log_index, e.transaction_index, e.address AS pool, e.signature,
       chain.address_argument(e.arguments, 'investor') AS wallet, chain.number_argument(e.arguments, 'amount') AS amount
FROM chain.decoded_events AS e
WHERE e.signature IN ('Invested(address,uint256)', 'Withdrawn(address,uint256)')
  AND chain.address_argument(e.arguments, 'investor') = ANY ($1::bytea[]) AND e.address = ANY ($2::bytea[])
  AND e.block_number >= $4::bigint AND e.block_number <= $3::bigint
  AND (e.block_number, e.log_index) > ($4::bigint, $5::integer)
ORDER BY e.block_number, e.log_index
LIMIT $6::integer;

-- name: confirm_transaction :value
-- Settle with an event; false when that event is not what was asked for, or is another one's already.
-- $1 transaction, $2 block, $3 log
SELECT account.confirm_transaction($1::uuid, $2::bigint, $3::integer);

-- name: fail_transaction :value
-- Settle as failed; false when it is settled.
-- $1 transaction, $2 reason
SELECT account.fail_transaction($1::uuid, $2::text);

-- name: select_not_final_transactions :many
-- A page of settled legs whose block is not known to be final, the newest first.
-- $1 block and $2 log of the last one before, $3 limit
SELECT id, block_number, block_hash, log_index
FROM account.not_final_transactions($1::bigint, $2::integer, $3::integer);

-- name: unconfirm_transaction :value
-- Make pending again what a block settled that is no longer there; false when it is there, or cannot be.
-- $1 transaction
SELECT account.unconfirm_transaction($1::uuid);

-- name: finalize_transactions :value
-- Take legs up to a block for final; how many.
-- $1 block, $2 limit
SELECT account.finalize_transactions($1::bigint, $2::integer);
