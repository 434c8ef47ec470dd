-- name: select_tip :one
-- The highest stored block and what was announced; no row before a network is recorded.
-- no parameters
SELECT chain_id::text AS chain_id, consensus, outbox_sequence AS sequence, head_number, head_hash, finalized_number
FROM chain.tip;
