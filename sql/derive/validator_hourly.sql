-- name: apply_validator_hourly :exec
-- Add what the blocks add to each validator's hours.
-- $1 first block, $2 last block
INSERT INTO validator_hourly AS h (
    hour, validator, blocks_proposed, proposals_missed, blocks_sealed, blocks_in_set, rounds_above_zero
)
SELECT hour, validator, blocks_proposed, proposals_missed, blocks_sealed, blocks_in_set, rounds_above_zero
FROM chain.validator_deltas($1::bigint, $2::bigint)
ON CONFLICT (hour, validator) DO UPDATE SET
    blocks_proposed = h.blocks_proposed + excluded.blocks_proposed,
    proposals_missed = h.proposals_missed + excluded.proposals_missed,
    blocks_sealed = h.blocks_sealed + excluded.blocks_sealed,
    blocks_in_set = h.blocks_in_set + excluded.blocks_in_set,
    rounds_above_zero = h.rounds_above_zero + excluded.rounds_above_zero;

-- name: revert_validator_hourly :exec
-- Take what the blocks added back.
-- $1 first block, $2 last block
UPDATE validator_hourly AS h SET
    blocks_proposed = h.blocks_proposed - d.blocks_proposed,
    proposals_missed = h.proposals_missed - d.proposals_missed,
    blocks_sealed = h.blocks_sealed - d.blocks_sealed,
    blocks_in_set = h.blocks_in_set - d.blocks_in_set,
    rounds_above_zero = h.rounds_above_zero - d.rounds_above_zero
FROM chain.validator_deltas($1::bigint, $2::bigint) AS d
WHERE h.hour = d.hour AND h.validator = d.validator;

-- name: delete_validator_hourly :exec
-- Forget the validators of whom nothing is left in the hours of these blocks.
-- $1 first block, $2 last block
DELETE FROM validator_hourly
WHERE hour IN (
    SELECT DISTINCT date_trunc('hour', timestamp, 'UTC') FROM chain.blocks
    WHERE number BETWEEN $1::bigint AND $2::bigint
)
AND (blocks_proposed, proposals_missed, blocks_sealed, blocks_in_set, rounds_above_zero) = (0, 0, 0, 0, 0);
